"""Which measured splits the lessons tell, out of however many there are."""

import pytest
import streamlit as st

from splitlab.app.lessons.labels import _few_to_many_masks, _weak_gains
from splitlab.app.lessons.rows import _MOST_MEASURED, measured_alike, measured_splits
from splitlab.atlas.rows import add_rows
from splitlab.workspace import Workspace
from tests.experiments.atlas_tools import row

GRID = {
    **{(10, 0): 20.0, (10, 50): 35.0, (10, 80): 40.2},
    **{(20, 0): 30.0, (20, 50): 40.0, (20, 80): 44.0},
    **{(40, 0): 39.8, (40, 50): 46.0, (40, 80): 48.0},
}


@pytest.fixture(autouse=True)
def nothing_but_what_is_written_here(monkeypatch, tmp_path):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "none"))
    st.cache_data.clear()


def write(dataset, scores):
    folder = Workspace.here().measured
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        row(dataset=dataset, full=full, weak=weak, ap70=ap, spec_hash=f"{full}/{weak}")
        for (full, weak), ap in scores.items()
    ]
    add_rows(folder / f"{dataset}.csv", tuple(rows))


def splits(rows):
    return list(zip(rows["dataset"], rows["full"], rows["weak"], strict=True))


def test_splits_of_equal_score_are_told_and_not_the_first_ones():
    write("tiny", GRID)
    write("other", {(5, 0): 10.0, (5, 9): 20.0})
    assert splits(measured_alike("ap70")) == [("tiny, test part", *split) for split in ((10, 80), (20, 50), (40, 0))]


def test_of_many_equal_scores_so_many_are_told_as_a_chart_can_hold():
    write("tiny", {(full, 0): 40.0 for full in range(1, 9)})
    assert len(measured_alike("ap70")) == _MOST_MEASURED


def test_where_nothing_was_measured_nothing_is_told():
    assert measured_alike("ap70").empty


def test_what_boxes_bring_is_told_for_few_some_and_many_masks():
    write("tiny", GRID | {(30, 0): 35.0, (30, 50): 44.0, (25, 0): 33.0, (25, 80): 45.0})
    told = _few_to_many_masks(_weak_gains(measured_splits("ap70"), "ap70"))
    assert splits(told) == [("tiny, test part", *split) for split in ((10, 80), (25, 80), (40, 80))]
    assert told["together"].tolist() == [40.2, 45.0, 48.0]
