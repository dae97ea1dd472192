"""The paper's figures as presets: their columns are rows of its tables, and how to get them really works."""

import shlex
from dataclasses import replace

import pytest
import typer.main

from splitlab.app.widgets.figure_presets import (
    _checkpoint_name,
    columns_at_hand,
    how_to_import,
    how_to_train,
    small_presets,
)
from splitlab.budget.published import FIGURES, MAIN_METRIC, TRAINING_IMAGES, method_rows, published_results
from splitlab.checkpoints.checkpoint import Card
from splitlab.cli.main import app
from splitlab.runs.recipes import RECIPES

COLUMNS = [(figure, column) for figure in FIGURES for column in figure.columns]
FIRST, LAST = FIGURES[0], FIGURES[-1]


def card(name, full, weak, model="yolov5x-seg", dataset="VOC2012"):
    return Card(name, model, 64, ["a"], dataset, "", "", full, weak, 0, name, 1, {})


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figures_columns_are_published_rows_with_about_the_same_score(figure):
    rows = method_rows(published_results(), figure.dataset, figure.method).set_index(["full", "weak"])
    scores = [rows.loc[(column.full, column.weak), MAIN_METRIC[figure.dataset]] for column in figure.columns]
    assert max(scores) - min(scores) < 2
    assert [column.full for column in figure.columns] == sorted(column.full for column in figure.columns)
    assert all(column.full + column.weak <= TRAINING_IMAGES[figure.dataset] for column in figure.columns)


@pytest.mark.parametrize(("figure", "column"), COLUMNS)
def test_the_printed_head_is_the_rounded_split(figure, column):
    full, weak = column.printed.replace("k", "000").split("/")
    assert int(full) == column.full
    assert abs(int(weak) - column.weak) < 1000


@pytest.mark.parametrize(("figure", "column"), COLUMNS)
def test_the_commands_that_are_offered_are_ones_the_command_line_knows(figure, column):
    cli = typer.main.get_command(app)
    for line in [*how_to_train(figure, column), how_to_import(figure, column)]:
        program, *words = shlex.split(line)
        assert program == "splitlab"
        command = cli
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("splitlab", words)
    assert figure.recipe in RECIPES


def test_a_column_is_known_by_data_set_model_and_split():
    cards = {
        "other data": card("other data", 400, 5000, dataset="pets"),
        "other model": card("other model", 400, 5000, model="detr-r50"),
        "other split": card("other split", 400, 4999),
        "right": card("right", 400, 5000),
    }
    assert list(columns_at_hand(FIRST, cards).values()) == [None, "right", None, None]


def test_an_imported_column_is_known_by_the_name_that_the_import_command_gives():
    name = _checkpoint_name(FIRST, FIRST.columns[3])
    assert how_to_import(FIRST, FIRST.columns[3]).endswith(f"--name {name}")
    cards = {name: card(name, 0, 0), "else": card("else", 0, 0)}
    assert list(columns_at_hand(FIRST, cards).values()) == [None, None, None, name]
    assert set(columns_at_hand(LAST, cards).values()) == {None}


def test_small_presets_bring_splits_of_one_data_set_and_kind_together_in_order():
    cards = {
        "c": card("c", 480, 0, "yolov5n-lite0-seg", "pets"),
        "b": card("b", 30, 450, "yolov5n-lite0-seg", "pets"),
        "a": card("a", 30, 0, "yolov5n-lite0-seg", "pets"),
        "detr": card("detr", 100, 380, "detr-lite0-few", "pets"),
        "imported": card("imported", 0, 0, "yolov5s-seg", "pets"),
        "once": card("once", 5, 5, dataset="street"),
        "again": card("again", 5, 5, dataset="street"),
    }
    (preset,) = small_presets(cards)
    assert (preset.dataset, preset.kind) == ("pets", "YOLO")
    assert preset.names == ("a", "b", "c")
    assert preset.splits == ("30/0", "30/450", "480/0")


def test_of_many_splits_those_of_about_one_score_are_the_columns_each_once():
    ap70 = {
        (30, 0): 60.0,
        (30, 330): 73.4,
        (60, 0): 66.0,
        (60, 30): 73.0,
        (60, 120): 70.0,
        (120, 240): 74.0,
        (240, 0): 80.0,
    }
    cards = {
        f"{full}-{weak}-seed{seed}": replace(
            card(f"{full}-{weak}", full, weak), scores={"mask": {"ap70": ap}, "box": {"ap70": ap}}
        )
        for seed in (0, 1)
        for (full, weak), ap in ap70.items()
    }
    (preset,) = small_presets(cards)
    assert preset.names == ("30-330-seed0", "60-30-seed0", "120-240-seed0")


def test_many_splits_without_scores_are_shown_from_the_first():
    (preset,) = small_presets({f"{full}": card(f"{full}", full, 10) for full in range(1, 9)})
    assert preset.names == ("1", "2", "3", "4", "5", "6")
