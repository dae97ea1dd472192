import pandas as pd
import pytest
import streamlit as st

from splitlab.atlas import rows as few_shot_measured
from splitlab.atlas.rows import FEW_SHOT_COLUMNS
from tests.ui.opened import open_page, texts


@pytest.fixture(autouse=True)
def nothing_read_before():
    st.cache_resource.clear()


def a_table(path):
    told = dict.fromkeys(FEW_SHOT_COLUMNS, 0) | {
        "code_version": "abc123",
        "machine": "a test",
        "objects": 5,
        "found": 4,
    }
    rows = [
        told | {"variant": variant, "setting": setting, "start": start, "class": name, "group": group, "ap70": ap70}
        for variant, name, group in (
            ("pair", "moon jelly", "novel"),
            ("pair", "star", "base"),
            ("twins", "star", "novel"),
        )
        for setting, start, ap70 in (
            ("few-shot", "base", 41.5),
            ("zero-shot", "base", 3.5),
            ("all masks", "backbone", 77.0),
        )
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def measured(tmp_path, monkeypatch):
    path = a_table(tmp_path / "table.csv")
    monkeypatch.setattr(few_shot_measured, "table_path", lambda: path)
    return path


def charts(app):
    return list(app.get("plotly_chart"))


def test_the_page_draws_table_4_and_says_how_to_measure_where_nothing_was(tmp_path, monkeypatch):
    monkeypatch.setattr(few_shot_measured, "table_path", lambda: tmp_path / "none.csv")
    app = open_page("few_shot")
    assert len(charts(app)) == 1
    assert "Nothing has been measured here yet" in texts(app)
    assert any("measure_few_shot.py" in code.value for code in app.code)
    assert any("splitlab few-shot embedded" in code.value for code in app.code)


def test_what_was_measured_is_told_with_code_machine_and_seeds(measured):
    app = open_page("few_shot")
    assert len(charts(app)) == 2
    assert "1 seed; novel: moon jelly" in texts(app)
    assert "measured with the images that show a novel class as W" in texts(app)
    assert "abc123" in texts(app)
    app.button_group(key="variant").set_value("twins").run()
    assert not app.exception
    assert "novel: star" in texts(app)


def test_a_link_brings_variant_and_score(measured):
    app = open_page("few_shot", variant="twins", metric="mask IoU")
    assert app.button_group(key="variant").value == "twins"
    assert app.button_group(key="metric").value == "mask IoU"


def test_a_broken_table_is_one_sentence(measured):
    measured.write_text("nothing,here\n1,2\n")
    app = open_page("few_shot")
    assert "lacks the column variant" in app.error[0].value
    assert any("splitlab few-shot" in code.value for code in app.code)


def test_a_mask_is_taken_apart_on_demand_by_a_real_checkpoint(tmp_path, monkeypatch):
    app = open_page("few_shot")
    assert "coefficient" not in " ".join(caption.value for caption in app.caption)
    app.toggle(key="take_apart").set_value(True).run()
    assert not app.exception
    said = " ".join(caption.value for caption in app.caption)
    assert said.count("prototype ") >= 4
    assert "all 32 added up" in said
    assert "coefficients drawn at random" in said
    assert "The filled box alone reaches" in said
