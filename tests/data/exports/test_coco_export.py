import json
from dataclasses import replace

import numpy as np
import pytest

from splitlab.data.dataset import LabelState, ObjectLabel, TrainVal
from splitlab.data.exports.coco import export_coco
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.split import Split, as_split
from splitlab.errors import DataError
from splitlab.evaluation.detections import read_detections
from splitlab.geometry import rle_to_mask
from tests.data.exports.drawn import blob, found, mask_of, masked, objects_of, one_image, several, without_val


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
    (image,) = json.loads((out / "annotations" / "instances_train.json").read_text())["images"]
    assert (image["id"], image["file_name"]) == (1, "town/2007_000032.png")
    assert (out / "images" / "train" / "town" / "2007_000032.png").is_file()


def test_category_ids_that_do_not_rise_are_numbered_anew_so_that_classes_keep_their_order(tmp_path):
    data = one_image(tmp_path, [masked(blob(np.random.default_rng(0)), 1)])
    odd = replace(data.train, category_ids=(7, 3))
    back = read_coco_folder(export_coco(TrainVal(odd, odd), tmp_path / "out"))
    assert (back.train.class_names, back.train.images[0].objects[0].class_index) == (("a", "b"), 1)


def test_a_split_keeps_masks_in_f_only_and_no_other_photo(tiny, tmp_path):
    split = Split((3, 1), (7,), 0, tiny.train.source_hash)
    part = as_split(tiny, split)
    assert [(image.image_id, image.can_be_full) for image in part.train.images] == [(3, True), (1, True), (7, False)]
    assert part.train.by_id[7].objects[0].box == tiny.train.by_id[7].objects[0].box
    assert part.val is tiny.val
    back = read_coco_folder(export_coco(part, tmp_path / "coco"))
    assert sorted(image.can_be_full for image in back.train.images) == [False, True, True]


def test_pycocotools_evaluates_masks_of_an_export_that_has_objects_with_boxes_only(mixed, tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(str(export_coco(mixed, tmp_path / "out") / "annotations" / "instances_train.json"))
    found = [{**one, "segmentation": truth.annToRLE(one), "score": 1} for one in truth.anns.values()]
    evaluation = COCOeval(truth, truth.loadRes(found), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert len(found) == 9
    assert evaluation.stats[0] == pytest.approx(1)


def test_ids_of_0_are_numbered_anew_from_1(tmp_path):
    data = one_image(tmp_path, [masked(blob(np.random.default_rng(0)), 1)], image_id=0)
    odd = replace(data.train, category_ids=(0, 1))
    out = export_coco(TrainVal(odd, odd), tmp_path / "out")
    content = json.loads((out / "annotations" / "instances_train.json").read_text())
    assert [category["id"] for category in content["categories"]] == [1, 2]
    (image,), (annotation,) = content["images"], content["annotations"]
    assert (image["id"], annotation["id"], annotation["image_id"], annotation["category_id"]) == (1, 1, 1, 2)


def test_predictions_have_scores_and_a_list_of_results_that_splitlab_reads_too(tmp_path):
    data = several(tmp_path)
    out = export_coco(found(data), tmp_path / "out") / "annotations"
    annotations = json.loads((out / "instances_train.json").read_text())["annotations"]
    results = json.loads((out / "results_train.json").read_text())
    assert [one["score"] for one in annotations] == [one["score"] for one in results] == [0.75, 0.625, 0.5, 0.75]
    back = read_coco_folder(export_coco(data, tmp_path / "labels")).train
    read = read_detections(out / "results_train.json", back)
    np.testing.assert_allclose(read[0].boxes, [label.box for label in data.train.images[0].objects], atol=1e-4)
    assert (rle_to_mask(read[0].masks[1]) == mask_of(data.train.images[0].objects[1])).all()
    # The box alone.
    assert not rle_to_mask(read[0].masks[2]).any()


def test_labels_have_no_score_and_no_results(tmp_path):
    out = export_coco(several(tmp_path), tmp_path / "out") / "annotations"
    assert sorted(path.name for path in out.iterdir()) == ["instances_train.json", "instances_val.json"]
    assert "score" not in (out / "instances_train.json").read_text()


def test_ids_of_predictions_and_labels_agree_where_an_image_is_left_out(tmp_path):
    data = several(tmp_path)
    images = (replace(data.train.images[0], state=LabelState.BROKEN), *data.train.images[1:])
    for name, exported in (("labels", replace(data, train=replace(data.train, images=images))), ("found", found(data))):
        out = export_coco(exported, tmp_path / name)
        listed = json.loads((out / "annotations" / "instances_train.json").read_text())["images"]
        assert {image["file_name"]: image["id"] for image in listed}["town/two.jpg"] == 2


def test_a_part_without_images_has_no_file_and_no_folder(tmp_path):
    out = export_coco(without_val(several(tmp_path)), tmp_path / "out")
    assert sorted(path.name for path in out.glob("*/*")) == ["instances_train.json", "train"]
    nothing = without_val(several(tmp_path))
    with pytest.raises(DataError, match="has no images to export"):
        export_coco(replace(nothing, train=nothing.val), tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
