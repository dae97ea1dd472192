"""Readers of label files against files that are broken or hostile: problems and DataErrors, and nothing else.

A format is one line in `CASES`.
"""

import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splitlab.data.dataset import TrainVal
from splitlab.data.formats.coco.files import is_coco_folder
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.formats.cvat_masks import is_cvat_masks_folder, read_cvat_masks_folder
from splitlab.data.formats.cvat_xml import is_cvat_folder, read_cvat_folder
from splitlab.data.formats.fiftyone import is_fiftyone_folder, read_fiftyone_folder
from splitlab.data.formats.label_studio import is_label_studio_folder, read_label_studio_folder
from splitlab.data.formats.labelme import is_labelme_folder, read_labelme_folder
from splitlab.data.formats.supervisely import is_supervisely_folder, read_supervisely_folder
from splitlab.data.formats.via import is_via_folder, read_via_folder
from splitlab.data.formats.voc_xml import is_voc_xml_folder, read_voc_xml_folder
from splitlab.data.formats.yolo.heads import is_yolo_folder
from splitlab.data.formats.yolo.reader import read_yolo_folder
from splitlab.errors import DataError
from splitlab.geometry import rle_fits
from tests.data.label_trees import (
    brush_bytes,
    cvat_tree,
    fiftyone_tree,
    labelme_tree,
    photo,
    supervisely_tree,
    via_tree,
    write_json,
)
from tests.data.trees import voc_object, voc_xml


def via_csv_tree(root: Path) -> Path:
    photo(root / "a.png")
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    shape = '{""name"":""rect"",""x"":10,""y"":10,""width"":30,""height"":20}'
    row = f'a.png,9,"{{}}",1,0,"{shape}","{{""kind"":""cat""}}"'
    (root / "via.csv").write_text(f"{header}\n{row}\n")
    return root


def fiftyone_labels_tree(root: Path) -> Path:
    photo(root / "data" / "a.png")
    labels = {"a": [{"label": 0, "bounding_box": [0.125, 0.1, 0.5, 0.5]}], "b": None}
    write_json(root / "labels.json", {"classes": ["dog", "cat"], "labels": labels})
    return root


def coco_tree(root: Path) -> Path:
    outline = [[1, 1, 30, 1, 30, 20]]
    for part, name in (("train", "a"), ("val", "b")):
        photo(root / "images" / f"{name}.png")
        objects = [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 29, 19], "segmentation": outline, "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 3, "segmentation": {"size": [40, 80], "counts": [0, 3200]}},
        ]
        images = [{"id": 1, "file_name": f"{name}.png", "width": 80, "height": 40}]
        categories = [{"id": 3, "name": "cat", "supercategory": "animals"}]
        content = {"images": images, "annotations": objects, "categories": categories}
        write_json(root / f"instances_{part}.json", content)
    return root


def voc_tree(root: Path) -> Path:
    photo(root / "JPEGImages" / "a.png")
    (root / "Annotations").mkdir()
    (root / "Annotations" / "a.xml").write_text(voc_xml(voc_object("scratch", 2, 2, 4, 4)))
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\n")
    return root


