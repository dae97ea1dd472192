import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.cli.datasets.split import split as command
from splitlab.data.dataset import Dataset, ImageCounts, ImageLabels, LabelState, ObjectLabel, count_images
from splitlab.data.split import check_sizes, draw_split, draw_stratified, read_split
from splitlab.errors import SplitError
from splitlab.geometry import polygons_to_rle
from splitlab.io import write_json

MASK = polygons_to_rle([[1, 1, 3, 1, 3, 3, 1, 3]], 5, 5)


def dataset(images, boxes_only=0):
    def image(number):
        mask = None if number < boxes_only else MASK
        return ImageLabels(number, None, 5, 5, (ObjectLabel(0, (1, 1, 3, 3), mask),))

    return Dataset("test", ("thing",), (1,), tuple(image(number) for number in range(images)), "hash of labels")


sizes = st.tuples(st.integers(0, 19), st.integers(0, 19), st.integers(0, 19)).map(sorted)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**31))
def test_f_and_w_are_disjoint_and_of_the_sizes_asked_for(full, weak, seed):
    if full + weak == 0:
        return
    split = draw_split(dataset(40), full, weak, seed)
    assert len(set(split.full)) == full
    assert len(set(split.weak)) == weak
    assert not set(split.full) & set(split.weak)


@given(sizes, sizes, st.integers(0, 1000), st.integers(0, 15))
def test_smaller_sets_lie_in_larger_ones_whatever_the_other_size(fulls, weaks, seed, boxes_only):
    data = dataset(40, boxes_only)
    small = draw_split(data, fulls[0], weaks[1] + 1, seed)
    large = draw_split(data, fulls[2], weaks[0] + 1, seed) if fulls[2] + weaks[0] + 1 <= 40 else small
    assert set(small.full) <= set(large.full)
    assert set(large.weak) <= set(small.weak)


def test_equal_seeds_draw_equal_splits_and_others_do_not():
    first, same, other = (draw_split(dataset(40), 10, 20, seed) for seed in (3, 3, 4))
    assert first == same
    assert first.hash == same.hash
    assert first.hash != other.hash


def test_images_without_masks_stand_in_w_only():
    split = draw_split(dataset(10, boxes_only=6), 4, 6, seed=0)
    assert set(split.full) == {6, 7, 8, 9}
    assert set(split.weak) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("full", "weak", "says"),
    [
        (30, 11, "30 + 11 = 41 is more than the 40 images"),
        (36, 0, "more than the 35 images of"),
        (-1, 3, "cannot be negative"),
        (0, 0, "nothing to train on"),
    ],
)
def test_sizes_that_cannot_be_get_one_sentence(full, weak, says):
    with pytest.raises(SplitError, match=says.replace("+", r"\+")):
        draw_split(dataset(40, boxes_only=5), full, weak, seed=0)


def test_a_split_file_comes_back_equal(tmp_path):
    split = draw_split(dataset(40), 10, 20, seed=5)
    write_json(tmp_path / "split.json", split.to_json())
    assert read_split(tmp_path / "split.json") == split


def test_a_split_file_that_was_changed_by_hand_is_refused(tmp_path):
    content = draw_split(dataset(40), 10, 20, seed=5).to_json()
    content["full"][0], content["weak"][0] = content["weak"][0], content["full"][0]
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(SplitError, match="changed after it was drawn"):
        read_split(tmp_path / "split.json")


def test_the_hash_holds_the_labels_the_split_was_drawn_from():
    data = dataset(40)
    assert draw_split(data, 5, 5, 0).hash != draw_split(replace(data, source_hash="other labels"), 5, 5, 0).hash


def with_states(*states, empty=()):
    """Images 0, 1, ... of these states; those in `empty` show nothing."""
    whole = dataset(len(states))
    images = (
        replace(image, state=state, objects=() if image.image_id in empty else image.objects)
        for image, state in zip(whole.images, states, strict=True)
    )
    return replace(whole, images=tuple(images))


WHOLE, NONE, BROKEN = LabelState.WHOLE, LabelState.NONE, LabelState.BROKEN


