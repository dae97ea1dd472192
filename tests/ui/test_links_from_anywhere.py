"""A link may say anything: each page opens with what it begins with, whatever its parameters hold."""

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.ui.opened import ROOT, open_page, texts

ENDED_PAGES = ("inf", "", ["1", "inf"])
FURTHER = ("-inf", "nan", "9" * 400, "-5", "2.5", ["", ""], "\u202e\u0000é🦑<b>", "x" * 20_000, ["nan", "x"])
# Parameters that pages read or write without a control, and those of other pages.
READ_BY_HAND = (
    "lesson", "screen", "print", "points_a", "claim", "verdicts", "hidden", "score", "models", "left", "right", "run",
    "runs", "image", "of", "metric", "by", "against", "data", "apart", "embed", "no_such_parameter",
)  # fmt: skip
KINDS = (
    "selectbox", "slider", "select_slider", "number_input", "multiselect", "toggle", "button_group", "text_input",
    "pagination", "expander",
)  # fmt: skip
# What opens each page's controls; these parameters stay as they are.
OPENED = [
    ("", {}),
    ("plan", {}),
    ("plan", {"mode": "score I need"}),
    ("plan", {"unit": "an object"}),
    ("cost_against_ap", {}),
    ("equiscore", {"law": "mine"}),
    ("stopwatch", {"timed": "tiny"}),
    ("stopwatch", {"who": "a class"}),
    ("compare_masks", {"models": "tiny-4-6"}),
    ("compare_masks", {"models": "tiny-4-6", "look_at": "images of a data set", "view": "swipe", "data": "tiny"}),
    ("errors", {"data": "tiny"}),
    ("data", {"data": "tiny"}),
    ("train", {"data": "tiny"}),
    ("assist", {}),
    ("runs", {}),
    ("few_shot", {}),
    ("cost_against_ap", {"show_VOC2012": "Table 2"}),
    ("documentation", {}),
    ("paper", {}),
    *(("lessons", {"lesson": str(number), "print": "true"}) for number in (1, 4, 6)),
    ("lessons", {}),
]


def opened(page, parameters):
    """Open a page as a browser does that follows a link to it."""
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    app.query_params.update(parameters)
    app._page_hash = calc_hash(page) if page else ""
    return app.run()


def keys_of(app):
    return {control.key for kind in KINDS for control in app.get(kind) if getattr(control, "key", None)}


@pytest.mark.parametrize(("page", "asked"), OPENED, ids=lambda value: str(value))
def test_a_page_opens_whatever_its_link_says(page, asked, workspace):
    keys = sorted((keys_of(opened(page, asked)) | set(READ_BY_HAND)) - set(asked))
    for nonsense in ENDED_PAGES:
        assert not opened(page, dict.fromkeys(keys, nonsense) | asked).exception, nonsense
    # The rest by turns: each key gets two of them, and each kind of control all.
    for turn in (0, 4):
        mixed = {key: FURTHER[(place + turn) % len(FURTHER)] for place, key in enumerate(keys)}
        assert not opened(page, mixed | asked).exception, mixed


@pytest.mark.parametrize(
    "name", ["$$ID-1-None", "$$WIDGET_ID-x", "entered by app.py", "page shown last", "links of pages"]
)
def test_a_parameter_with_a_name_that_the_session_uses_changes_nothing(name):
    names = dict.fromkeys((name, "entered by app.py", "page shown last", "links of pages"), "1")
    app = opened("plan", names)
    assert not app.exception
    assert app.title[0].value == "Plan a budget"


@pytest.mark.parametrize("nonsense", ["inf", "nan", "", "1e400", "-1", "many"])
def test_a_whole_number_that_a_link_gets_wrong_is_what_the_page_begins_with(nonsense):
    app = open_page("plan", have_full=nonsense, have_weak=nonsense)
    assert [app.number_input(key=key).value for key in ("have_full", "have_weak")] == [0, 0]
    assert "have_full" not in app.query_params
    assert "more images" not in texts(app)


def test_a_whole_number_that_a_link_gets_right_is_taken():
    app = open_page("plan", have_full="40", have_weak="7")
    assert [app.number_input(key=key).value for key in ("have_full", "have_weak")] == [40, 7]


@pytest.mark.parametrize("asked", ["", ["", ""], "no such score", "0", "nan"])
def test_a_choice_that_a_link_gets_wrong_is_what_the_page_begins_with(asked):
    app = open_page("cost_against_ap", dataset=asked, show_VOC2012=asked)
    assert app.get("button_group")[0].value == "Fig. 1a"
    assert app.selectbox(key="dataset").value == "VOC2012"
    assert not {"dataset", "show_VOC2012"} & set(app.query_params)


def test_whole_numbers_and_choices_of_one_are_made_in_one_place():
    """Streamlit's own fail for a link with "inf", or leave nothing chosen for an empty one."""
    for path in (ROOT / "src/splitlab/app").rglob("*.py"):
        if path.name != "links.py":
            assert not [call for call in calls_of(path) if breaks(call)], path


def calls_of(path: Path):
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]


def breaks(call):
    if call.func.attr == "segmented_control":
        return True
    least = call.args[1] if len(call.args) > 1 else None
    whole = isinstance(least, ast.Constant) and isinstance(least.value, int)
    return call.func.attr == "number_input" and whole
