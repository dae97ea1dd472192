import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from splitlab.data import exports as coco_export
from splitlab.data import exports as photo_files
from splitlab.data import exports as yolo_export
from splitlab.data.dataset import Dataset, ImageLabels, IndexedMask, LabelState, ObjectLabel, TrainVal
from splitlab.data.exports import YoloLabels, _name_photos, _trace_outline, export_coco, export_yolo
from splitlab.data.formats.coco import read_coco_folder
from splitlab.data.formats.yolo import read_yolo_folder
from splitlab.data.masks import read_mask
from splitlab.data.split import Split, as_split, without_masks
from splitlab.errors import DataError, SplitError
from splitlab.geometry import mask_to_rle, polygons_to_rle, rle_area, rle_to_mask, rle_to_xyxy

EXPORTS = [export_coco, export_yolo]


def objects_of(dataset):
    return [
        [(o.class_index, np.round(o.box, 3).tolist(), o.mask and read_mask(o.mask), o.is_crowd) for o in image.objects]
        for image in dataset.images
    ]


def blob(rng, side=120):
    """A random shape of one or more parts, cut by the image's edges."""
    noise = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), float(rng.uniform(6, 12)))
    return noise > np.quantile(noise, rng.uniform(0.6, 0.9))


def without_holes(mask):
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), contours, -1, 1, -1).astype(bool)


def one_image(tmp_path, objects, image_id=1, side=120, name="photo.png"):
    path = tmp_path / "photos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side)).save(path)
    image = ImageLabels(image_id, path, side, side, tuple(objects))
    dataset = Dataset("drawn", ("a", "b"), (1, 2), (image,), "hash", "CC0-1.0")
    return TrainVal(dataset, dataset)


def masked(mask, class_index=0, **changes):
    rle = mask_to_rle(mask)
    return ObjectLabel(class_index, tuple(rle_to_xyxy(rle).tolist()), rle, **changes)


def test_coco_reads_back_equal(tiny, tmp_path):
    back = read_coco_folder(export_coco(tiny, tmp_path / "out"))
    assert back.train.class_names == tiny.train.class_names
    assert back.train.category_ids == tiny.train.category_ids
    for before, after in ((tiny.train, back.train), (tiny.val, back.val)):
        assert [image.image_id for image in after.images] == [image.image_id for image in before.images]
        assert objects_of(after) == objects_of(before)
        assert all(image.path.is_file() for image in after.images)


def test_coco_keeps_crowds_boxes_without_masks_and_the_licence(tmp_path):
    mask = blob(np.random.default_rng(0))
    boxed = ObjectLabel(1, (1.25, 2.5, 30.75, 40.0), None)
    data = one_image(tmp_path, [masked(mask, is_crowd=True), boxed, masked(mask, 1)])
    back = read_coco_folder(export_coco(data, tmp_path / "out"))
    assert objects_of(back.train) == objects_of(data.train)
    assert back.train.licence == "CC0-1.0"
    assert not back.train.images[0].can_be_full


def test_named_images_get_numbers_and_keep_their_name(tmp_path):
    data = one_image(tmp_path, [], image_id="town/2007_000032")
    out = export_coco(data, tmp_path / "out")
    (image,) = json.loads((out / "instances_train.json").read_text())["images"]
    assert (image["id"], image["file_name"]) == (1, "town/2007_000032.png")
    assert (out / "images" / "train" / "town" / "2007_000032.png").is_file()


def test_category_ids_that_do_not_rise_are_numbered_anew_so_that_classes_keep_their_order(tmp_path):
    data = one_image(tmp_path, [masked(blob(np.random.default_rng(0)), 1)])
    odd = replace(data.train, category_ids=(7, 3))
    back = read_coco_folder(export_coco(TrainVal(odd, odd), tmp_path / "out"))
    assert (back.train.class_names, back.train.images[0].objects[0].class_index) == (("a", "b"), 1)


