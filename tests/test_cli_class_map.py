"""Scoring and comparing models from elsewhere, whose class names are not the dataset's."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli import main as cli
from splitlab.errors import RunError, SplitLabError
from tests.checkpoints import write_checkpoint

runner = CliRunner()


def run(*words):
    return runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)


def scored(*words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def refusal(*words):
    with pytest.raises(SplitLabError) as refused:
        run(*words)
    return str(refused.value)


@pytest.fixture
def data(tiny_folder, tmp_path, monkeypatch):
    """The tiny dataset: squares and discs."""
    monkeypatch.chdir(tmp_path)
    return tiny_folder


def test_names_that_mean_the_same_are_scored_without_a_question(data, tmp_path):
    own = write_checkpoint(tmp_path / "own", class_names=["square", "disc"])
    other = write_checkpoint(tmp_path / "other", class_names=["Squares", "DISC"])
    expected, told = scored("evaluate", own, "--data", data, "--json")
    assert "takes" not in told
    assert expected.keys() == {"mask", "box", "scored_on"}
    scores, told = scored("evaluate", other, "--data", data, "--json")
    assert "other: takes Squares as square, DISC as disc." in told
    assert {name: scores[name] for name in expected} == expected
    assert scores["classes"]["map"] == {"Squares": "square", "DISC": "disc"}
    assert read_card(other).class_maps == []  # a name speaks for itself


def test_the_weights_of_a_run_are_called_by_the_name_on_their_card(data, tmp_path):
    weights = write_checkpoint(tmp_path / "run" / "weights", name="leaves-3-4", class_names=["Squares", "DISC"])
    _, told = scored("evaluate", weights, "--data", data, "--json")
    assert "leaves-3-4: takes Squares as square, DISC as disc." in told
    assert "weights" not in told


@pytest.mark.parametrize(("subset", "notes"), [("train", 0), ("val", 1)])
def test_faults_of_train_are_not_told_where_val_alone_is_looked_at(data, tmp_path, subset, notes):
    folder = tmp_path / "spoilt"
    shutil.copytree(data, folder)
    labels = folder / f"instances_{subset}.json"
    content = json.loads(labels.read_text())
    content["annotations"].append({**content["annotations"][0], "image_id": 99})
    labels.write_text(json.dumps(content))
    model = write_checkpoint(tmp_path / "model", class_names=["square", "disc"])
    for words in (("evaluate", model), ("compare", model, model)):
        assert run(*words, "--data", folder, "--json").stderr.count("entries of") == notes


def test_a_numbered_model_is_asked_about_once_and_its_card_keeps_the_answer(data, tmp_path):
    own = write_checkpoint(tmp_path / "own", class_names=["square", "disc"])
    numbered = write_checkpoint(tmp_path / "numbered", class_names=["0", "1"])
    refused = refusal("evaluate", numbered, "--data", data)
    assert "knows the classes 0, 1" in refused
    assert "--class-map" in refused
    assert "'order'" in refused
    first, told = scored("evaluate", numbered, "--data", data, "--class-map", "order", "--json")
    assert "numbered: takes 0 as square, 1 as disc." in told
    again, _ = scored("evaluate", numbered, "--data", data, "--json")
    expected, _ = scored("evaluate", own, "--data", data, "--json")
    assert first == again == expected | {"classes": first["classes"]}
    shown, _ = scored("checkpoint", "show", numbered, "--json")
    assert shown["class_maps"][0]["counterparts"] == ["square", "disc"]
    assert "square and disc" not in run("checkpoint", "show", numbered).stdout
    assert "0 as square, 1 as disc" in run("checkpoint", "show", numbered).stdout


def test_classes_that_one_side_lacks_are_left_out_and_named(data, tmp_path):
    partial = write_checkpoint(tmp_path / "partial", class_names=["zebra", "disc"])
    scores, told = scored("evaluate", partial, "--data", data, "--json")
    assert "detections of zebra are left out" in told
    assert "does not know square" in told
    assert "Scores are means over 1 of the 2 classes" in told
    assert scores["classes"] == {
        "map": {"disc": "disc"}, "scored": ["disc"], "not_scored": ["square"], "left_out": ["zebra"],
    }  # fmt: skip
    assert scores["mask"]["per_class"]["square"]["ap50"] is None
    assert scores["mask"]["ap50"] == scores["mask"]["per_class"]["disc"]["ap50"]
    in_words = run("evaluate", partial, "--data", data)
    assert "AP50:95" in in_words.stdout


def test_a_file_names_classes_and_a_word_that_fits_nothing_is_refused(data, tmp_path):
    numbered = write_checkpoint(tmp_path / "numbered", class_names=["0", "1"])
    (tmp_path / "map.yaml").write_text("0: disc\n1: square\n")
    scores, _ = scored("evaluate", numbered, "--data", data, "--class-map", tmp_path / "map.yaml", "--json")
    assert scores["classes"]["map"] == {"0": "disc", "1": "square"}
    for words, told in (
        (("--data", data, "--class-map", "voc20"), "has 2 classes, the class map names 20"),
        (("--data", data, "--class-map", "0=triangle"), "has no class 'triangle'"),
        (("--data", data, "--class-map", "nonsense"), "is not a table"),
        (("--class-map", "order"), "Add --data"),
    ):
        assert told in refusal("evaluate", numbered, *words)
    assert read_card(numbered).class_maps[0]["counterparts"] == ["disc", "square"]


def test_models_are_compared_over_the_classes_that_all_of_them_know(data, tmp_path):
    own = write_checkpoint(tmp_path / "own", class_names=["square", "disc"])
    partial = write_checkpoint(tmp_path / "partial", class_names=["zebra", "Disc"])
    report = tmp_path / "report.html"
    compared, told = scored("compare", own, partial, "--data", data, "--report", report, "--json")
    assert (compared["classes"], compared["not_compared"]) == (["disc"], ["square"])
    assert compared["dataset"].endswith("(1 of 2 classes)")
    assert "Scores are means over 1 of the 2 classes" in told
    assert [model["class_map"] and model["class_map"]["map"] for model in compared["models"]] == [
        None,
        {"Disc": "disc"},
    ]
    assert all(model["scores"]["mask"]["per_class"].keys() == {"disc"} for model in compared["models"])
    alone, _ = scored("evaluate", own, "--data", data, "--json")
    of_disc = alone["mask"]["per_class"]["disc"]["ap50"]
    assert compared["models"][0]["scores"]["mask"]["ap50"] == pytest.approx(of_disc, abs=0.2)
    assert "does not know square" in report.read_text()


def test_a_map_goes_to_the_models_that_it_fits(data, tmp_path):
    own = write_checkpoint(tmp_path / "own", class_names=["square", "disc"])
    named = write_checkpoint(tmp_path / "named", class_names=["squares", "discs"])
    numbered = write_checkpoint(tmp_path / "numbered", class_names=["class_0", "class_1"])
    words = ("compare", own, named, numbered, "--data", data, "--json", "--class-map")
    compared, _ = scored(*words, "class_0=square", "--class-map", "class_1=disc")
    assert compared["classes"] == ["square", "disc"]
    scores = [model["scores"] for model in compared["models"]]
    assert scores[0] == scores[1] == scores[2]
    assert read_card(numbered).class_maps
    assert not read_card(named).class_maps
    assert "fits none of the checkpoints" in refusal(*words, "elephant=square")


def test_models_without_a_class_in_common_are_not_compared(data, tmp_path):
    squares = write_checkpoint(tmp_path / "squares", class_names=["square", "zebra"])
    discs = write_checkpoint(tmp_path / "discs", class_names=["zebra", "disc"])
    refused = refusal("compare", squares, discs, "--data", data)
    assert "no class of" in refused
    assert f"{squares} knows square" in refused
    assert not (tmp_path / "workspace" / "detections").exists()


def test_a_card_that_cannot_be_written_holds_the_map_this_time(data, tmp_path, monkeypatch):
    def full(*_):
        raise RunError("disk full.")

    numbered = write_checkpoint(tmp_path / "numbered", class_names=["0", "1"])
    monkeypatch.setattr("splitlab.evaluation.class_map.write_card", full)
    _, told = scored("evaluate", numbered, "--data", data, "--class-map", "order", "--json")
    assert "is not kept: disk full." in told