@pytest.mark.parametrize("draw", [draw_split, draw_stratified])
@pytest.mark.parametrize("seed", range(5))
def test_images_that_nobody_labelled_or_whose_labels_are_broken_are_never_drawn(draw, seed):
    data = with_states(*[WHOLE] * 4, *[NONE] * 7, BROKEN, empty=range(4, 12))
    split = draw(data, 2, 2, seed)
    assert {*split.full, *split.weak} == {0, 1, 2, 3}
    with pytest.raises(
        SplitError, match=r"4 \+ 4 = 8 is more than the 4 labelled images.*7 images have no labels.*1 i"
    ):
        draw(data, 4, 4, seed)
    with pytest.raises(SplitError, match="more than the 4 images of"):
        draw(data, 5, 0, seed)


@pytest.mark.parametrize("draw", [draw_split, draw_stratified])
def test_background_images_stand_in_w_and_never_in_f(draw):
    data = with_states(*[WHOLE] * 20, empty=range(8))
    weak = set()
    for seed in range(10):
        split = draw(data, 12, 4, seed)
        assert set(split.full) == set(range(8, 20))
        weak |= set(split.weak)
    assert weak == set(range(8))
    assert len(draw(data, 6, 14, 0).weak) == 14


@pytest.mark.parametrize("draw", [draw_split, draw_stratified])
@pytest.mark.parametrize("seed", range(10))
def test_with_background_images_a_smaller_f_lies_in_a_larger_one_and_a_smaller_w_in_one_of_the_same_f(draw, seed):
    data = with_states(*[WHOLE] * 40, empty=range(0, 40, 4))
    splits = [draw(data, full, 40 - full, seed) for full in (5, 10, 30)]
    assert set(splits[0].full) <= set(splits[1].full) <= set(splits[2].full)
    assert all(len({*split.full, *split.weak}) == 40 for split in splits)
    for full in (0, 5, 20, 30):
        small, middle, large = (draw(data, full, weak, seed) for weak in (3, 7, 10))
        assert small.full == middle.full == large.full
        assert set(small.weak) < set(middle.weak) < set(large.weak)


def test_what_is_said_of_smaller_sets_holds_the_word_of_the_same_f():
    data = with_states(*[WHOLE] * 40, empty=range(0, 40, 4))
    splits = [(draw_split(data, 5, 5, seed), draw_split(data, 30, 6, seed)) for seed in range(10)]
    assert any(not set(small.weak) <= set(large.weak) for small, large in splits)
    for text in (draw_split.__doc__, command.__doc__, (Path(__file__).parents[2] / "docs/data.md").read_text()):
        told = " ".join(text.split())
        assert "a smaller F lies in a larger one, and a smaller W in a larger one of the same F" in told


def test_where_nothing_is_labelled_or_all_are_crowds_the_sentence_says_so():
    with pytest.raises(SplitError, match="None of its 3 photos is labelled"):
        draw_stratified(with_states(NONE, NONE, NONE), 1, 1, 0)
    whole = dataset(3)
    crowds = tuple(replace(i, objects=(replace(i.objects[0], is_crowd=True),)) for i in whole.images)
    with pytest.raises(SplitError, match="All 3 objects of 'test' are crowd regions"):
        draw_split(replace(whole, images=crowds), 1, 1, 0)


def test_where_no_image_is_left_nothing_is_said_of_labels():
    with pytest.raises(SplitError, match=r"Choose a smaller \|F\|\.\Z"):
        draw_split(with_states(), 1, 1, 0)


def test_images_are_counted_once_each():
    data = with_states(WHOLE, WHOLE, NONE, BROKEN, NONE, empty=(1, 2))
    assert count_images(data) == ImageCounts(masks=1, half_masked=0, boxes=0, background=1, unlabelled=2, broken=1)
    assert count_images(dataset(5, boxes_only=2)) == ImageCounts(3, 0, 2, 0, 0, 0)


@pytest.mark.parametrize("change", [{"full": (1,)}, {"weak": (2,)}, {"seed": 9}, {"source": "other labels"}])
def test_a_split_that_differs_in_anything_has_another_hash(change):
    split = draw_split(dataset(40), 5, 5, 0)
    assert replace(split, **change).hash != split.hash
    assert replace(split, drawn="paper").hash == split.hash


class Watched(tuple):
    """Images that count how often somebody goes through them."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        return super().__iter__()


def test_sizes_are_checked_without_another_look_at_the_images_once_they_are_counted():
    data = dataset(40)
    data = replace(data, images=Watched(data.images))
    for full in (10, 20, 30):
        check_sizes(data, full, 10)
        assert count_images(data).masks == 40
    assert data.images.passes == 1