def test_masks_on_disk_are_exported_as_they_read(tmp_path):
    data = one_image(tmp_path, [])
    indices = np.zeros((120, 120), np.uint8)
    indices[10:50, 20:60] = 2
    Image.fromarray(indices).save(tmp_path / "indices.png")
    seen, unseen = (ObjectLabel(0, (20, 10, 60, 50), IndexedMask(tmp_path / "indices.png", value)) for value in (2, 3))
    train = replace(data.train, images=(replace(data.train.images[0], objects=(seen, unseen)),))
    data = TrainVal(train, train)
    for back in (
        read_coco_folder(export_coco(data, tmp_path / "coco")),
        read_yolo_folder(export_yolo(data, tmp_path / "yolo")),
    ):
        (found,) = back.train.images[0].objects
        assert (rle_to_mask(found.mask) == (indices == 2)).all()


def test_yolo_reads_back_the_classes_boxes_and_photos(tiny, tmp_path):
    back = read_yolo_folder(export_yolo(tiny, tmp_path / "out"))
    assert back.train.class_names == tiny.train.class_names
    by_name = {image.path.stem: image for image in tiny.train.images}
    for after in back.train.images:
        before = by_name[str(after.image_id)]
        assert [o.class_index for o in after.objects] == [o.class_index for o in before.objects]
        np.testing.assert_allclose([o.box for o in after.objects], [o.box for o in before.objects], atol=0.01)


@pytest.mark.parametrize("seed", range(30))
def test_random_blobs_come_back_from_yolo_as_they_were(tmp_path, seed):
    mask = without_holes(blob(np.random.default_rng(seed)))
    assert mask.sum() > 400
    back = read_yolo_folder(export_yolo(one_image(tmp_path, [masked(mask)]), tmp_path / "out"))
    found = rle_to_mask(back.train.images[0].objects[0].mask)
    assert (found & mask).sum() / (found | mask).sum() >= 0.97


def test_discs_neither_shrink_nor_grow(tmp_path):
    y, x = np.mgrid[:120, :120]
    rng = np.random.default_rng(3)
    discs = [(x - cx) ** 2 + (y - cy) ** 2 <= 20**2 for cx, cy in rng.uniform(25, 95, (20, 2))]
    back = read_yolo_folder(export_yolo(one_image(tmp_path, map(masked, discs)), tmp_path / "out"))
    ratios = [rle_area(o.mask) / disc.sum() for o, disc in zip(back.train.images[0].objects, discs, strict=True)]
    assert abs(np.mean(ratios) - 1) < 0.01


@pytest.mark.parametrize("shape", ["pixel", "row", "diagonal", "rectangle", "all"])
def test_shapes_of_few_pixels_and_the_whole_image_are_outlined_exactly(shape):
    mask = np.zeros((9, 12), bool)
    places = {"pixel": np.s_[4, 5], "row": np.s_[3, 2:9], "rectangle": np.s_[2:5, 3:8], "all": np.s_[:, :]}
    if shape == "diagonal":
        mask[range(3, 7), range(3, 7)] = True
    else:
        mask[places[shape]] = True
    outline = _trace_outline(mask_to_rle(mask))
    assert len(outline) >= 3
    found = rle_to_mask(polygons_to_rle([outline.ravel().tolist()], 9, 12))
    assert (found == mask).mean() > 0.95
    assert rle_to_xyxy(mask_to_rle(mask)).tolist() == [*outline.min(axis=0), *outline.max(axis=0)]


def test_parts_are_joined_and_holes_are_filled():
    mask = np.zeros((60, 80), bool)
    mask[5:20, 5:25], mask[30:50, 10:40], mask[8:15, 60:75] = True, True, True
    filled = mask.copy()
    mask[35:40, 20:30] = False
    outline = _trace_outline(mask_to_rle(mask))
    assert (rle_to_mask(polygons_to_rle([outline.ravel().tolist()], 60, 80)) == filled).all()


def test_yolo_leaves_crowds_out_and_writes_a_box_where_there_is_no_mask(tmp_path):
    mask = blob(np.random.default_rng(0))
    data = one_image(tmp_path, [masked(mask, is_crowd=True), ObjectLabel(1, (30, 60, 90, 130), None)])
    out = export_yolo(data, tmp_path / "out")
    assert (out / "labels" / "train" / "photo.txt").read_text() == "1 0.500000 0.750000 0.500000 0.500000\n"
    assert yaml.safe_load((out / "data.yaml").read_text())["names"] == {0: "a", 1: "b"}


