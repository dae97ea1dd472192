import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from splitlab.data.dataset import Dataset, ImageLabels, LabelState
from splitlab.data.selection.labelling_plan import (
    LabellingPlan,
    plan_as_csv,
    plan_labelling,
    random_order,
    read_plan,
    write_plan,
)
from splitlab.errors import DataError, RunError, SplitError

ROOT = Path("/somewhere/photos")
NONE, WHOLE = LabelState.NONE, LabelState.WHOLE


def photo(image_id, state=NONE, name=None):
    return ImageLabels(image_id, ROOT / (name or f"images/{image_id}.jpg"), 5, 5, (), state)


def dataset(*images):
    return Dataset("mine", ("thing",), (1,), images, "hash of labels")


def pool(count):
    return dataset(*(photo(number) for number in range(count)))


@st.composite
def pools(draw):
    count = draw(st.integers(2, 60))
    states = draw(st.lists(st.sampled_from((NONE, NONE, NONE, WHOLE)), min_size=count, max_size=count))
    group_of = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    members = [[one for one, group in enumerate(group_of) if group == number] for number in range(20)]
    data = dataset(*(photo(number, state) for number, state in enumerate(states)))
    return data, tuple(tuple(group) for group in members if len(group) > 1)


numbers, seeds = st.integers(0, 20), st.integers(0, 2**31)


def can(data, *wanted):
    return 0 < sum(wanted) <= sum(one.state == NONE for one in data.images)


@given(pools(), numbers, numbers, seeds)
def test_every_photo_without_labels_gets_one_task_and_no_other_does(data_and_groups, masks, boxes, seed):
    data, groups = data_and_groups
    assume(can(data, masks, boxes))
    plan = plan_labelling(data, masks, boxes, seed, groups)
    assert (len(plan.masks), len(plan.boxes)) == (masks, boxes)
    listed = [*plan.masks, *plan.boxes, *plan.leave]
    assert sorted(listed) == [one.image_id for one in data.images if one.state == NONE]


@given(pools(), numbers, numbers, numbers, numbers, seeds)
def test_fewer_masks_lie_in_more_and_fewer_boxes_in_more_of_the_same_masks(data_and_groups, a, b, c, d, seed):
    data, groups = data_and_groups
    (few, many), (few_boxes, many_boxes) = sorted((a, b)), sorted((c, d))
    assume(can(data, many, many_boxes) and few + few_boxes)
    small, large = (plan_labelling(data, masks, few_boxes, seed, groups) for masks in (few, many))
    assert small.masks == large.masks[:few]
    more = plan_labelling(data, few, many_boxes, seed, groups)
    assert small.boxes == more.boxes[:few_boxes]
    assert small.masks == more.masks


@given(pools(), numbers, numbers, seeds)
def test_a_second_near_duplicate_is_chosen_only_when_no_other_photo_is_left(data_and_groups, masks, boxes, seed):
    data, groups = data_and_groups
    assume(can(data, masks, boxes))
    plan = plan_labelling(data, masks, boxes, seed, groups)
    chosen = {*plan.masks, *plan.boxes}
    labelled = {one.image_id for one in data.images if one.state == WHOLE}
    known = [group for group in groups if len(chosen & set(group)) + len(labelled & set(group)) > 1]
    if any(chosen & set(group) for group in known):
        fresh = set(plan.leave) - {one for group in groups if (chosen | labelled) & set(group) for one in group}
        assert not fresh
    near = {one for group in groups if chosen & set(group) for one in group} & set(plan.leave)
    assert set(plan.near_duplicates) == near


def test_the_boxes_stay_the_same_with_more_masks_as_long_as_there_is_room():
    few, many = (plan_labelling(pool(40), masks, 10, 0) for masks in (5, 30))
    assert few.boxes == many.boxes
    assert not many.leave


