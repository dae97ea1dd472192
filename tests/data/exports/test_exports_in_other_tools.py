"""Each export is loaded by tools that people use, and holds what was exported."""

import json
import subprocess
import sys

import numpy as np
import pytest

from splitlab.data.exports.coco import export_coco
from splitlab.data.exports.cvat import export_cvat
from splitlab.data.exports.objects import LabelShape
from splitlab.data.exports.yolo import export_darknet, export_yolo
from splitlab.geometry import polygons_to_rle, rle_to_mask
from tests.data.exports.drawn import SIDES, found, iou, mask_of, masked, one_image, several, without_val

# Six decimals of an image's side.
YOLO_PIXELS = max(SIDES) * 2e-6


@pytest.fixture
def data(tmp_path):
    return several(tmp_path)


def boxes_of(image):
    return np.array([label.box for label in image.objects], float).reshape(-1, 4)


def test_pycocotools_reads_the_ids_from_1_the_classes_boxes_and_masks(data, tmp_path):
    from pycocotools.coco import COCO

    truth = COCO(str(export_coco(data, tmp_path / "out") / "annotations" / "instances_train.json"))
    assert (sorted(truth.imgs), sorted(truth.cats), sorted(truth.anns)) == ([1, 2, 3, 4], [1, 2], [1, 2, 3, 4])
    assert [category["name"] for category in truth.dataset["categories"]] == list(data.train.class_names)
    for number, image in enumerate(data.train.images, start=1):
        read = truth.loadAnns(truth.getAnnIds(imgIds=number))
        assert [one["category_id"] for one in read] == [label.class_index + 1 for label in image.objects]
        for one, label in zip(read, image.objects, strict=True):
            left, top, width, height = one["bbox"]
            assert (left, top, left + width, top + height) == label.box
            if label.mask is not None:
                assert (truth.annToMask(one) == mask_of(label)).all()


