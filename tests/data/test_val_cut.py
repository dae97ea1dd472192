import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel, Problem, ProblemKind, TrainVal
from splitlab.data.selection.herding import in_proportion
from splitlab.data.selection.val_cut import FILE_NAME, ValCut, apply_cut, cut_val, delete_cut, load_cut, save_cut
from splitlab.errors import DataError, SplitError
from splitlab.geometry import polygons_to_rle

MASK = polygons_to_rle([[1, 1, 3, 1, 3, 3, 1, 3]], 5, 5)
WHOLE, NONE, BROKEN = LabelState.WHOLE, LabelState.NONE, LabelState.BROKEN


def image(image_id, *classes, mask=MASK, state=WHOLE):
    objects = tuple(ObjectLabel(index, (1, 1, 3, 3), mask) for index in classes)
    return ImageLabels(image_id, Path(f"{image_id}.jpg"), 5, 5, objects, state)


def dataset(*images, classes=3):
    names = tuple("abcdefghijklmnopqrst"[:classes])
    return Dataset("mine", names, tuple(range(1, classes + 1)), images, "hash of labels")


def shows(data, image_ids):
    return Counter(label.class_index for one in image_ids for label in data.by_id[one].objects)


def uneven(count, seed=3):
    """Class a in most images, b in some, c in one of thirty, and some background."""
    kinds = [(0,), (0, 1), (1,), (0, 2), ()]
    drawn = np.random.default_rng(seed).choice(5, count, p=[0.5, 0.25, 0.1, 0.03, 0.12])
    return dataset(*(image(number, *kinds[kind]) for number, kind in enumerate(drawn)))


datasets = st.builds(uneven, st.integers(20, 120), st.integers(0, 1000))
seeds, shares = st.integers(0, 2**31), st.floats(0.01, 0.99)


@st.composite
def grouped(draw):
    data = draw(datasets)
    group_of = draw(st.lists(st.integers(0, 25), min_size=len(data.images), max_size=len(data.images)))
    # Every third image is alone, so that there is something to choose from.
    members = [[one for one, group in enumerate(group_of) if group == number and one % 3] for number in range(15)]
    return data, tuple(tuple(group) for group in members if len(group) > 1)


@given(grouped(), shares, seeds)
def test_groups_are_never_cut_and_the_part_has_its_share_up_to_half_a_group(data_and_groups, share, seed):
    data, groups = data_and_groups
    val = set(cut_val(data, share, seed, groups).val)
    for group in groups:
        assert val.isdisjoint(group) or val.issuperset(group)
    assert 0 < len(val) < len(data.images)
    assert shows(data, val)
    largest = max((len(group) for group in groups if val.issuperset(group)), default=1)
    assert len(val) <= share * len(data.images) + max(largest / 2, 1) or len(val) == largest


@given(datasets, st.floats(0.05, 0.5), seeds)
def test_without_groups_the_part_has_its_share_to_one_image_where_no_class_is_rare(data, share, seed):
    often = replace(data, images=tuple(replace(one, objects=one.objects[:1]) for one in data.images))
    wish = max(round(share * len(data.images)), 1)
    counts = shows(often, often.by_id)
    assert len(cut_val(often, share, seed).val) == wish or min(counts.values()) < 4


@given(seeds, st.integers(100, 300), st.floats(0.1, 0.5))
def test_every_class_and_background_have_their_share_to_two_images(seed, count, share):
    data = uneven(count)
    val = cut_val(data, share, seed).val
    for index, shown in shows(data, data.by_id).items():
        assert abs(shows(data, val)[index] - shown * len(val) / count) <= 2
    background = [one.image_id for one in data.images if not one.objects]
    assert abs(len(set(val) & set(background)) - len(background) * len(val) / count) <= 2


def test_a_cut_is_closer_to_the_proportions_than_chance():
    data = uneven(300)
    cuts = [cut_val(data, 0.2, seed).val for seed in range(30)]
    drawn = [np.random.default_rng(seed).permutation(300)[:60].tolist() for seed in range(30)]
    spread = [np.std([shows(data, val)[1] for val in vals]) for vals in (cuts, drawn)]
    assert spread[0] < spread[1] / 3
    assert len(set(cuts)) == 30


@given(grouped(), seeds)
def test_no_class_loses_its_last_image_in_train(data_and_groups, seed):
    data, groups = data_and_groups
    val = cut_val(data, 0.9, seed, groups).val
    train = [one.image_id for one in data.images if one.image_id not in val]
    lost = set(shows(data, data.by_id)) - set(shows(data, train))
    # Only where any part takes one: each group or single image then has all images of a class.
    assert not lost or len(val) in {1, *(len(group) for group in groups)}


