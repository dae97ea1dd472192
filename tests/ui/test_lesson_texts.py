"""Texts and code of lessons fit together: every placeholder is filled, and everything filled has a placeholder."""

from collections import defaultdict

import pytest
import streamlit as st

from splitlab.app.lessons import labels, mistakes
from splitlab.app.lessons.lesson import _FOLDER, ScreenView, _read_text
from splitlab.app.lessons.page import _LESSONS
from splitlab.app.widgets.sources import measured
from splitlab.atlas.rows import add_rows
from splitlab.workspace import Workspace
from tests.experiments.atlas_tools import row

CHOSEN = "pets-30-330"
STREETS = "YOLOv5 on Cityscapes, published"
ONE_SIZE, NO_BOXES, ONCE, CLOSE, FAR, SCATTERED = (
    f"yolov5n-seg on {name}, test part, measured"
    for name in ("one_size", "no_boxes", "once", "close", "far", "scattered")
)
MEASURED = {
    "one_size": {(40, 0): [40], (40, 80): [45]},
    "no_boxes": {(20, 0): [40], (40, 0): [45]},
    "once": {(20, 0): [40], (20, 80): [35], (40, 80): [50]},
    "close": {(20, 0): [40, 48], (20, 80): [38, 46], (40, 80): [50, 52]},
    "scattered": {(10, 80): [40], (20, 80): [40], (40, 10): [40], (60, 0): [45]},
    "far": {(20, 0): [40, 41], (20, 80): [30, 31], (40, 80): [50, 51]},
}
# What to answer so that every paragraph is shown once; a screen that is not named shows all of it at once.
ANSWERS = {
    (1, 4): [{}, *({"give_masks": 150, "give_boxes": boxes} for boxes in (0, 2800, 4000))],
    (2, 5): [{"instead": boxes} for boxes in (500, 4200, 9000)],
    (3, 1): [{}, {"extremes_of": STREETS, "extreme": "200/2,775"}, {"extremes_of": ONE_SIZE}],
    (3, 2): [{"budget": 190, "share": 5}],
    (3, 4): [{"masks_share": share} for share in (5, 50, 100)],
    (4, 1): [{}, {"grow_w": NO_BOXES}, {"grow_w": ONE_SIZE}],
    (4, 2): [{}, {"grow_f": NO_BOXES}, {"grow_f": ONE_SIZE}],
    (4, 3): [{}, {"steps_of": NO_BOXES}, {"steps_of": ONE_SIZE}],
    (4, 5): [
        {},
        {"search_in": NO_BOXES},
        {"search_in": STREETS},
        {"search_in": STREETS, "search_f": "400", "search_w": "2,575"},
        *({"search_in": name} for name in (ONCE, CLOSE, FAR)),
    ],
    (5, 2): [{}, {"strict": "measured"}],
    (5, 5): [{"confident": score} for score in (0.05, 0.5, 0.95)],
    (6, 1): [{"taken": "1-1"}, {}, {"taken": "200-10531,400-5000"}, {"points_of": NO_BOXES}],
    (6, 4): [
        {"search_curve": NO_BOXES},
        {"search_curve": SCATTERED, "mine": "10-80,20-80,40-10"},
        *({"mine": taken} for taken in ("", "200-10531,400-5000,800-3000", "200-1000,400-5000,800-3000")),
    ],
    (7, 1): [{"line": hours} for hours in (60.0, 77.5, 100.0)],
    (7, 4): [{"mask_s": 240}, {"mask_s": 1500}, {"mask_s": 40, "box_s": 38}, {"mask_s": 1500, "box_s": 10}],
    (8, 1): [{}, {"turn": 2.0}],
    (8, 5): [{"begins_at": ratio} for ratio in (2.0, 6.0, 9.0)],
    (7, 6): [{"answer": full} for full in (780, 370, 200)],
}


