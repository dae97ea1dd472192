"""What `import splitlab as sl` offers."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import splitlab as sl
from splitlab.errors import BudgetError, CheckpointError, RunError, SettingsError

HEAVY = ("cv2", "numpy", "pandas", "plotly", "rich", "scipy", "streamlit", "torch", "typer")
SHORT = {"model": "yolov5n-seg", "image_size": 64, "steps": 2, "batch_size": 4, "f_size": 2, "evaluate_every": 2}


@pytest.fixture(scope="module")
def in_workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPLITLAB_WORKSPACE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def data(tiny_folder, in_workspace):
    return sl.open_dataset(tiny_folder)


@pytest.fixture(scope="module")
def split(data):
    return sl.draw_split(data, full=4, weak=6)


@pytest.fixture(scope="module")
def trained(data, split, in_workspace):
    return sl.train(data, split, in_workspace / "run", **SHORT)


def modules_after(code):
    """Which of the heavy modules a new process has imported after this code."""
    code += f"\nimport sys\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_the_import_alone_imports_nothing_heavy():
    assert modules_after("import splitlab as sl\ndir(sl)") == []


def test_a_plan_needs_neither_pytorch_nor_a_page():
    code = (
        "import splitlab as sl\n"
        "surface = sl.fit_surface([100, 200, 400], [0, 1000, 800], [20, 30, 40])\n"
        "assert sl.plan(surface, sl.VOC2012, 5000, hours=40).best.full > 0\n"
        "sl.annotation_cost(400, 5000, sl.VOC2012)"
    )
    assert not {"torch", "streamlit", "plotly", "typer"} & set(modules_after(code))


def test_every_public_name_is_there_and_explained():
    for name in sl.__all__:
        value = getattr(sl, name)
        assert not callable(value) or value.__doc__, name
    assert set(sl.__all__) <= set(dir(sl))


def test_type_checkers_are_told_the_public_names():
    tree = ast.parse(Path(sl.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {alias.asname or alias.name for node in block.body for alias in node.names}
    assert told == set(sl.__all__)


def test_other_names_are_refused_as_usual():
    with pytest.raises(AttributeError, match="no attribute 'plans'"):
        _ = sl.plans


def test_a_plan_is_for_hours_or_for_a_score():
    surface = sl.fit_surface([100, 200, 400], [0, 1000, 800], [20, 30, 40])
    for both_or_none in ({}, {"hours": 10, "score": 20}):
        with pytest.raises(BudgetError, match="either hours"):
            sl.plan(surface, sl.VOC2012, 5000, **both_or_none)
    assert sl.plan(surface, sl.VOC2012, sl.ImagePool(5000), score=30).best.ap >= 30


def test_the_equiscore_curve_gives_the_split_of_the_command_line():
    cheapest = sl.equiscore(sl.EquiscoreLaw(k=1, phi0=1464), sl.VOC2012, images=10_731)
    assert (cheapest.full, cheapest.weak) == (584, 3671)


def test_a_trained_model_finds_objects_and_draws_them(trained, data):
    image = data.val.images[0].path
    found = sl.predict(trained, image, min_score=0.0)
    assert len(found.masks) == len(found.boxes) > 0
    pixels = np.asarray(sl.draw(image, found, trained))
    assert pixels.ndim == 3
    assert (pixels != np.asarray(sl.draw(image, sl.predict(trained, image, 0.99), trained))).any()


def test_pixels_are_taken_in_place_of_a_file(trained):
    assert sl.predict(trained, np.zeros((40, 30, 3), np.uint8)).height == 40


def test_the_scores_are_those_of_the_run(trained, data):
    assert sl.evaluate(trained, data)["box"]["ap50"] == trained.card.scores["box"]["ap50"]


def test_a_comparison_has_a_row_for_each_model(trained, data):
    tables = sl.comparison_tables(sl.compare([trained, trained], data))
    assert len(tables["models"]) == 2


def test_the_same_call_trains_nothing_again_and_another_is_refused(trained, data, split, in_workspace):
    weights = trained.folder / "model.safetensors"
    before = weights.stat().st_mtime_ns
    sl.train(data, split, in_workspace / "run", **SHORT)
    assert weights.stat().st_mtime_ns == before
    with pytest.raises(RunError):
        sl.train(data, split, in_workspace / "run", **{**SHORT, "steps": 4})


def test_a_dataset_that_no_folder_holds_cannot_be_trained_on(tiny, split, tmp_path):
    with pytest.raises(SettingsError, match="only in memory"):
        sl.train(tiny, split, tmp_path / "run", **SHORT)


def test_an_interrupted_training_says_how_it_continues(data, split, tmp_path, monkeypatch):
    from splitlab.runs.run_folder import State
    from splitlab.training import experiment

    monkeypatch.setattr(experiment, "carry_out", lambda *_: State.CANCELLED)
    with pytest.raises(RunError, match=r"interrupted at step 0\. Call train\(\) again"):
        sl.train(data, split, tmp_path / "run", **SHORT)


def test_checkpoints_of_the_project_are_known_by_name_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sl.load_checkpoint("embedded-100-400").card.split_name == "100/400"
    with pytest.raises(CheckpointError, match="neither a folder nor the name"):
        sl.load_checkpoint("embedded-1-1")


def test_progress_takes_few_lines_of_a_notebook(capsys):
    from splitlab.api import _show_progress

    for done in range(1, 501):
        _show_progress("train", done, 500)
    lines = capsys.readouterr().err.split("\r")[1:]
    assert len(lines) == 20
    assert lines[-1] == "train 500/500\n"