def test_class_names_that_yaml_takes_for_something_else_stay_texts(tmp_path):
    odd = ("no", "1.0")
    data = one_image(tmp_path, [])
    train = replace(data.train, class_names=odd)
    assert read_yolo_folder(export_yolo(TrainVal(train, train), tmp_path / "out")).train.class_names == odd


def test_labels_come_back_from_yolo_where_lists_of_photos_headed_the_data_set(tiny, tmp_path):
    listed = export_yolo(tiny, tmp_path / "listed")
    for subset in ("train", "val"):
        photos = sorted((listed / "images" / subset).iterdir())
        (listed / f"{subset}.txt").write_text("".join(f"./images/{subset}/{photo.name}\n" for photo in photos))
    head = yaml.safe_load((listed / "data.yaml").read_text()) | {"train": "train.txt", "val": "val.txt"}
    (listed / "data.yaml").write_text(yaml.safe_dump(head))
    before = read_yolo_folder(listed)
    assert str(before.train.images[0].image_id).startswith("images/train/")
    after = read_yolo_folder(export_yolo(before, tmp_path / "out"))
    assert sum(len(image.objects) for image in before.train.images) > 0
    # Four places behind the point are written; sizes stay, so boxes agree to a hundredth of a pixel.
    for one, other in ((before.train, after.train), (before.val, after.val)):
        assert [[o.class_index for o in image.objects] for image in other.images] == [
            [o.class_index for o in image.objects] for image in one.images
        ]
        boxes = [[o.box for image in dataset.images for o in image.objects] for dataset in (one, other)]
        np.testing.assert_allclose(*boxes, atol=0.01)


def test_photos_are_second_names_of_the_same_file_or_copies(tiny, tmp_path, monkeypatch):
    linked = read_coco_folder(export_coco(tiny, tmp_path / "linked")).train.images[0].path
    assert linked.samefile(tiny.train.images[0].path)

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    copied = read_coco_folder(export_coco(tiny, tmp_path / "copied")).train.images[0].path
    assert not copied.samefile(linked)
    assert copied.read_bytes() == linked.read_bytes()


def test_a_linked_photo_is_exported_as_a_file(tmp_path):
    data = one_image(tmp_path, [])
    real = data.train.images[0].path
    link = real.with_name("link.png")
    link.symlink_to(real.name)
    train = replace(data.train, images=(replace(data.train.images[0], path=link),))
    out = export_coco(TrainVal(train, train), tmp_path / "out")
    assert not (out / "images" / "train" / "link.png").is_symlink()


def test_photo_names_are_unique_without_ending_and_case_and_lead_nowhere():
    numbered = [(1, "x/a.jpg"), (2, "y/a.png"), (3, "z/A.jpg"), (4, "2_a.jpg")]
    ids_and_files = [*numbered, ("../../up", "up.jpg"), ("/p", "p.jpg")]
    images = [ImageLabels(image_id, Path(file), 9, 9, ()) for image_id, file in ids_and_files]
    names = _name_photos(images)
    assert [str(name) for name in names] == ["a.jpg", "2_a.png", "3_A.jpg", "4_2_a.jpg", "up.jpg", "p.jpg"]


def test_yolo_puts_no_photo_into_another_folder_called_images_and_all_keep_names_of_their_own(tmp_path):
    ids = ["images/train/a", "train/a", "deep/images/images/b", "images", "images/images"]
    data = one_image(tmp_path, [])
    images = tuple(replace(data.train.images[0], image_id=image_id) for image_id in ids)
    out = export_yolo(replace(data, train=replace(data.train, images=images)), tmp_path / "out")
    names = ["5_images", "deep/b", "images", "train/2_a", "train/a"]
    for kind in ("images", "labels"):
        files = [path for path in (out / kind / "train").rglob("*") if path.is_file()]
        assert sorted(path.relative_to(out / kind / "train").with_suffix("").as_posix() for path in files) == names


@pytest.mark.parametrize("export", EXPORTS)
def test_a_folder_that_has_something_is_refused_and_an_empty_one_is_taken(tiny, tmp_path, export):
    out = tmp_path / "out"
    out.mkdir()
    export(tiny, out)
    with pytest.raises(DataError, match="is there already"):
        export(tiny, out)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is there already"):
        export(tiny, tmp_path / "file")
    with pytest.raises(DataError, match="cannot be written"):
        export(tiny, tmp_path / "file" / "below")


