"""A project of 30 tiny photos: 12 with masks, 18 without labels, whose ground truth is at hand."""

import json
from pathlib import Path

import pytest

from splitlab.budget.cost import Prices
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.project.project import ProjectSettings, new_project
from splitlab.workspace import Workspace
from tests.conftest import write_tiny

LABELLED = 12


def truth_of(folder: Path) -> dict:
    return json.loads((folder / "instances_train.json").read_text())


@pytest.fixture
def truth(tmp_path):
    """COCO labels of all photos."""
    write_tiny(tmp_path / "truth", {"train": 30})
    return truth_of(tmp_path / "truth")


@pytest.fixture
def project(tmp_path, truth):
    source = tmp_path / "source"
    (tmp_path / "truth").rename(source)
    some = {**truth, "annotations": [one for one in truth["annotations"] if one["image_id"] <= LABELLED]}
    (source / "instances_train.json").write_text(json.dumps(some))
    workspace = Workspace(tmp_path / "workspace", tmp_path / "none")
    settings = ProjectSettings("shapes", 2.0, Prices(10.0, 60.0))
    return new_project(settings, read_coco_folder(source), workspace)


@pytest.fixture
def export(tmp_path, truth):
    """Return a function that writes a COCO file as an annotation tool would: masks of some photos, boxes of others."""

    def write(masks=(), boxes=(), name="export.json", changed=None):
        annotations = [dict(one) for one in truth["annotations"] if one["image_id"] in (*masks, *boxes)]
        for one in annotations:
            if one["image_id"] in boxes:
                one["segmentation"] = []
            if changed:
                changed(one)
        images = [image for image in truth["images"] if image["id"] in (*masks, *boxes)]
        path = tmp_path / name
        path.write_text(json.dumps({**truth, "images": images, "annotations": annotations}))
        return path

    return write