def test_pycocotools_scores_the_results_of_predictions_that_equal_the_labels_with_100(data, tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels = export_coco(data, tmp_path / "labels") / "annotations"
    results = export_coco(found(data), tmp_path / "found") / "annotations"
    truth = COCO(str(labels / "instances_train.json"))
    for kind in ("segm", "bbox"):
        evaluation = COCOeval(truth, truth.loadRes(str(results / "results_train.json")), kind)
        # The box alone has no mask to be found by.
        evaluation.params.imgIds = [2] if kind == "segm" else [1, 2, 3, 4]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        assert evaluation.stats[0] == pytest.approx(1)


def test_supervision_reads_coco_with_exact_masks(data, tmp_path):
    supervision = pytest.importorskip("supervision")
    out = export_coco(data, tmp_path / "out")
    read = supervision.DetectionDataset.from_coco(
        str(out / "images" / "train"), str(out / "annotations" / "instances_train.json")
    )
    assert tuple(read.classes) == data.train.class_names
    assert len(read) == len(data.train.images)
    for (_, _, detections), image in zip(read, data.train.images, strict=True):
        assert detections.class_id.tolist() == [label.class_index for label in image.objects]
        np.testing.assert_allclose(detections.xyxy.reshape(-1, 4), boxes_of(image), atol=0.01)
        for place, label in enumerate(image.objects):
            if label.mask is not None:
                assert (detections.mask[place] == mask_of(label)).all()


def test_supervision_reads_outlines_of_yolo(tmp_path):
    supervision = pytest.importorskip("supervision")
    mask = np.zeros((120, 120), bool)
    mask[10:70, 20:100] = True
    out = export_yolo(one_image(tmp_path, [masked(mask, 1)]), tmp_path / "out")
    ((_, _, detections),) = supervision.DetectionDataset.from_yolo(
        str(out / "images" / "train"), str(out / "labels" / "train"), str(out / "data.yaml")
    )
    assert detections.class_id.tolist() == [1]
    np.testing.assert_allclose(detections.xyxy, [[20, 10, 100, 70]], atol=1e-3)
    # Supervision counts the pixels of the outline itself: a row and a column more.
    mask[10:71, 20:101] = True
    assert (detections.mask[0] == mask).all()


READ_WITH_ULTRALYTICS = """
import json, sys
import numpy as np
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset, polygon2mask

folder, task = sys.argv[1:]
head = check_det_dataset(f"{folder}/data.yaml")
for part in ("train", "val"):
    dataset = YOLODataset(img_path=head[part], data=head, task=task, imgsz=128)
    print("READ " + json.dumps({
        "names": list(head["names"].values()),
        "images": {
            image["im_file"].rpartition(f"/{part}/")[2]: {
                "classes": image["cls"].ravel().tolist(),
                "boxes": (image["bboxes"] * (image["shape"][::-1] * 2)).tolist(),
                "outlines": [(outline * image["shape"][::-1]).tolist() for outline in image["segments"]],
            }
            for image in dataset.labels
        },
    }))
"""


def read_with_ultralytics(folder, task):
    # In a process of its own: this part of Ultralytics replaces Pillow's way to open images.
    words = [sys.executable, "-c", READ_WITH_ULTRALYTICS, str(folder), task]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [json.loads(line.removeprefix("READ ")) for line in said.splitlines() if line.startswith("READ ")]


@pytest.mark.parametrize(("labels", "task"), [(LabelShape.BOXES, "detect"), (LabelShape.OUTLINES, "segment")])
def test_ultralytics_reads_classes_boxes_and_outlines(data, tmp_path, labels, task):
    out = export_yolo(data, tmp_path / "out", labels=labels)
    for read, dataset in zip(read_with_ultralytics(out, task), (data.train, data.val), strict=True):
        assert tuple(read["names"]) == data.train.class_names
        assert set(read["images"]) == {f"{image.image_id}.jpg" for image in dataset.images}
        for image in dataset.images:
            one = read["images"][f"{image.image_id}.jpg"]
            assert one["classes"] == [label.class_index for label in image.objects]
            x, y, width, height = np.array(one["boxes"]).reshape(-1, 4).T
            boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
            # In float32, and Ultralytics makes the box of an outline from its points.
            np.testing.assert_allclose(boxes, boxes_of(image), atol=YOLO_PIXELS + 1e-4)
            assert len(one["outlines"]) == (len(image.objects) if task == "segment" else 0)
            for outline, label in zip(one["outlines"], image.objects, strict=False):
                if label.mask is not None:
                    drawn = polygons_to_rle([np.ravel(outline).tolist()], image.height, image.width)
                    assert iou(rle_to_mask(drawn), mask_of(label)) >= 0.98


@pytest.fixture
def datumaro():
    return pytest.importorskip("datumaro")


def read_with_datumaro(datumaro, folder, file_format):
    read = datumaro.Dataset.import_from(str(folder), file_format)
    names = [label.name for label in read.categories()[datumaro.AnnotationType.label]]
    return names, {(item.subset, item.id): item for item in read}


def kinds_of(item, kind):
    return [one for one in item.annotations if one.type.name == kind]


def corners_of(boxes):
    return np.array([(one.x, one.y, one.x + one.w, one.y + one.h) for one in boxes]).reshape(-1, 4)


def test_datumaro_reads_coco(datumaro, data, tmp_path):
    names, items = read_with_datumaro(datumaro, export_coco(data, tmp_path / "out"), "coco_instances")
    assert tuple(names) == data.train.class_names
    assert set(items) == {("train", image.image_id) for image in data.train.images} | {("val", "five")}
    for image in data.train.images:
        item = items["train", image.image_id]
        read = sorted(corners_of(kinds_of(item, "bbox")).tolist())
        np.testing.assert_allclose(read, sorted(boxes_of(image).tolist()), atol=0.01)
        masks = {(one.label, one.image.astype(bool).tobytes()) for one in kinds_of(item, "mask")}
        assert masks == {(o.class_index, mask_of(o).tobytes()) for o in image.objects if o.mask is not None}


def test_datumaro_reads_boxes_of_yolo_1_1(datumaro, data, tmp_path):
    names, items = read_with_datumaro(datumaro, export_darknet(data, tmp_path / "out"), "yolo")
    assert tuple(names) == data.train.class_names
    assert len(items) == 5
    for subset, dataset in (("train", data.train), ("valid", data.val)):
        for image in dataset.images:
            read = kinds_of(items[subset, image.image_id], "bbox")
            assert [one.label for one in read] == [label.class_index for label in image.objects]
            np.testing.assert_allclose(corners_of(read), boxes_of(image), atol=0.01)


def test_datumaro_reads_boxes_and_exact_masks_of_cvat(datumaro, data, tmp_path):
    names, items = read_with_datumaro(datumaro, export_cvat(data, tmp_path / "out") / "train", "cvat")
    assert tuple(names) == data.train.class_names
    by_id = {item_id: item for (_, item_id), item in items.items()}
    assert set(by_id) == {image.image_id for image in data.train.images}
    for image in data.train.images:
        item = by_id[image.image_id]
        with_mask = [label for label in image.objects if label.mask is not None]
        boxed = [label for label in image.objects if label.mask is None]
        boxes = corners_of(kinds_of(item, "bbox"))
        np.testing.assert_allclose(boxes, np.array([label.box for label in boxed]).reshape(-1, 4), atol=0.01)
        for one, label in zip(kinds_of(item, "mask"), with_mask, strict=True):
            assert one.label == label.class_index
            assert (one.image.astype(bool) == mask_of(label)).all()


@pytest.mark.parametrize("part", ["train", "val"])
def test_datumaro_reads_outlines_of_cvat(datumaro, data, tmp_path, part):
    out = export_cvat(without_val(data) if part == "train" else data, tmp_path / "out", labels=LabelShape.OUTLINES)
    _, items = read_with_datumaro(datumaro, out / part, "cvat")
    polygons = [one for item in items.values() for one in kinds_of(item, "polygon")]
    assert len(polygons) == (3 if part == "train" else 0)