def test_an_image_that_alone_shows_a_class_stays_in_train_unless_every_image_does():
    alone = dataset(image(1, 0), image(2, 0), image(3, 0, 1), image(4, 0, 2))
    assert {cut_val(alone, 0.9, seed).val for seed in range(20)} <= {(1,), (2,), (1, 2)}
    assert cut_val(dataset(image(1, 0), image(2, 1)), 0.5, 0).val in {(1,), (2,)}


@pytest.mark.parametrize(("share", "size"), [(4 / 30, 3), (5 / 30, 6), (7 / 30, 6), (8 / 30, 9)])
def test_a_group_that_exceeds_the_share_is_taken_if_that_comes_closer_to_it(share, size):
    data = dataset(*(image(number, 0) for number in range(30)))
    threes = tuple((number, number + 1, number + 2) for number in range(0, 30, 3))
    assert len(cut_val(data, share, 0, threes).val) == size


def test_where_no_group_fits_the_smallest_that_leaves_every_class_in_train_is_taken():
    classes = [1, 1, *[0] * 7]
    data = dataset(*(image(number, index) for number, index in enumerate(classes)))
    groups = ((0, 1), (2, 3, 4), (5, 6, 7, 8))
    assert {cut_val(data, 0.05, seed, groups).val for seed in range(10)} == {(2, 3, 4)}


@given(grouped(), seeds, st.randoms())
def test_a_cut_depends_on_the_labels_and_the_seed_and_not_on_any_order(data_and_groups, seed, random):
    data, groups = data_and_groups
    images, others = list(data.images), [list(group) for group in groups]
    random.shuffle(images)
    random.shuffle(others)
    mixed = cut_val(replace(data, images=tuple(images)), 0.2, seed, tuple(tuple(group[::-1]) for group in others))
    assert mixed == cut_val(data, 0.2, seed, groups)


def test_the_cut_of_a_seed_stays_the_same_in_later_versions():
    assert cut_val(uneven(40), 0.2, 7, ((0, 1, 2), (10, 20))).val == (0, 1, 18, 19, 2, 28, 33, 37)


def test_where_images_have_masks_only_those_and_background_are_cut():
    boxes = [image(number, 0, mask=None) for number in range(50)]
    masks = [image(number, 0) for number in range(50, 70)]
    background = [image(number) for number in range(70, 80)]
    other = [image(80, 0, state=NONE), image(81, 0, state=BROKEN)]
    cut = cut_val(dataset(*boxes, *masks, *background, *other), 0.2, 0)
    assert set(cut.val) <= set(range(50, 80))
    assert len(cut.val) == 6
    assert cut.aside == ()
    without = cut_val(dataset(*boxes, *background, *other), 0.2, 0)
    assert set(without.val) <= {*range(50), *range(70, 80)}
    assert len(without.val) == 12


def test_where_no_image_has_all_masks_half_masked_ones_are_cut_too():
    two_objects = image(0, 0, 1).objects
    objects = (two_objects[0], replace(two_objects[1], mask=None))
    halves = [replace(image(number), objects=objects) for number in range(10)]
    cut = cut_val(dataset(*halves), 0.2, 0)
    assert len(cut.val) == 2
    assert set(cut_val(dataset(*halves, image(10, 0), image(11, 1), image(12, 2)), 0.5, 0).val) <= {10, 11, 12}


def test_near_duplicates_of_val_images_that_cannot_be_scored_are_set_aside():
    images = [image(1, 0), image(2, 0, state=NONE), image(3, 0, mask=None), image(4, 0), image(5, 0, state=NONE)]
    data = dataset(*images)
    groups = ((1, 2, 3, 99), (4, 5))
    cuts = {cut_val(data, 0.5, seed, groups).val: cut_val(data, 0.5, seed, groups) for seed in range(20)}
    assert cuts[1,].aside == (2, 3)
    assert cuts[4,].aside == (5,)
    part = apply_cut(TrainVal(data, dataset()), cuts[1,])
    assert [one.image_id for one in part.train.images] == [4, 5]


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan"), float("inf")])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(SplitError, match=f"share of {share} for val is not between 0 and 1"):
        cut_val(uneven(40), share, 0)


@pytest.mark.parametrize(
    ("images", "groups", "says"),
    [
        ([], (), "0 of the 0 images"),
        ([image(1, 0), image(2), image(3, 0, state=NONE)], (), "1 of the 3 images of 'mine' can be scored"),
        ([image(1, 0), image(2, 1)], ((1, 2),), "All 2 images of 'mine' that can be scored are near-duplicates"),
    ],
)
def test_too_few_images_to_cut_get_one_sentence(images, groups, says):
    with pytest.raises(SplitError, match=says):
        cut_val(dataset(*images), 0.2, 0, groups)


# ---- Applying


