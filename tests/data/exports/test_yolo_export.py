import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from splitlab.data.dataset import ObjectLabel, TrainVal
from splitlab.data.exports.objects import LabelShape, trace_outline
from splitlab.data.exports.yolo import export_darknet, export_yolo
from splitlab.data.formats.yolo.reader import read_yolo_folder
from splitlab.data.split import Split, as_split
from splitlab.errors import DataError
from splitlab.geometry import mask_to_rle, polygons_to_rle, rle_area, rle_to_mask, rle_to_xyxy
from tests.data.exports.drawn import blob, masked, one_image, several, without_holes, without_val


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
    outline = trace_outline(mask_to_rle(mask))
    assert len(outline) >= 3
    found = rle_to_mask(polygons_to_rle([outline.ravel().tolist()], 9, 12))
    assert (found == mask).mean() > 0.95
    assert rle_to_xyxy(mask_to_rle(mask)).tolist() == [*outline.min(axis=0), *outline.max(axis=0)]


def test_parts_are_joined_and_holes_are_filled():
    mask = np.zeros((60, 80), bool)
    mask[5:20, 5:25], mask[30:50, 10:40], mask[8:15, 60:75] = True, True, True
    filled = mask.copy()
    mask[35:40, 20:30] = False
    outline = trace_outline(mask_to_rle(mask))
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


def test_yolo_puts_no_photo_into_another_folder_called_images_and_all_keep_names_of_their_own(tmp_path):
    ids = ["images/train/a", "train/a", "deep/images/images/b", "images", "images/images"]
    data = one_image(tmp_path, [])
    images = tuple(replace(data.train.images[0], image_id=image_id) for image_id in ids)
    out = export_yolo(replace(data, train=replace(data.train, images=images)), tmp_path / "out")
    names = ["5_images", "deep/b", "images", "train/2_a", "train/a"]
    for kind in ("images", "labels"):
        files = [path for path in (out / kind / "train").rglob("*") if path.is_file()]
        assert sorted(path.relative_to(out / kind / "train").with_suffix("").as_posix() for path in files) == names


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
    boxes = export_yolo(mixed, tmp_path / "boxes", labels=LabelShape.BOXES)
    outlines = export_yolo(mixed, tmp_path / "outlines", labels=LabelShape.OUTLINES)
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


def test_a_part_without_images_is_not_named_in_data_yaml(tmp_path):
    out = export_yolo(without_val(several(tmp_path)), tmp_path / "out", labels=LabelShape.BOXES)
    head = yaml.safe_load((out / "data.yaml").read_text())
    assert set(head) == {"train", "names"}
    assert sorted(path.name for path in (out / "images").iterdir()) == ["train"]


def test_the_licence_is_a_comment_of_one_line_because_cvat_takes_keys_for_subsets(tmp_path):
    data = one_image(tmp_path, [])
    train = replace(data.train, licence="CC0\ntrain: /etc")
    out = export_yolo(replace(data, train=train), tmp_path / "out")
    text = (out / "data.yaml").read_text()
    assert text.startswith("# License: CC0 train: /etc\n")
    assert yaml.safe_load(text)["train"] == "images/train"
    assert read_yolo_folder(out).train.licence == "CC0 train: /etc"


def test_darknet_lists_every_photo_and_has_a_label_file_for_each(tmp_path):
    out = export_darknet(several(tmp_path), tmp_path / "out")
    assert (out / "obj.names").read_text() == "square thing\nb<&>\"'\n"
    assert (out / "obj.data").read_text().splitlines() == [
        "classes = 2",
        "names = obj.names",
        "backup = backup/",
        "train = train.txt",
        "valid = valid.txt",
    ]
    photos = (out / "train.txt").read_text().splitlines()
    assert photos == [f"obj_train_data/{name}.jpg" for name in ("one", "town/two", "three", "four")]
    lines = [(out / photo).with_suffix(".txt").read_text().splitlines() for photo in photos]
    assert [len(of_photo) for of_photo in lines] == [3, 1, 0, 0]
    assert {len(line.split()) for of_photo in lines for line in of_photo} == {5}
    assert (out / "obj_valid_data" / "five.txt").read_text() == "1 0.254167 0.503125 0.337500 0.493750\n"