def yolo_tree(root: Path) -> Path:
    for part, name in (("train", "a"), ("val", "b")):
        photo(root / "images" / part / f"{name}.png")
        (root / "labels" / part).mkdir(parents=True)
        (root / "labels" / part / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2 0.9\n0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    (root / "train.txt").write_text("images/train/a.png\n")
    (root / "data.yaml").write_text("path: .\ntrain: train.txt\nval: images/val\nnames: {0: cat}\n")
    return root


def darknet_tree(root: Path) -> Path:
    photo(root / "obj_train_data" / "a.png")
    (root / "obj_train_data" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "obj.data").write_text("classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n")
    for name, text in (("obj.names", "cat\n"), ("train.txt", "data/obj_train_data/a.png\n")):
        (root / name).write_text(text)
    return root


def label_studio_tree(root: Path) -> Path:
    photo(root / "images" / "1a2b-a.png")
    region = {"original_width": 80, "original_height": 40, "type": "rectanglelabels", "id": "r1"}
    box = {"x": 10, "y": 10, "width": 30, "height": 50, "rotation": 90, "rectanglelabels": ["cat"]}
    brush = {"format": "rle", "rle": list(brush_bytes(80, 40)), "brushlabels": ["dog"]}
    outline = {"points": [[1, 1], [50, 1], [50, 50]], "polygonlabels": ["cat"]}
    result = [
        {**region, "value": box},
        {**region, "id": "r2", "value": brush},
        {**region, "id": "r3", "value": outline},
    ]
    task = {"id": 7, "data": {"image": "/data/upload/4/1a2b-a.png"}, "annotations": [{"result": result}]}
    write_json(root / "project.json", [task])
    return root


def class_list_tree(root: Path) -> Path:
    photo(root / "a.png")
    (root / "a.txt").write_text("1 0.5 0.5 0.2 0.2\n0, 0.1, 0.1, 0.5, 0.1, 0.5, 0.5\n")
    (root / "classes.txt").write_text("cat\ndog\n")
    return root


def outlines_tree(root: Path) -> Path:
    photo(root / "a.png")
    outline = "<polygon><x1>1</x1><y1>1</y1><x2>9</x2><y2>1</y2><x3>5</x3><y3>6</y3></polygon>"
    (root / "a.xml").write_text(voc_xml(voc_object("scratch", 2, 2, 9, 7, outline), f"<object>{outline}</object>"))
    return root


def masks_tree(root: Path) -> Path:
    for folder in ("JPEGImages", "SegmentationObject", "SegmentationClass"):
        photo(root / folder / "a.png")
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("a\n")
    (root / "labelmap.txt").write_text("background:0,0,0::\ncat:90,120,60::\n")
    return root


class Case(NamedTuple):
    build: Callable[[Path], Path]
    detect: Callable[[Path], bool]
    read: Callable[[Path], TrainVal]


CASES = {
    "COCO": Case(coco_tree, is_coco_folder, read_coco_folder),
    "VOC XML": Case(voc_tree, is_voc_xml_folder, read_voc_xml_folder),
    "YOLO": Case(yolo_tree, is_yolo_folder, read_yolo_folder),
    "YOLO 1.1": Case(darknet_tree, is_yolo_folder, read_yolo_folder),
    "YOLO with a list": Case(class_list_tree, is_yolo_folder, read_yolo_folder),
    "VOC outlines": Case(outlines_tree, is_voc_xml_folder, read_voc_xml_folder),
    "CVAT masks": Case(masks_tree, is_cvat_masks_folder, read_cvat_masks_folder),
    "Labelme": Case(labelme_tree, is_labelme_folder, read_labelme_folder),
    "Label Studio": Case(label_studio_tree, is_label_studio_folder, read_label_studio_folder),
    "Supervisely": Case(supervisely_tree, is_supervisely_folder, read_supervisely_folder),
    "VIA": Case(via_tree, is_via_folder, read_via_folder),
    "VIA CSV": Case(via_csv_tree, is_via_folder, read_via_folder),
    "CVAT": Case(cvat_tree, is_cvat_folder, read_cvat_folder),
    "FiftyOne": Case(fiftyone_tree, is_fiftyone_folder, read_fiftyone_folder),
    "FiftyOne labels": Case(fiftyone_labels_tree, is_fiftyone_folder, read_fiftyone_folder),
}

LABEL_ENDINGS = (".json", ".xml", ".csv", ".txt", ".yaml", ".data", ".names")
DEEP = "<deep>"
HOSTILE = (
    "", " ", "../../x", "/etc/passwd", "C:\\x\\a.png", "a.png", "..", "a\0b", "\x1b[31m", "x" * 5000, "nan", "-1",
    "1e999", "9" * 400, "iVBORw0KGgo=", "eJwDAAAAAAE=", "http://[", "%00", "%2e%2e/%2e%2e/x", "0,1", "1,2;3,4",
    "é\u2028", DEEP,
)  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=20)
NUMBERS = (
    st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(10**30), 1e308, -0.0, math.nan, math.inf, -math.inf])
    | st.integers()
    | st.floats()
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FUZZ = settings(
    max_examples=60,
    deadline=timedelta(seconds=3),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """A format, and a folder of it that is valid."""
    known = CASES[request.param]
    return known, known.build(tmp_path_factory.mktemp("valid"))


def test_each_format_recognises_its_own_folder_and_no_other_does(case):
    known, valid = case
    assert [name for name, other in CASES.items() if other.detect(valid) and other.read is not known.read] == []
    assert known.detect(valid)


@FUZZ
@given(data=st.data())
def test_files_that_are_cut_or_have_random_bytes_are_problems(case, data):
    def broken(raw):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.sampled_from([len(raw), start, start + 1, start + 30]))
        return raw[:start] + data.draw(st.binary(max_size=12)) + raw[end:]

    check_read(*case, data, broken)


