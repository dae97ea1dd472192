import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import Card
from splitlab.cli import main as cli
from splitlab.evaluation.comparison import CompareSettings, Seen, compare
from splitlab.figures.compare_report import report_html
from splitlab.figures.comparison_tables import all_tables
from tests.evaluation.drawn import dataset, found, label

runner = CliRunner()
TRAINING = ("--model", "yolov5n-seg", "--image-size", "64", "--batch-size", "4", "--f-size", "2", "--device", "cpu")
HOSTILE = "<script>alert(1)</script>\"'&"


def run(*words):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def runs(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for full, weak in ((4, 6), (8, 0)):
        words = ("train", tiny_folder, "--full", full, "--weak", weak, "--steps", 2, *TRAINING)
        run(*words, "--out", folder / f"{full}-{weak}")
    return sorted(folder.iterdir())


class Collected(HTMLParser):
    """The tags, addresses and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.open, self.texts = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


def test_compare_writes_a_report_that_needs_nothing_else(runs, tiny_folder, tmp_path):
    report = tmp_path / "new" / "out.html"
    run("compare", *runs, "--data", tiny_folder, "--min-score", "0.01", "--report", report)
    page = Collected(report.read_text())
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert len(page.addresses) == 3 * 4  # truth and two models, four images
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert "http" not in "".join(page.texts)
    assert {"4/6", "8/0"} <= set(page.texts)
    assert any(re.fullmatch("[0-9a-f]{64}", text) for text in page.texts)


def test_compare_writes_its_tables_as_csv(runs, tiny_folder, tmp_path):
    run("compare", *runs, "--data", tiny_folder, "--csv", tmp_path / "tables")
    tables = {path.stem: pd.read_csv(path) for path in (tmp_path / "tables").iterdir()}
    assert set(tables) == {"models", "classes", "errors", "confusion", "objects", "images"}
    assert list(tables["models"]["full"]) == [4, 8]
    assert len(tables["objects"]) == 2 * 4
    assert len(tables["images"]) == 4


def test_compare_prints_json_with_the_scores_that_evaluate_gives(runs, tiny_folder):
    compared = json.loads(run("compare", *runs, "--data", tiny_folder, "--json"))
    scores = json.loads(run("evaluate", runs[0], "--json"))
    assert [model["name"] for model in compared["models"]] == ["4/6", "8/0"]
    assert compared["models"][0]["scores"]["mask"]["ap50"] == pytest.approx(scores["mask"]["ap50"], abs=0.2)
    assert len(compared["ranking"]) == 4
    disagreements = [image["disagreement"] for image in compared["ranking"]]
    assert disagreements == sorted(disagreements, reverse=True)


def test_compare_shows_a_table_and_explains_itself(runs, tiny_folder):
    assert "4/6" in run("compare", *runs, "--data", tiny_folder)
    assert "Example" in run("compare", "--help")


def test_mistakes_get_one_sentence(runs, tiny_folder, tmp_path, capsys, monkeypatch):
    def fails_with(*words):
        monkeypatch.setattr("sys.argv", ["splitlab", "compare", *map(str, words)])
        with pytest.raises(SystemExit):
            cli.main()
        shown = capsys.readouterr().err
        assert "Traceback" not in shown
        return shown

    assert "holds no checkpoint" in fails_with(tmp_path, "--data", tiny_folder)
    assert "give a score in 0..1" in fails_with(*runs, "--data", tiny_folder, "--min-score", "2")
    (tmp_path / "file").write_text("")
    words = (*runs, "--data", tiny_folder, "--csv", tmp_path / "file" / "tables")
    assert "cannot be created" in fails_with(*words)


def test_names_from_files_are_text_in_a_report_and_nothing_more(tmp_path):
    left, right = (5, 5, 45, 45), (55, 55, 95, 95)
    truth = dataset([label(left)], [label(right, 1)], classes=(HOSTILE, "dog"))
    truth = replace(truth, name=HOSTILE, licence=HOSTILE)
    card = Card(HOSTILE, HOSTILE, 64, [HOSTILE, "dog"], HOSTILE, "", HOSTILE, 0, 0, 0, "", 1, {})
    seen = Seen(card, "hash", [found((left, 0.9, 1)), found((right, 0.8, 0))])
    comparison = compare({HOSTILE: seen, "other": seen}, truth, CompareSettings())
    page = Collected(report_html(comparison))
    assert "script" not in page.tags
    assert "none.jpg is not there" in "".join(page.texts)  # a lost photo has a sentence in its place
    assert any(HOSTILE in text for text in page.texts)
    assert set(all_tables(comparison)["confusion"]["model_says"]) <= {HOSTILE, "dog", "nothing"}