@pytest.mark.parametrize("export", EXPORTS)
def test_a_missing_photo_ends_it_and_leaves_nothing(tmp_path, export):
    data = one_image(tmp_path, [])
    data.train.images[0].path.unlink()
    with pytest.raises(DataError, match=r"photo\.png does not exist"):
        export(data, tmp_path / "outs" / "out")
    assert list((tmp_path / "outs").iterdir()) == []


@pytest.mark.parametrize(("export", "module"), [(export_coco, coco_export), (export_yolo, yolo_export)])
def test_a_full_disk_ends_it_and_leaves_nothing(tiny, tmp_path, export, module, monkeypatch):
    calls = []

    def place_three(source, target):
        calls.append(target)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        photo_files._place_photo(source, target)

    monkeypatch.setattr(module, "_place_photo", place_three)
    with pytest.raises(DataError, match="No space left"):
        export(tiny, tmp_path / "outs" / "out")
    assert list((tmp_path / "outs").iterdir()) == []


@pytest.mark.parametrize("export", EXPORTS)
def test_a_box_that_is_no_number_is_answered_in_a_sentence(tmp_path, export):
    data = one_image(tmp_path, [ObjectLabel(0, (0.0, float("nan"), 5.0, 5.0), None)])
    with pytest.raises(DataError, match="is not a number"):
        export(data, tmp_path / "out")


@pytest.mark.parametrize("export", EXPORTS)
def test_every_image_is_reported(tiny, tmp_path, export):
    told = []
    export(tiny, tmp_path / "out", lambda *what: told.append(what))
    assert told[11] == ("export train", 12, 12)
    assert told[-1] == ("export val", 4, 4)


def test_a_split_keeps_masks_in_f_only_and_no_other_photo(tiny, tmp_path):
    split = Split((3, 1), (7,), 0, tiny.train.source_hash)
    part = as_split(tiny, split)
    assert [(image.image_id, image.can_be_full) for image in part.train.images] == [(3, True), (1, True), (7, False)]
    assert part.train.by_id[7].objects[0].box == tiny.train.by_id[7].objects[0].box
    assert part.val is tiny.val
    back = read_coco_folder(export_coco(part, tmp_path / "coco"))
    assert sorted(image.can_be_full for image in back.train.images) == [False, True, True]


def test_a_split_keeps_no_pool_that_names_photos_it_lacks(tiny):
    train = replace(tiny.train, few_shot_pool=(1, 2), paper_pools=((1, 2), (3, 4)))
    part = as_split(replace(tiny, train=train), Split((3,), (7,), 0, train.source_hash))
    assert (part.train.few_shot_pool, part.train.paper_pools) == ((), ())


@pytest.fixture
def mixed(tiny):
    """A split: five images with masks, four with boxes, and masks in val."""
    ids = [image.image_id for image in tiny.train.images]
    return as_split(tiny, Split(tuple(ids[:5]), tuple(ids[5:9]), 0, tiny.train.source_hash))


