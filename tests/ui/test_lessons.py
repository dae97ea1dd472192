"""The page Lessons by Streamlit's AppTest: every screen opens, questions are judged, links say where one is."""

import json
import re
import subprocess
import sys

import pytest

from splitlab.app.lessons.page import _LESSONS, _Place, _read_place
from splitlab.app.widgets.comparisons import MODELS
from tests.ui.opened import ROOT, open_page, texts

# Screens that let models look, or learn, as (lesson, screen).
WITH_MODELS = {(2, 2), (5, 3), (5, 5)}
WALK = f"""
import sys
sys.path.insert(0, ".")
from tests.ui.opened import open_page
for lesson, screens in {[(number, len(lesson.screens)) for number, lesson in enumerate(_LESSONS, start=1)]}:
    app = open_page("lessons", lesson=str(lesson))
    for screen in range(1, screens + 1):
        if (lesson, screen) not in {WITH_MODELS}:
            app.query_params["screen"] = str(screen)
            app.run()
            assert not app.exception, (lesson, screen, app.exception[0].value)
            assert not app.error and not app.warning, (lesson, screen)
            assert app.header, (lesson, screen)
sys.exit(77 if "torch" in sys.modules else 0)
"""


def lesson(number, screen, **parameters):
    return open_page("lessons", lesson=str(number), screen=str(screen), **parameters)


def last(number):
    return len(_LESSONS[number - 1].screens)


def is_right(app):
    return bool(app.success) and "**Right.**" in app.success[0].value


def is_wrong(app):
    return not app.success and any("**Not yet.**" in info.value for info in app.info)


def keys_in(files):
    return {key for file in files for key in re.findall(r'key="([^"]+)"', file.read_text())}


def test_no_control_of_a_lesson_has_the_name_of_another_pages():
    # They would share a value in the session that the other does not know.
    lessons = {key for each in _LESSONS for screen in each.screens for block in screen.blocks for key, _ in block.slots}
    others = keys_in(path for path in (ROOT / "src/splitlab/app").rglob("*.py") if path.parent.name != "lessons")
    assert len(lessons) > 30
    assert not lessons & (others | {MODELS})


def test_there_are_eight_and_the_list_says_what_each_answers():
    assert len(_LESSONS) == 8
    told = texts(open_page("lessons"))
    for each in _LESSONS:
        assert each.question in told
        assert f"{len(each.screens)} screens, about {each.minutes} minutes" in told


