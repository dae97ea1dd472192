from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.budget.label_prices import LabelPrices
from splitlab.data.dataset import ImageLabels
from splitlab.errors import SettingsError
from splitlab.next_batch.candidates import Candidates, Task
from splitlab.next_batch.nearest import Nearest
from splitlab.next_batch.signs import Signs
from splitlab.next_batch.strategies import (
    STRATEGY_NAMES,
    Disagreement,
    Diversity,
    GainPerHour,
    MaskQuality,
    Random,
    Rarity,
    strategy_named,
)

PER_OBJECT = LabelPrices(7.0, 79.0, per_object=True)
CAT, DOG, OTTER = 0, 1, 2


def candidates(counts, labelled=(9, 9, 9), task=Task.MASKS, differ=None, doubt=None, features=None, centres=None):
    counts = np.array(counts, np.float32)
    none = np.zeros(len(counts), np.float32)
    photos = tuple(ImageLabels(number, Path(f"{number}.jpg"), 8, 8, ()) for number in range(len(counts)))
    return Candidates(
        photos,
        task,
        ("cat", "dog", "otter"),
        np.array(labelled, np.float64),
        np.maximum(counts.sum(axis=1), 1).astype(np.float64),
        Signs(none if differ is None else np.float32(differ), none if doubt is None else np.float32(doubt), counts),
        np.ones((len(counts), 1), np.float16) if features is None else features,
        np.ones((1, 1), np.float16) if centres is None else centres,
    )


def drawn_candidates(seed, task):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(40, 6)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return candidates(
        rng.integers(0, 3, (30, 3)),
        rng.integers(0, 9, 3),
        task,
        rng.random(30),
        rng.random(30),
        features[:30].astype(np.float16),
        features[30 : 30 + seed % 11].astype(np.float16),
    )


def places(picks):
    return [pick.place for pick in picks]


@given(st.sampled_from(STRATEGY_NAMES), st.sampled_from(Task), st.integers(0, 1000), st.integers(0, 30))
def test_every_strategy_picks_as_many_different_photos_as_asked_and_fewer_are_the_first_of_more(
    name, task, seed, count
):
    drawn = drawn_candidates(seed, task)
    strategy = strategy_named(name, PER_OBJECT)
    some, more = (strategy.pick(drawn, number) for number in (count, 30))
    assert len(set(places(some))) == count
    assert set(places(more)) == set(range(30))
    assert list(some) == list(more)[:count]
    assert all(pick.reason for pick in more)


@given(st.integers(0, 10_000))
def test_k_center_equals_a_naive_implementation(seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(24, 5)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    photos, centres = features[:20], features[20 : 20 + seed % 5]
    chosen = []
    for _ in range(8):
        best, farthest = None, -1.0
        for row in range(20):
            others = [*centres, *(photos[place] for place in chosen)]
            distance = min((float(np.linalg.norm(photos[row] - other)) for other in others), default=np.inf)
            if row not in chosen and distance > farthest:
                best, farthest = row, distance
        chosen.append(best)
    picked = Diversity().pick(candidates(np.ones((20, 3)), features=photos, centres=centres), 8)
    assert places(picked) == chosen


def test_distances_to_many_centres_are_those_to_the_nearest_one():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(9000, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    photos, centres = features[:4500], features[4500:]
    found = Nearest(photos, centres).distances
    for row in (0, 4095, 4096, 4499):
        assert found[row] == pytest.approx(np.linalg.norm(centres - photos[row], axis=1).min(), abs=1e-3)


def test_the_rarest_class_comes_first_and_becomes_less_rare_with_each_photo():
    # Worth: cat 1/10, dog 1/4, otter 1/1. A second otter is worth 1/2 once the first counts, a third 1/3.
    shown = [[5, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 1, 0]]
    picks = Rarity().pick(candidates(shown, labelled=(9, 3, 0)), 6)
    assert places(picks) == [2, 3, 5, 4, 1, 0]
    assert [pick.reason for pick in picks][:4] == [
        "rare class: otter",
        "rare class: otter",
        "rare class: dog",
        "rare class: otter",
    ]


def test_photos_on_which_models_see_nothing_come_last_and_at_random():
    picks = Disagreement().pick(candidates(np.zeros((4, 3)), differ=[0, 0.2, 0, 0.9]), 4)
    assert [(pick.place, pick.reason) for pick in picks] == [
        (3, "models disagree"),
        (1, "models disagree"),
        (0, "random"),
        (2, "random"),
    ]


def test_doubtful_masks_are_worth_masks_but_no_boxes():
    doubt = [0.1, 0.8, 0.4]
    assert places(MaskQuality().pick(candidates(np.ones((3, 3)), doubt=doubt), 3)) == [1, 2, 0]
    for_boxes = candidates(np.ones((3, 3)), task=Task.BOXES, doubt=doubt)
    assert MaskQuality().pick(for_boxes, 3) == Random().pick(for_boxes, 3)


@pytest.mark.parametrize("task", Task)
def test_of_two_photos_with_equal_promise_the_cheaper_one_comes_first(task):
    # Two and eight cats: all signs are equal, the second costs four times as much.
    two = candidates([[8, 0, 0], [2, 0, 0]], task=task, differ=[0.5, 0.5], doubt=[0.5, 0.5])
    assert places(GainPerHour(PER_OBJECT).pick(two, 1)) == [1]
    assert GainPerHour(PER_OBJECT).seconds(two).tolist() == ([632, 158] if task == Task.MASKS else [56, 14])
    # For one price per photo the one with more objects is worth more.
    assert places(GainPerHour(LabelPrices(38.1, 239.7)).pick(two, 1)) == [0]


def test_promise_counts_at_equal_prices_and_what_sets_the_photo_apart_is_the_reason():
    parts = {"differ": [0.1, 0.9, 0.1], "doubt": [0.1, 0.1, 0.95]}
    picks = GainPerHour(PER_OBJECT).pick(candidates(np.zeros((3, 3)), **parts), 3)
    assert [(pick.place, pick.reason) for pick in picks][:2] == [(2, "masks look poor"), (1, "models disagree")]
    rare = GainPerHour(PER_OBJECT).pick(candidates([[1, 0, 0], [0, 0, 1]], labelled=(9, 9, 0)), 1)
    assert rare == [(1, "rare class: otter")]


def test_an_unknown_strategy_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError, match=r"'luck'. Choose one of random, disagreement, .*gain-per-hour"):
        strategy_named("luck", PER_OBJECT)