def test_masks_beside_boxes_are_refused_for_yolo_before_anything_is_written(mixed, tmp_path):
    with pytest.raises(DataError, match=r"5 objects .* in train have masks and 4 have boxes only.*--labels boxes"):
        export_yolo(mixed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


LOAD_WITH_ULTRALYTICS = """
import json, sys, yaml
from ultralytics.data.dataset import YOLODataset

for folder, task in zip(sys.argv[1::2], sys.argv[2::2]):
    with open(f"{folder}/data.yaml") as file:
        head = yaml.safe_load(file) | {"channels": 3}
    labels = YOLODataset(img_path=f"{folder}/images/train", data=head, task=task, imgsz=64).labels
    print(json.dumps([[i["im_file"], i["bboxes"].tolist(), len(i["segments"])] for i in labels]))
"""


def test_ultralytics_loads_all_objects_of_a_mixed_split_either_way(mixed, tmp_path):
    boxes = export_yolo(mixed, tmp_path / "boxes", labels=YoloLabels.BOXES)
    outlines = export_yolo(mixed, tmp_path / "outlines", labels=YoloLabels.OUTLINES)
    # In a process of its own: this part of Ultralytics replaces Pillow's way to open images.
    words = [sys.executable, "-c", LOAD_WITH_ULTRALYTICS, str(boxes), "detect", str(outlines), "segment"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    detect, segment = (json.loads(line) for line in said.splitlines() if line.startswith("[["))
    assert [sum(count for *_, count in loaded) for loaded in (detect, segment)] == [0, 9]
    for loaded in (detect, segment):
        found = {Path(file).stem: image_boxes for file, image_boxes, _ in loaded}
        for image in mixed.train.images:
            left, top, right, bottom = np.array(image.objects[0].box) / image.width
            expected = [[(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]]
            np.testing.assert_allclose(found[image.path.stem], expected, atol=1e-4)


def test_a_part_with_boxes_alone_or_masks_alone_needs_no_choice(tiny, tmp_path):
    boxes = as_split(tiny, Split((), (1, 2), 0, tiny.train.source_hash))
    out = export_yolo(boxes, tmp_path / "out")
    lines = [path.read_text().split() for path in (out / "labels" / "train").iterdir()]
    assert [len(words) for words in lines] == [5, 5]


def test_pycocotools_evaluates_masks_of_an_export_that_has_objects_with_boxes_only(mixed, tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(str(export_coco(mixed, tmp_path / "out") / "instances_train.json"))
    found = [{**one, "segmentation": truth.annToRLE(one), "score": 1} for one in truth.anns.values()]
    evaluation = COCOeval(truth, truth.loadRes(found), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert len(found) == 9
    assert evaluation.stats[0] == pytest.approx(1)


def test_images_that_nobody_labelled_and_background_images_stay_so_and_broken_ones_are_left_out(tmp_path):
    data = one_image(tmp_path, [])
    first = data.train.images[0]
    images = tuple(replace(first, image_id=str(state), state=state) for state in LabelState)
    data = replace(data, train=replace(data.train, images=images))
    kept = [LabelState.WHOLE, LabelState.NONE]
    coco = read_coco_folder(export_coco(data, tmp_path / "coco")).train
    assert [image.state for image in coco.images] == kept
    yolo = read_yolo_folder(export_yolo(data, tmp_path / "yolo")).train
    assert {image.image_id: image.state for image in yolo.images} == {state.value: state for state in kept}


def test_difficult_objects_of_w_are_left_out_and_those_of_f_stay(tmp_path):
    mask = blob(np.random.default_rng(0))
    data = one_image(tmp_path, [masked(mask), masked(mask, 1, is_difficult=True)])
    full, weak = (as_split(data, Split(*sets, 0, "hash")) for sets in (((1,), ()), ((), (1,))))
    assert len(full.train.images[0].objects) == 2
    assert [o.mask for o in weak.train.images[0].objects] == [None]
    kept = as_split(data, Split((), (1,), 0, "hash"), without_masks)
    assert [(o.mask, o.is_difficult) for o in kept.train.images[0].objects] == [(None, False), (None, True)]


@pytest.mark.parametrize("left_out", ["an empty mask", "a difficult object", "a crowd"])
def test_an_image_that_loses_its_last_object_on_export_does_not_become_background(tmp_path, left_out):
    shown = {
        "an empty mask": ObjectLabel(0, (1.0, 1.0, 5.0, 5.0), mask_to_rle(np.zeros((120, 120), bool))),
        "a difficult object": masked(blob(np.random.default_rng(0)), is_difficult=True),
        "a crowd": masked(blob(np.random.default_rng(0)), is_crowd=True),
    }[left_out]
    data = one_image(tmp_path, [shown])
    if left_out == "a difficult object":
        data = as_split(data, Split((), (1,), 0, "hash"))
    yolo = read_yolo_folder(export_yolo(data, tmp_path / "yolo", labels=YoloLabels.OUTLINES)).train
    assert [image.state for image in yolo.images] == [LabelState.NONE]
    if left_out != "a crowd":  # COCO keeps crowds
        coco = read_coco_folder(export_coco(data, tmp_path / "coco")).train
        assert [image.state for image in coco.images] == [LabelState.NONE]


def test_a_split_of_other_labels_is_refused(tiny):
    with pytest.raises(SplitError, match="other labels"):
        as_split(tiny, Split((1,), (), 0, "another hash"))
