"""Groups and tiny objects of Cityscapes against the rules of its benchmark, written anew from their description."""

from dataclasses import replace

import numpy as np
import pytest

from splitlab.data.formats.cityscapes import _CLASS_INDEX, read_cityscapes_folder
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.matches import NO_MATCH, match_by_score, overlaps_of_image
from splitlab.evaluation.scores import evaluate_detections
from splitlab.geometry import mask_to_rle
from tests.data.trees import cityscapes_image

HEIGHT, WIDTH = 120, 160
PERSON, CAR = 24, 26
HIT, MISTAKE, IGNORED = "hit", "mistake", "ignored"


def street(*rows):
    """Instance ids from (id, left, top, right, bottom) rows; a later one covers an earlier one."""
    ids = np.full((HEIGHT, WIDTH), 7, np.uint16)
    for value, left, top, right, bottom in rows:
        ids[top:bottom, left:right] = value
    return ids


def read(folder, ids):
    for subset in ("train", "val"):
        cityscapes_image(folder, subset, f"ulm_{subset}_000019", ids)
    return read_cityscapes_folder(folder, folder.parent / "index").val


def found(*rows):
    """Detections from (class id, score, left, top, right, bottom) rows."""
    masks = np.zeros((len(rows), HEIGHT, WIDTH), bool)
    for mask, (_, _, left, top, right, bottom) in zip(masks, rows, strict=True):
        mask[top:bottom, left:right] = True
    return ImageDetections(
        HEIGHT,
        WIDTH,
        np.array([row[2:] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([_CLASS_INDEX[row[0]] for row in rows], np.int64),
        tuple(map(mask_to_rle, masks)),
    )


def told_by_us(val, detections):
    (labels,) = val.images
    matched = match_by_score(overlaps_of_image(labels, detections))
    return [MISTAKE if place == NO_MATCH else HIT if labels.objects[place].is_scored else IGNORED for place in matched]


def told_by_the_benchmark(ids, rows, least_iou=0.5):
    """What cityscapesScripts makes of each detection: of those over an object the best counts, others are mistakes.

    An overlap of exactly the least counts here, as in COCO; cityscapesScripts asks for more than that.
    """
    values, counts = np.unique(ids, return_counts=True)
    pixels = dict(zip(values.tolist(), counts.tolist(), strict=True))
    told, taken = [None] * len(rows), set()
    for number in sorted(range(len(rows)), key=lambda number: -rows[number][1]):
        class_id, _, left, top, right, bottom = rows[number]
        seen, area = ids[top:bottom, left:right], (bottom - top) * (right - left)
        of_class = [value for value in pixels if value == class_id or value // 1000 == class_id]
        inside = {value: int((seen == value).sum()) for value in of_class}
        scored = [value for value in of_class if value >= 1000 and pixels[value] >= 100]
        over = [v for v in scored if inside[v] / (area + pixels[v] - inside[v]) >= least_iou]
        if over:
            told[number] = MISTAKE if over[0] in taken else HIT
            taken |= set(over)
        else:
            ignored = sum(inside[value] for value in of_class if value not in scored)
            told[number] = IGNORED if ignored / area >= least_iou else MISTAKE
    return told


@pytest.mark.parametrize(("width", "expected"), [(9, IGNORED), (10, HIT)], ids=["99 pixels", "110 pixels"])
def test_an_object_counts_from_a_hundred_pixels(tmp_path, width, expected):
    val = read(tmp_path / "city", street((26001, 5, 5, 5 + width, 16)))
    detections = found((CAR, 0.9, 5, 5, 5 + width, 16))
    assert told_by_us(val, detections) == [expected]
    scores = evaluate_detections(val, [detections])
    assert [scores[kind]["ap50"] for kind in ("mask", "box")] == ([100, 100] if expected == HIT else [None, None])


def test_an_object_of_exactly_a_hundred_pixels_counts(tmp_path):
    val = read(tmp_path / "city", street((26001, 5, 5, 15, 15)))
    assert [label.is_tiny for label in val.images[0].objects] == [False]


def test_a_tiny_object_is_still_learnt(tmp_path):
    (image,) = read(tmp_path / "city", street((26001, 5, 5, 8, 8))).images
    assert [label.is_tiny for label in image.targets] == [True]


def test_a_group_and_a_tiny_object_are_ignored_by_the_sum_of_their_pixels(tmp_path):
    # Of the 100 pixels found 30 lie in the group, 30 in a tiny car, 40 in nothing: neither of them alone is half.
    ids = street((CAR, 0, 0, 3, 10), (26001, 3, 0, 6, 10), (24000, 40, 20, 60, 40))
    val = read(tmp_path / "city", ids)
    assert told_by_us(val, found((CAR, 0.9, 0, 0, 10, 10))) == [IGNORED]
    assert told_by_us(val, found((PERSON, 0.9, 0, 0, 10, 10))) == [MISTAKE]


@pytest.mark.parametrize("seed", range(12))
def test_detections_count_as_in_the_benchmark(tmp_path, seed):
    rng = np.random.default_rng(seed)

    def box(largest):
        left, top = rng.integers(0, WIDTH - largest), rng.integers(0, HEIGHT - largest)
        return int(left), int(top), *(int(side + rng.integers(largest // 2, largest)) for side in (left, top))

    objects = [(int(rng.choice([PERSON, CAR])), *box(24 if number < 8 else 10)) for number in range(14)]
    # The first three are groups.
    named = [value if number < 3 else value * 1000 + number for number, (value, *_) in enumerate(objects)]
    ids = street(*((name, *place) for name, (_, *place) in zip(named, objects, strict=True)))
    most = [WIDTH, HEIGHT, WIDTH, HEIGHT]
    near = [(value, *np.clip(np.array(place) + rng.integers(-2, 3, 4), 0, most)) for value, *place in objects * 3]
    rows = [(value, 0.01 * (number + 1), *map(int, place)) for number, (value, *place) in enumerate(near)]
    rows = [row for row in rows if row[4] > row[2] and row[5] > row[3]]
    val = read(tmp_path / "city", ids)
    expected = told_by_the_benchmark(ids, rows)
    assert told_by_us(val, found(*rows)) == expected
    assert set(expected) == {HIT, MISTAKE, IGNORED}

    # What is ignored changes no score: the same detections without them, on the objects that are scored.
    kept = [row for row, told in zip(rows, expected, strict=True) if told != IGNORED]
    scored = [label for label in val.images[0].objects if label.is_scored]
    (image,) = val.images
    plain = replace(val, images=(replace(image, objects=tuple(scored)),))
    of_plain, of_all = (evaluate_detections(*pair)["mask"] for pair in ((plain, [found(*kept)]), (val, [found(*rows)])))
    assert of_all["ap50"] == of_plain["ap50"]
