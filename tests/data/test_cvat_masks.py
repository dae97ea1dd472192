import numpy as np
import pytest
from PIL import Image

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.cvat_masks import read_cvat_masks_folder
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import DataError
from splitlab.geometry import rle_to_mask

CAT, DOG = (250, 50, 83), (10, 20, 30)
LABEL_MAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\ndog:10,20,30::\n"
FIRST, SECOND = np.s_[1:3, 1:4], np.s_[4:6, 2:8]


def picture(path, *colours):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((6, 8, 3), np.uint8)
    for place, colour in zip((FIRST, SECOND), colours, strict=False):
        pixels[place] = colour
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "sub/b", "c"):
        picture(tmp_path / "JPEGImages" / f"{name}.jpg")
    for name, classes in (("a", (CAT, CAT)), ("sub/b", (DOG, CAT))):
        picture(tmp_path / "SegmentationObject" / f"{name}.png", (128, 0, 0), (0, 128, 0))
        picture(tmp_path / "SegmentationClass" / f"{name}.png", *classes)
    (tmp_path / "labelmap.txt").write_text(LABEL_MAP)
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "Train.txt").write_text("a\nc\n")
    (lists / "Validation.txt").write_text("sub/b\n")
    return tmp_path


def test_each_colour_is_an_object_of_the_class_at_its_place(folder):
    data = open_dataset(str(folder), folder.parent)
    assert (data.format, data.train.class_names) == ("CVAT masks", ("cat", "dog"))
    first, unlabelled = data.train.images
    expected = np.zeros((2, 6, 8), bool)
    expected[0][SECOND] = expected[1][FIRST] = True
    assert (np.stack([rle_to_mask(label.mask) for label in first.objects]) == expected).all()
    assert (first.path.name, first.can_be_full, unlabelled.state) == ("a.jpg", True, LabelState.NONE)
    assert [data.val.class_names[label.class_index] for label in data.val.images[0].objects] == ["cat", "dog"]


def test_a_colour_that_is_of_no_class_is_named_and_the_others_are_read(folder):
    picture(folder / "SegmentationClass" / "a.png", CAT, (1, 2, 3))
    image = read_cvat_masks_folder(folder).train.images[0]
    (problem,) = read_cvat_masks_folder(folder).train.problems
    assert "object 1 has the colour 1,2,3 in SegmentationClass/, which is not in labelmap.txt" in problem.what
    assert (image.state, len(image.objects)) == (LabelState.BROKEN, 1)


def test_a_picture_that_is_no_mask_is_named_and_the_others_are_read(folder):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    for name in ("SegmentationClass", "SegmentationObject"):
        Image.fromarray(noise).save(folder / name / "a.png")
    data = read_cvat_masks_folder(folder)
    assert [problem.kind for problem in data.train.problems] == [ProblemKind.MASK]
    assert "colours; each should be an object" in data.train.problems[0].what
    assert len(data.val.images) == 1


@pytest.mark.parametrize("broken", [None, (3, 4)])
def test_a_missing_or_smaller_picture_of_classes_is_named(folder, broken):
    path = folder / "SegmentationClass" / "a.png"
    path.unlink() if broken is None else Image.new("RGB", broken).save(path)
    assert [problem.kind for problem in read_cvat_masks_folder(folder).train.problems] == [ProblemKind.MASK]


def test_a_label_map_without_a_colour_is_refused_with_its_line(folder):
    (folder / "labelmap.txt").write_text("background:0,0,0::\ncat:red::\n")
    with pytest.raises(DataError, match=r"labelmap\.txt, line 2: has no colour"):
        read_cvat_masks_folder(folder)


def test_the_class_is_that_of_most_pixels_and_the_photo_may_lie_elsewhere(folder):
    (folder / "JPEGImages").rename(folder / "photos")
    (folder / "photos" / "a.jpg").rename(folder / "photos" / "a.bmp")
    path = folder / "SegmentationClass" / "a.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[1, 1:3] = DOG
    Image.fromarray(pixels).save(path)
    train = read_cvat_masks_folder(folder).train
    assert (train.images[0].path, train.problems) == (folder / "photos" / "a.bmp", ())
    assert [label.class_index for label in train.images[0].objects] == [0, 0]
