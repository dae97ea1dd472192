import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splitlab.data.dataset import ImageLabels, IndexedMask, LabelState, ObjectLabel, TrainVal
from splitlab.data.exports import photos as photo_files
from splitlab.data.exports.coco import export_coco
from splitlab.data.exports.cvat import export_cvat
from splitlab.data.exports.label_studio import export_label_studio
from splitlab.data.exports.objects import LabelShape
from splitlab.data.exports.photos import name_photos
from splitlab.data.exports.yolo import export_darknet, export_yolo
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.formats.yolo.reader import read_yolo_folder
from splitlab.data.split import Split, as_split, without_masks
from splitlab.errors import DataError, SplitError
from splitlab.geometry import mask_to_rle, rle_to_mask
from tests.data.exports.drawn import blob, masked, one_image

EXPORTS = [export_coco, export_yolo, export_darknet, export_cvat, export_label_studio]


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
    names = name_photos(images)
    assert [str(name) for name in names] == ["a.jpg", "2_a.png", "3_A.jpg", "4_2_a.jpg", "up.jpg", "p.jpg"]


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


@pytest.mark.parametrize("export", EXPORTS)
def test_a_full_disk_ends_it_and_leaves_nothing(tiny, tmp_path, export, monkeypatch):
    calls = []
    place = photo_files.place_photo

    def place_three(source, target):
        calls.append(target)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        place(source, target)

    monkeypatch.setattr(photo_files, "place_photo", place_three)
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


def test_a_split_keeps_no_pool_that_names_photos_it_lacks(tiny):
    train = replace(tiny.train, few_shot_pool=(1, 2), paper_pools=((1, 2), (3, 4)))
    part = as_split(replace(tiny, train=train), Split((3,), (7,), 0, train.source_hash))
    assert (part.train.few_shot_pool, part.train.paper_pools) == ((), ())


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
    yolo = read_yolo_folder(export_yolo(data, tmp_path / "yolo", labels=LabelShape.OUTLINES)).train
    assert [image.state for image in yolo.images] == [LabelState.NONE]
    if left_out != "a crowd":  # COCO keeps crowds
        coco = read_coco_folder(export_coco(data, tmp_path / "coco")).train
        assert [image.state for image in coco.images] == [LabelState.NONE]


def test_a_split_of_other_labels_is_refused(tiny):
    with pytest.raises(SplitError, match="other labels"):
        as_split(tiny, Split((1,), (), 0, "another hash"))


def test_letters_that_no_file_should_have_are_replaced_in_names():
    images = [ImageLabels("a\nb\udce9", Path("x.jpg"), 9, 9, ()), ImageLabels(1, Path("c\td.png"), 9, 9, ())]
    assert [str(name) for name in name_photos(images)] == ["a_b_.jpg", "c_d.png"]