def test_every_screen_without_models_opens_without_torch():
    walk = subprocess.run([sys.executable, "-c", WALK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert walk.returncode == 0, walk.stderr[-2000:]


def test_models_look_at_a_photo_and_the_link_says_how_sure_they_must_be():
    app = lesson(5, 3, least="0.5")
    titles = [note["text"] for note in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]]
    assert titles == [
        "pets 30/330: 0 found",
        "pets 60/30: 1 found",
        "pets 120/240: 0 found",
        "pets 240/120: 0 found",
    ]


def test_next_and_back_walk_through_a_lesson_and_on_to_the_next():
    app = lesson(1, 1)
    for screen in _LESSONS[0].screens[1:]:
        app.button(key="next").click().run()
        assert app.header[0].value == screen.title
    assert app.button(key="next").label == "Next lesson"
    app.button(key="next").click().run()
    assert app.header[0].value == _LESSONS[1].screens[0].title
    app.button(key="back").click().run()
    assert app.title[0].value == "Lessons"


def test_the_last_screen_of_all_leads_back_to_the_list():
    app = lesson(8, last(8))
    app.button(key="next").click().run()
    assert not app.exception
    assert app.title[0].value == "Lessons"


def test_a_control_keeps_its_place_when_one_goes_on_and_comes_back():
    app = lesson(1, 3)
    app.slider(key="masks").set_value(500).run()
    app.button(key="next").click().run()
    app.button(key="back").click().run()
    assert app.slider(key="masks").value == 500


@pytest.mark.parametrize("wrong", ["0", "9", "-1", "three", "1e0", "٣", "", "<b>", "9" * 5000])
def test_a_lesson_that_is_not_there_is_answered_by_the_list(wrong):
    place = _read_place({"lesson": wrong}, _LESSONS)
    assert place.lesson == 0
    assert "numbered 1 to 8" in place.problem
    assert len(place.problem) < 120
    assert "<b>" not in place.problem


def test_a_screen_that_is_not_there_is_answered_by_the_first():
    app = lesson(2, 99)
    assert "Lesson 2 has no screen '99'" in app.warning[0].value
    assert app.header[0].value == _LESSONS[1].screens[0].title


def test_only_true_asks_for_print():
    assert _read_place({"lesson": "3", "print": "true"}, _LESSONS) == _Place(3, printed=True)
    assert not _read_place({"lesson": "3", "print": "yes"}, _LESSONS).printed


def test_notes_are_hidden_until_asked_for():
    note = _LESSONS[3].screens[0].notes
    app = lesson(4, 1)
    assert note not in texts(app)
    app.toggle(key="notes").set_value(True).run()
    assert note in texts(app)
    assert note in texts(lesson(4, 1, notes="true"))


@pytest.mark.parametrize("number", range(1, 9))
def test_a_print_shows_all_screens_and_notes_where_asked_for(number):
    app = open_page("lessons", lesson=str(number), print="true", notes="true")
    assert [head.value for head in app.subheader] == [screen.title for screen in _LESSONS[number - 1].screens]
    assert all(screen.notes in texts(app) for screen in _LESSONS[number - 1].screens)
    assert not app.error
    assert not any(button.key in ("next", "back") for button in app.button)


def test_the_print_link_keeps_what_the_controls_say():
    html = " ".join(part.proto.body for part in lesson(1, 3, masks="500").get("html"))
    assert "lesson=1&amp;masks=500" in html
    assert "print=true" in html
    assert "screen=" not in html


def test_the_print_link_keeps_what_was_set_on_other_screens():
    app = lesson(7, last(7))
    app.slider(key="dear").set_value(300)
    app.query_params["dear"] = "300"  # a browser writes it
    app.run()
    app.button(key="back").click().run()
    app.run()
    assert "dear" not in app.query_params
    assert "dear=300" in " ".join(part.proto.body for part in app.get("html"))


def test_spending_is_judged_by_the_prices():
    app = lesson(1, last(1))
    assert is_wrong(app)
    app.slider(key="give_masks").set_value(150)
    app.slider(key="give_boxes").set_value(2800).run()
    assert is_right(app)
    app.slider(key="give_boxes").set_value(4000).run()
    assert is_wrong(app)
    assert is_right(lesson(1, last(1), give_masks="150", give_boxes="2800"))


def test_replacing_masks_is_judged_by_the_surface():
    assert is_right(lesson(2, last(2), instead="4200"))
    assert is_wrong(lesson(2, last(2), instead="9000"))


def test_the_middle_is_judged_by_the_planner():
    app = lesson(3, last(3), masks_share="50")
    assert is_right(app)
    assert app.get("plotly_chart")
    app.slider(key="masks_share").set_value(98).run()
    assert is_wrong(app)


def test_the_falling_step_is_found_by_choosing_it():
    app = lesson(4, last(4), search_in="YOLOv5 on Cityscapes, published", search_f="400", search_w="2,575")
    assert is_right(app)
    app.selectbox(key="search_w").set_value("2,000").run()
    assert is_wrong(app)


def test_models_disagree_at_some_confidence():
    app = lesson(5, last(5))
    assert is_wrong(app)
    app.slider(key="confident").set_value(0.5).run()
    assert is_right(app)
    app.slider(key="confident").set_value(0.95).run()
    assert is_wrong(app)
    assert "Ask for less" in app.info[0].value


def test_the_papers_points_lie_on_a_curve_and_others_do_not():
    assert is_right(lesson(6, last(6), mine="200-10531,400-5000,800-3000"))
    app = lesson(6, last(6), mine="200-1000,400-5000,800-3000,5-5")
    assert is_wrong(app)
    assert "not one score" in app.info[0].value


def test_no_point_is_taken_where_the_link_names_none_that_is_there():
    app = lesson(6, 1, taken="1-1,x")
    assert "**Click** splits with about the same score" in texts(app)


def test_the_line_is_told_to_cut_to_touch_and_to_miss():
    app = lesson(7, 1)
    assert "cuts the curve" in texts(app)
    app.slider(key="line").set_value(77.5).run()
    assert "the line touches" in texts(app)
    app.slider(key="line").set_value(60.0).run()
    assert "not enough" in texts(app)


def test_the_cheapest_split_is_judged_by_the_cheapest_point():
    app = lesson(7, last(7), answer="370")
    assert is_right(app)
    app.slider(key="dear").set_value(200).run()
    assert is_wrong(app)
    assert "more masks" in app.info[0].value


def test_the_line_that_turns_and_the_question_about_it_follow_4k():
    app = lesson(8, 1)
    assert "The line cuts the curve" in texts(app)
    app.slider(key="turn").set_value(2.0).run()
    assert "**draw masks only**" in texts(app)
    app = lesson(8, last(8))
    assert is_wrong(app)
    app.slider(key="begins_at").set_value(6.0).run()
    assert is_right(app)


def test_measured_lessons_open_where_nothing_was_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "none"))
    for number, screen in ((1, 3), (2, 3), (3, 1), (5, 2), (5, 3), (5, 4), (5, 5), (6, 3), (7, 5)):
        app = lesson(number, screen, strict="measured")
        assert not app.error