@FUZZ
@given(data=st.data())
def test_values_of_any_kind_in_any_place_are_problems(case, data):
    def changed(raw):
        text = raw.decode()
        try:
            return json.dumps(with_other_value(json.loads(text), data)).encode()
        except ValueError:
            return with_other_text(text, data).encode(errors="replace")

    def deeper(raw):
        return changed(raw).replace(f'"{DEEP}"'.encode(), b"[" * 100_000 + b"]" * 100_000)

    check_read(*case, data, deeper)


def check_read(known, valid, data, change):
    with tempfile.TemporaryDirectory() as place:
        root = shutil.copytree(valid, Path(place) / "set")
        files = sorted(path for path in root.rglob("*") if path.suffix in LABEL_ENDINGS)
        path = data.draw(st.sampled_from(files))
        path.write_bytes(change(path.read_bytes()))
        assert known.detect(root) in (True, False)
        with suppress(DataError):
            check_found(known.read(root), root)


def check_found(found, root):
    for subset in (found.train, found.val):
        assert all(str(problem) and problem.file for problem in subset.problems)
        for image in subset.images:
            assert image.path.is_relative_to(root)
            assert ".." not in image.path.parts
            assert min(image.width, image.height) > 0
            for label in image.objects:
                assert all(math.isfinite(side) for side in label.box)
                assert not re.search(r"[\x00-\x1f\x7f]", subset.class_names[label.class_index])
                if isinstance(label.mask, dict):
                    assert label.mask["size"] == [image.height, image.width]
                    assert rle_fits(label.mask["counts"], image.height, image.width)


def with_other_value(content: Any, data: st.DataObject) -> Any:
    """Replace one value, a key, or the whole of a JSON file."""
    places = list(places_in(content))
    place = data.draw(st.sampled_from(places)) if places else None
    value = data.draw(JSON_VALUES)
    if place is None or data.draw(st.integers(0, 30)) == 0:
        return value
    holder, key = place
    if isinstance(holder, dict) and data.draw(st.integers(0, 5)) == 0:
        holder[data.draw(TEXTS)] = holder.pop(key)
    else:
        holder[key] = value
    return content


def places_in(content: Any):
    for key in list(content) if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ():
        yield content, key
        yield from places_in(content[key])


def with_other_text(text: str, data: st.DataObject) -> str:
    """Replace what is between two quotes, tags or separators in a file that is not JSON."""
    places = [found.span(1) for found in re.finditer(r'(?:^|[">,;=\s])([^"<>,;=\s]+)(?=["<,;\s])', text)]
    start, end = data.draw(st.sampled_from(places))
    value = data.draw(TEXTS | NUMBERS.map(lambda number: str(number) if number != 10**400 else "9" * 400))
    return text[:start] + str(value) + text[end:]
