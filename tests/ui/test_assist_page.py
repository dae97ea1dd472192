"""The page Assisted masks: a person goes through proposals, and what was answered is on disk."""

import numpy as np
import pytest
import streamlit as st

from splitlab.assist.grabcut import GrabCutMaker
from splitlab.assist.proposals import State, read_proposals
from splitlab.assist.propose import ProposeSettings, propose
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.split import as_split, draw_split, without_masks
from splitlab.figures.proposals import proposal_picture, window_around
from splitlab.geometry import mask_to_rle
from splitlab.workspace import Workspace
from tests.conftest import write_tiny
from tests.ui.opened import metrics, open_page, texts


@pytest.fixture
def folder(tmp_path):
    st.cache_resource.clear()
    write_tiny(tmp_path / "shapes", {"train": 20, "val": 2})
    data = read_coco_folder(tmp_path / "shapes")
    shapes = as_split(data, draw_split(data.train, 14, 6, 0), without_masks)
    Workspace.here().data.mkdir(parents=True)
    return propose(shapes, GrabCutMaker(), Workspace.here().data / "shapes-assisted", ProposeSettings(20)).folder


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def states(folder):
    return {proposal.number: proposal.state for proposal in read_proposals(folder).ranked}


def test_without_proposals_the_page_says_how_to_make_some():
    app = open_page("assist")
    assert "no proposals yet" in texts(app)
    assert "splitlab assist" in app.code[0].value


def test_answers_go_to_disk_and_the_next_proposal_comes(folder):
    ranked = read_proposals(folder).ranked
    app = open_page("assist")
    assert metrics(app)["Rank"] == "1 of 6"
    assert app.query_params["proposal"] == str(ranked[0].number)
    press(app, "Accept")
    assert metrics(app)["Rank"] == "2 of 6"
    press(app, "Reject")
    found = states(folder)
    assert [found[proposal.number] for proposal in ranked[:3]] == [State.ACCEPTED, State.REJECTED, State.PROPOSED]
    assert "1 accepted, 1 rejected, 0 redrawn" in texts(app)
    assert "50% of the answered ones were not accepted" in texts(app)
    assert metrics(app)["A mask with proposals"] == "54 s"  # 10 + 4 + half of 80


def test_an_answer_can_be_taken_back_where_it_was_given(folder):
    first = read_proposals(folder).ranked[0].number
    app = open_page("assist", proposal=str(first))
    press(app, "Accept")
    press(app, "Previous")
    assert metrics(app)["Rank"] == "1 of 6"
    press(app, "Undo")
    assert states(folder)[first] == State.PROPOSED
    assert metrics(app)["Rank"] == "1 of 6"


def test_a_link_leads_to_its_proposal_and_another_one_to_the_first(folder):
    ranked = read_proposals(folder).ranked
    assert metrics(open_page("assist", proposal=str(ranked[4].number)))["Rank"] == "5 of 6"
    assert metrics(open_page("assist", proposal="no number"))["Rank"] == "1 of 6"
    assert metrics(open_page("assist", order="worst first"))["Rank"] == "6 of 6"


@pytest.mark.parametrize("nonsense", ["inf", "", "-5", "9" * 400, "\u202e\u0000é<b>"])
def test_a_link_that_says_nonsense_opens_what_the_page_begins_with(folder, nonsense):
    names = ("assisted", "proposal", "order", "whole", "assist_box", "assist_look", "assist_mask")
    app = open_page("assist", **dict.fromkeys(names, nonsense))
    assert metrics(app)["Rank"] == "1 of 6"


def test_nothing_can_be_answered_on_a_read_only_server(folder, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    app = open_page("assist")
    assert {button.label for button in app.button} == {"Previous", "Next"}
    assert "read-only" in texts(app)


def test_a_broken_folder_gets_a_sentence(folder):
    (folder / "assist.json").write_text("{")
    app = open_page("assist")
    assert "cannot be read" in app.error[0].value


def test_redrawing_shows_a_chart_to_draw_on(folder):
    app = open_page("assist")
    assert len(app.get("plotly_chart")) == 0
    press(app, "Redraw")
    assert len(app.get("plotly_chart")) == 1
    press(app, "Stop drawing")
    assert len(app.get("plotly_chart")) == 0


def test_the_picture_shows_the_part_around_the_box_with_the_outline_where_the_mask_ends():
    photo = np.full((200, 300, 3), 120, np.uint8)
    mask = np.zeros((200, 300), bool)
    mask[60:100, 100:160] = True
    box = (100.0, 60.0, 160.0, 100.0)
    window = window_around(box, 300, 200)
    assert window == (76, 36, 185, 125)
    picture = proposal_picture(photo, mask_to_rle(mask), box, window)
    assert max(picture.shape[:2]) == 900
    scale = 900 / 109
    inside = picture[round((80 - 36) * scale), round((130 - 76) * scale)]
    outside = picture[10, 10]
    assert (outside == 120).all()
    assert inside[2] > 120  # tinted with F's blue