def test_numbers_that_need_them_take_near_duplicates_too():
    groups = ((0, 1, 2), (3, 4, 5))
    few = plan_labelling(pool(6), 1, 1, 0, groups)
    assert {one // 3 for one in (*few.masks, *few.boxes)} == {0, 1}
    assert set(few.near_duplicates) == set(few.leave)
    assert not plan_labelling(pool(6), 4, 2, 0, groups).leave


def test_a_photo_with_a_labelled_near_duplicate_comes_after_all_others():
    data = dataset(photo(0, WHOLE), *(photo(number) for number in range(1, 8)))
    for seed in range(10):
        plan = plan_labelling(data, 3, 3, seed, ((0, 5),))
        assert plan.leave == (5,)


@given(pools(), seeds, st.randoms())
def test_a_plan_depends_on_the_photos_and_the_seed_and_not_on_any_order(data_and_groups, seed, random):
    data, groups = data_and_groups
    assume(can(data, 1, 1))
    images, others = list(data.images), [list(group) for group in groups]
    random.shuffle(images)
    random.shuffle(others)
    mixed = plan_labelling(replace(data, images=tuple(images)), 1, 1, seed, tuple(tuple(g[::-1]) for g in others))
    assert mixed == plan_labelling(data, 1, 1, seed, groups)


def test_seeds_differ_and_the_order_of_a_seed_stays_the_same_in_later_versions():
    assert len({plan_labelling(pool(40), 5, 5, seed).masks for seed in range(20)}) == 20
    assert random_order(range(8), 1) == random_order(range(7, -1, -1), 1) == [5, 0, 1, 4, 2, 6, 3, 7]


@pytest.mark.parametrize(
    ("masks", "boxes", "says"),
    [(0, 0, "nothing to label"), (-1, 3, "cannot be negative"), (4, 3, r"4 \+ 3 = 7 photos are more than the 6 wi")],
)
def test_numbers_that_cannot_be_get_one_sentence(masks, boxes, says):
    with pytest.raises(SplitError, match=says):
        plan_labelling(dataset(*pool(6).images, photo(9, WHOLE)), masks, boxes, 0)


# ---- Files


def test_the_table_names_each_file_and_its_task_first_things_first():
    names = {0: "images/a,b.jpg", 1: "=cmd().jpg", 2: "images/c.jpg", 3: "images/d.jpg"}
    data = dataset(*(photo(number, name=name) for number, name in names.items()), photo(4, WHOLE))
    plan = LabellingPlan((2, 0), (1,), (3,), (), 0, "hash of labels")
    rows = list(csv.reader(io.StringIO(plan_as_csv(plan, data, ROOT))))
    assert rows == [
        ["file", "task"],
        ["images/c.jpg", "draw masks"],
        ["images/a,b.jpg", "draw masks"],
        ["./=cmd().jpg", "draw boxes"],
        ["images/d.jpg", "leave"],
    ]
    assert "/somewhere/photos/images/c.jpg,draw masks" in plan_as_csv(plan, data, Path("/elsewhere"))


@pytest.mark.parametrize("first", "=+-@\t\r")
def test_no_file_name_is_a_formula_in_a_spreadsheet(first):
    plan = LabellingPlan((0,), (), (), (), 0, "hash of labels")
    name = f"{first}1\r=1+1.jpg"
    table = plan_as_csv(plan, dataset(photo(0, name=name)), ROOT)
    assert list(csv.reader(io.StringIO(table, newline="")))[1:] == [[f"./{name}", "draw masks"]]


def test_a_plan_comes_back_as_it_was_written(tmp_path):
    data = dataset(*pool(20).images, photo("a/b"), photo("c\udce4", name="images/c\udce4.jpg"))
    plan = plan_labelling(data, 5, 6, 3, ((1, 2), (3, 4, 5)))
    table, whole = write_plan(tmp_path / "new", plan, data, ROOT)
    assert table.read_bytes().decode(errors="surrogateescape") == plan_as_csv(plan, data, ROOT)
    assert read_plan(whole) == plan


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 4}, "was changed after it was made"),
        ({"boxes": []}, "was changed after it was made"),
        ({"masks": [1, 1]}, "Image 1 is listed twice"),
        ({"masks": [[1]]}, "is not a labelling plan"),
        ({"masks": 3}, "is not a labelling plan"),
        ({"seed": None}, "is not a labelling plan"),
    ],
)
def test_a_plan_file_that_was_changed_by_hand_is_refused(tmp_path, change, says):
    _, path = write_plan(tmp_path, plan_labelling(pool(10), 2, 2, 3), pool(10), ROOT)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SplitError, match=says):
        read_plan(path)


@pytest.mark.parametrize("content", ["", "[" * 100_000, "[]", "{}", '{"masks": [NaN]}'])
def test_what_is_no_plan_file_is_refused_and_named(tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(SplitError, match=r"plan\.json: is not a labelling plan"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_of_another_dataset_or_a_folder_that_cannot_be_is_refused(tmp_path):
    plan = plan_labelling(pool(10), 2, 2, 3)
    with pytest.raises(DataError, match="not in dataset 'mine'"):
        plan_as_csv(plan, pool(3), ROOT)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        write_plan(tmp_path / "file", plan, pool(10), ROOT)