def test_a_cut_moves_its_images_and_gives_both_parts_hashes_of_their_own():
    problems = (Problem(ProblemKind.BOX, "1.jpg", "what", "way out"),)
    data = TrainVal(replace(uneven(20), problems=problems, few_shot_pool=(1,), paper_pools=((1,),)), dataset())
    cut = ValCut((3, 5, "gone"), (7,), 0, 0.1)
    parts = apply_cut(data, cut)
    assert [one.image_id for one in parts.val.images] == [3, 5]
    assert [one.image_id for one in parts.train.images] == [n for n in range(20) if n not in (3, 5, 7)]
    assert parts.train.problems == problems
    assert (parts.val.problems, parts.train.few_shot_pool, parts.train.paper_pools) == ((), (), ())
    other = apply_cut(data, replace(cut, val=(3, 5, 6)))
    aside = apply_cut(data, replace(cut, aside=(8,)))
    relabelled = apply_cut(replace(data, train=replace(data.train, source_hash="other labels")), cut)
    hashes = [part.source_hash for d in (data, parts, other, aside, relabelled) for part in (d.train, d.val)]
    assert len(set(hashes)) == len(hashes) - 1  # train and val of `data` have one
    again = apply_cut(data, replace(cut, seed=9, share=0.5, val=(5, 3, "gone")))
    assert again.train.source_hash == parts.train.source_hash


def test_photos_added_later_stay_in_train():
    data, cut = uneven(20), cut_val(uneven(20), 0.2, 0)
    more = replace(data, images=(*data.images, image(100, 0)))
    parts = apply_cut(TrainVal(more, dataset()), cut)
    assert 100 in parts.train.by_id
    assert set(parts.val.by_id) == set(cut.val)


def test_a_dataset_with_a_val_part_of_its_own_is_not_cut():
    with pytest.raises(DataError, match=r"'mine' has a val part of its own.*Delete its splitlab-val\.json"):
        apply_cut(TrainVal(uneven(20), uneven(3)), ValCut((1,), (), 0, 0.2))


# ---- The file


def test_a_cut_comes_back_as_it_was_saved_until_it_is_deleted(tmp_path):
    assert load_cut(tmp_path) is None
    cut = ValCut((1, 2, "a/b.jpg", "not utf-8 \udce4"), ("c",), 3, 0.25, "stratified")
    assert save_cut(tmp_path, cut) == tmp_path / FILE_NAME
    assert load_cut(tmp_path) == cut
    save_cut(tmp_path, replace(cut, seed=4))
    assert load_cut(tmp_path) == replace(cut, seed=4)
    delete_cut(tmp_path)
    assert load_cut(tmp_path) is None
    delete_cut(tmp_path)
    assert not list(tmp_path.iterdir())


GOOD = {"version": 1, "seed": 0, "share": 0.2, "how": "stratified", "val": [1], "aside": []}


def test_the_content_that_the_next_test_breaks_is_good(tmp_path):
    (tmp_path / FILE_NAME).write_text(json.dumps({**GOOD, "how": "by \x1b[31mhand"}))
    assert load_cut(tmp_path) == ValCut((1,), (), 0, 0.2, "by \N{REPLACEMENT CHARACTER}[31mhand")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        "[]",
        "{}",
        *(json.dumps({**GOOD, **change}) for change in (
            {"version": 2}, {"val": []}, {"val": [1, 1]}, {"aside": [1]}, {"val": [[1]]}, {"val": [1.5]}, {"val": 3},
            {"share": 0}, {"share": 7}, {"share": "x"}, {"share": float("nan")}, {"seed": None}, {"seed": []},
            {"share": 10**400}, {"seed": float("inf")},
        )),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_and_named(tmp_path, content):
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(DataError, match=r"splitlab-val\.json: is not a valid val part.*Delete it"):
        load_cut(tmp_path)


def test_a_file_too_large_for_its_content_is_not_read_whole(tmp_path):
    with (tmp_path / FILE_NAME).open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(DataError, match="larger than"):
        load_cut(tmp_path)


def test_a_folder_that_is_gone_gets_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"splitlab-val\.json: cannot be written"):
        save_cut(tmp_path / "gone", ValCut((1,), (), 0, 0.2))


# ---- Herding


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 5))
def test_herding_takes_every_row_once_and_every_beginning_is_in_proportion(seed, rows, traits):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 3, (rows, traits))
    order = list(in_proportion(counts, rng))
    assert sorted(order) == list(range(rows))
    expected = np.arange(1, rows + 1)[:, None] * counts.mean(axis=0)
    assert np.abs(counts[order].cumsum(axis=0) - expected).max() <= 2 + traits


def test_rows_with_equal_counts_are_taken_in_their_order():
    counts = np.array([[1, 0]] * 4 + [[0, 1]] * 4)
    order = list(in_proportion(counts, np.random.default_rng(0)))
    assert [row for row in order if row < 4] == [0, 1, 2, 3]
    assert [row for row in order if row >= 4] == [4, 5, 6, 7]
