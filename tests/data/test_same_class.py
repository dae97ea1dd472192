from importlib.util import find_spec
from pathlib import Path

import pytest
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

from splitlab.data.classes import TABLES, UNUSED, fitting_tables, same_classes
from splitlab.data.formats.yolo.settings import _parse


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Cat", "cat"),
        ("dining_table", "diningtable"),
        ("Dining-Table", "dining table"),
        ("aeroplane", "airplane"),
        ("airplane", "aeroplane"),
        ("motorbike", "motorcycle"),
        ("Motor Bike", "motorcycle"),
        ("TV-monitor", "tv"),
        ("sofa", "couch"),
        ("potted_plant", "pottedplant"),
        ("cats", "cat"),
        ("bus", "buses"),
        ("people", "person"),
        ("boxes", "box"),
        ("puppies", "puppy"),
        ("horses", "horse"),
        ("ＣＡＴ", "cat"),
        ("Straße", "strasse"),
    ],
)
def test_names_that_mean_the_same_are_one_class(name, other):
    assert same_classes([name], ["zebra", other, "lamp"]) == [1]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("cat", "category"),
        ("class_1", "class_11"),
        ("1", "class_1"),
        ("bus", "bu"),
        ("pins", "pine"),
        ("", ""),
        ("?", "!"),
    ],
)
def test_names_that_are_only_alike_are_two_classes(name, other):
    assert same_classes([name], [f"x{other}", other]) == [1 if name == other else None]


def test_the_very_name_goes_before_a_likeness_and_two_likenesses_are_none():
    assert same_classes(["cat", "CATS", "sofa"], ["Cat", "cat", "couch", "cats"]) == [1, 3, 2]
    assert same_classes(["CAT"], ["Cat", "cat"]) == [None]
    assert same_classes([UNUSED], ["na", UNUSED]) == [None]


def test_cocos_tables_are_those_of_torchvision_and_of_ultralytics():
    published = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    assert TABLES["coco91"] == (UNUSED, *published[1:])
    assert TABLES["coco80"] == tuple(name for name in TABLES["coco91"] if name != UNUSED)
    # Not imported, because ultralytics replaces PIL.Image.open.
    package = Path(find_spec("ultralytics").origin).parent
    theirs = _parse(package / "cfg" / "datasets" / "coco.yaml")["names"]
    assert TABLES["coco80"] == tuple(theirs[number] for number in range(80))


def test_every_class_of_voc_is_one_of_coco():
    found = same_classes(TABLES["voc20"], TABLES["coco80"])
    assert None not in found
    assert len(set(found)) == 20


def test_a_table_fits_by_its_length():
    assert fitting_tables(91) == ["coco91"]
    assert fitting_tables(20) == ["voc20", "voc20-ids"]
    assert (TABLES["voc20-ids"][1], TABLES["voc21"][20], TABLES["coco91"][18]) == ("aeroplane", "tvmonitor", "dog")
    assert fitting_tables(3) == []