class Slots(dict):
    def __init__(self, slots, used):
        super().__init__(slots)
        self.used = used

    def __getitem__(self, key):
        self.used.add(key)
        return super().__getitem__(key)


class AnsweredView(ScreenView):
    """A screen whose controls are answered beforehand; it notes what is filled."""

    def __init__(self, blocks, answers, filled):
        self.answers, self.filled = answers, filled
        super().__init__(blocks)
        self._slots = Slots(self._slots, filled)

    def _answer(self, key, start):
        return self.answers.get(key, start) if self._slots[key] else None

    def _show(self, known):
        super()._show(known)
        self.filled.update(known)

    def slider(self, key, _low, _high, start, *_, **__):
        return self._answer(key, start)

    def select(self, key, _options, start):
        return self._answer(key, start)

    def choose(self, key, options):
        return self._answer(key, options[0])

    def pick(self, key, _names, start):
        return self._answer(key, start)


@pytest.fixture
def written():
    folder = Workspace.here().measured
    folder.mkdir(parents=True, exist_ok=True)
    for name, scores in MEASURED.items():
        rows = [
            row(dataset=name, full=full, weak=weak, seed=seed, ap70=ap, spec_hash=f"{full}/{weak}/{seed}")
            for (full, weak), of_seeds in scores.items()
            for seed, ap in enumerate(of_seeds)
        ]
        add_rows(folder / f"{name}.csv", tuple(rows))
    measured.clear()


@pytest.fixture
def fill(monkeypatch):
    """Fills screens one after another and returns what was filled by screen."""
    monkeypatch.setattr(labels, "show_mixed_batch", lambda: None)
    monkeypatch.setattr(mistakes, "choose_models", lambda known: [name for name in known if name == CHOSEN])
    monkeypatch.setattr(mistakes, "choose_view", lambda: None)
    monkeypatch.setattr(mistakes, "show_panels", lambda *_: None)
    filled = defaultdict(set)

    def fill(number, screen, answers):
        monkeypatch.setattr(st, "query_params", answers)
        shown = _LESSONS[number - 1].screens[screen - 1]
        shown.fill(AnsweredView(shown.blocks, answers, filled[number, screen]))

    fill.filled = filled
    return fill


def placeholders(number, screen):
    blocks = _LESSONS[number - 1].screens[screen - 1].blocks
    return {need for block in blocks for need in block.needs} | {key for block in blocks for key, _ in block.slots}


def test_every_placeholder_is_filled_in_some_case_and_nothing_else_is(written, fill, monkeypatch, tmp_path):
    places = [(number, at) for number, each in enumerate(_LESSONS, 1) for at in range(1, len(each.screens) + 1)]
    for place in places:
        for answers in ANSWERS.get(place, [{}]):
            fill(*place, answers)
    monkeypatch.setattr(mistakes, "choose_models", lambda _: [])
    fill(5, 3, {})
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "none"))
    for table in Workspace.here().measured.glob("*.csv"):
        table.unlink()
    measured.clear()
    for place in ((1, 3), (2, 4), (5, 2), (5, 3), (5, 5), (6, 3), (7, 5)):
        fill(*place, {"strict": "measured"})
    assert {place: fill.filled[place] ^ placeholders(*place) for place in places} == {place: set() for place in places}


def test_a_value_that_the_text_has_no_place_for_is_an_error():
    view = ScreenView(_LESSONS[0].screens[0].blocks)
    with pytest.raises(KeyError, match="does not use surplus"):
        view.say(surplus=1)


def test_every_file_is_the_text_of_one_lesson_and_no_placeholder_is_left_unread():
    heads = [_read_text(path.stem) for path in _FOLDER.glob("*.md")]
    assert sorted(head["title"] for head, _ in heads) == sorted(each.title for each in _LESSONS)
    for _, screens in heads:
        for title, blocks, notes in screens:
            assert "{{" not in title + notes
            assert not any("{{" in block.filled(defaultdict(str)) for block in blocks)
