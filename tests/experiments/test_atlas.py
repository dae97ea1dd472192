"""An atlas is worked off run by run, on images that no run has seen, and goes on after any end."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from splitlab.atlas.advice import advised_splits
from splitlab.atlas.grid import measured_grid
from splitlab.atlas.parts import _SCENES, _held_out, _with_quarter, _with_scenes, part_hash
from splitlab.atlas.plans import _spec_hash, not_measured, read_atlas
from splitlab.atlas.rows import COLUMNS, _rows_as_csv, add_rows, read_rows
from splitlab.cli import main as cli
from splitlab.data.open_dataset import open_dataset
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.data.split import read_split
from splitlab.errors import BudgetError, SettingsError
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.training.experiment import evaluate_checkpoint
from splitlab.workspace import _MEASURED, Workspace
from tests.conftest import write_tiny
from tests.experiments.atlas_tools import open_tiny, row, rows, work, write_plan

runner = CliRunner()
# Other work may want the cores.
PATIENCE = 900


@pytest.fixture
def worked(tiny_folder):
    """An atlas of two runs, done."""
    write_plan(tiny_folder, full=[4], weak=[0, 4])
    outcome = work().work_through()
    assert (len(outcome.measured), outcome.failed, outcome.stopped) == (2, {}, False)
    return open_tiny()


def test_a_quarter_of_the_photos_is_held_out_and_in_no_split(tiny_folder, tmp_path):
    parts = _with_quarter(str(tiny_folder), tmp_path, 0)
    ids = [{image.image_id for image in part.images} for part in (parts.train, parts.test)]
    assert (len(ids[0]), len(ids[1])) == (9, 3)
    assert ids[0].isdisjoint(ids[1])
    whole = open_dataset(str(tiny_folder), tmp_path)
    assert ids[0] | ids[1] == set(whole.train.by_id)
    assert parts.val == whole.val


def test_what_is_held_out_depends_on_the_ids_alone_and_not_on_their_order():
    ids = list(range(100))
    assert _held_out(ids) == _held_out(ids[::-1])
    assert len(_held_out(ids)) == 25
    kept = [number for number in ids if number % 3]
    assert _held_out(ids) & set(kept) >= _held_out(kept) & _held_out(ids)


def test_the_test_scenes_of_the_embedded_data_set_are_other_scenes(tmp_path):
    make_embedded(tmp_path / "embedded", settings=EmbeddedSettings(4, 3))
    parts = _with_scenes("embedded", tmp_path, replace(_SCENES, test=3))
    assert [len(part.images) for part in (parts.train, parts.val, parts.test)] == [4, 3, 3]
    photos = [image.path.read_bytes() for part in (parts.train, parts.val, parts.test) for image in part.images]
    assert len(set(photos)) == 10
    assert len({part_hash(part) for part in (parts.train, parts.val, parts.test)}) == 3


def test_each_row_says_what_evaluate_says_of_its_checkpoint_on_the_test_part(worked):
    for run in worked.planned:
        (found,) = [one for one in rows() if one.key == run.key]
        scores = evaluate_checkpoint(run.path / "weights", worked.parts[0].test)
        for metric in ("ap50", "ap70", "ap75", "ap50_95"):
            assert getattr(found, metric) == scores["mask"][metric]
        assert found.box_ap50 == scores["box"]["ap50"]
        assert (found.train_images, found.test_images, found.objects) == (9, 3, 3)
        assert (found.full, found.weak, found.seed) == (run.spec.data.full, run.spec.data.weak, run.spec.seed)
        assert found.train_seconds > 0


def test_no_test_image_is_trained_on_and_only_the_checkpoint_is_kept(worked):
    tests = set(worked.parts[0].test.by_id)
    for run in worked.planned:
        split = read_split(run.path / "split.json")
        assert tests.isdisjoint([*split.full, *split.weak])
        assert sorted(path.name for path in (run.path / "weights").iterdir()) == ["card.json", "model.safetensors"]


def test_what_has_a_row_is_not_trained_again_even_without_its_run_folder(worked):
    before = rows()
    for run in worked.planned:
        RunFolder(run.path).spec_path.unlink()
    assert work().work_through().measured == []
    assert rows() == before


def test_a_row_that_is_taken_out_is_measured_again_from_the_run_that_is_there(worked):
    before, seconds = rows(), [path.stat().st_mtime for path in Workspace.here().runs.glob("*/weights/*.safetensors")]
    Workspace.here().measured.joinpath("tiny.csv").write_text(_rows_as_csv(before[:1]))
    assert len(work().work_through().measured) == 1
    assert list(map(repr, rows())) == list(map(repr, before))
    assert [path.stat().st_mtime for path in Workspace.here().runs.glob("*/weights/*.safetensors")] == seconds


def test_other_settings_and_other_data_are_other_runs(worked, tiny_folder, tmp_path):
    write_plan(tiny_folder, full=[4], weak=[0, 4], steps=3)
    assert len(not_measured(open_tiny().planned, rows())) == 2
    write_tiny(tmp_path / "other", {"train": 16, "val": 4})
    write_plan(tmp_path / "other", full=[4], weak=[0, 4])
    again = open_tiny()
    assert len(not_measured(again.planned, rows())) == 2
    assert {run.path for run in again.planned}.isdisjoint(run.path for run in worked.planned)


def test_where_the_data_lie_and_what_trains_them_is_no_other_run(worked, tiny_folder, tmp_path):
    (tmp_path / "elsewhere").symlink_to(tiny_folder)
    write_plan(tmp_path / "elsewhere", full=[4], weak=[0, 4], every=1)
    assert not_measured(open_tiny().planned, rows()) == []


def test_a_setting_that_is_added_later_opens_no_run_again():
    spec = RunSpec.of("a", 30, 0, steps=480)
    assert _spec_hash(spec) == _spec_hash(spec.changed(data="b", device="cuda", evaluate_every=7))
    changes = [{"full": 31}, {"seed": 1}, {"steps": 481}, {"model": "yolov5n-seg"}, {"drawn": "stratified"}]
    assert len({_spec_hash(spec), *(_spec_hash(spec.changed(**change)) for change in changes)}) == 6


def test_stages_are_trained_in_order_and_a_run_of_two_stages_once(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0], name="1-corner")
    write_plan(tiny_folder, full=[2, 4], weak=[0, 40], name="2-grid")
    assert [run.spec.data.split_name for run in open_tiny().planned] == ["4/0", "2/0"]


def test_once_the_grid_is_measured_the_planners_advice_is_trained_too(tiny_folder):
    write_plan(tiny_folder, full=[2, 4], weak=[0], seeds=[0, 1])
    assert len(work().work_through().measured) > 4
    opened = open_tiny()
    grid = measured_grid(rows(), opened.atlas.planned(9), "ap70")
    assert (len(grid.rows), grid.missing) == (4, ())
    extra = {(one.full, one.weak, one.seed) for one in rows()[4:]}
    assert extra == {(*split, seed) for split in advised_splits(grid) for seed in (0, 1)} - set(planned_of(opened))
    assert work().work_through().measured == []


def planned_of(opened):
    return [(run.spec.data.full, run.spec.data.weak, run.spec.seed) for run in opened.planned]


def test_rows_added_by_many_processes_at_once_are_all_there(tmp_path):
    code = (
        "import sys\nfrom dataclasses import replace\nfrom pathlib import Path\n"
        "from splitlab.atlas.rows import add_rows\nfrom tests.experiments.atlas_tools import row\n"
        "for number in range(10):\n    add_rows(Path(sys.argv[1]), (row(spec_hash=f'{sys.argv[2]}-{number}'),))\n"
    )
    table = tmp_path / "rows.csv"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(table), str(number)]) for number in range(3)]
    assert [writer.wait(PATIENCE) for writer in writers] == [0, 0, 0]
    assert len({one.spec_hash for one in read_rows(table)}) == len(read_rows(table)) == 30


def test_a_row_comes_back_as_it_was_written_and_once(tmp_path):
    table = tmp_path / "rows.csv"
    odd = row(settings='a, "b"', ap50=math.nan, class_confusion=math.nan)
    assert (add_rows(table, (odd, row(spec_hash="x"))), add_rows(table, (odd,))) == (2, 0)
    back, _ = read_rows(table)
    assert repr(back) == repr(odd)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("60.0", "160.0"), r"line 2: ap50 is 160.0: it must be between 0 and 100"),
        (lambda text: text.replace("60.0", "many"), "line 2: could not convert"),
        (lambda text: text.replace(",2026-11-25", ""), f"line 2 does not have {len(COLUMNS)} cells"),
        (lambda text: text.replace("dataset,full", "full,dataset"), "does not name the columns"),
        (lambda text: text.replace("tiny,2,", "tiny,-2,"), "full is -2"),
        (lambda text: text.replace("tiny,", ",", 1), "dataset is empty"),
    ],
)
def test_a_broken_table_is_told_by_line(tmp_path, change, told):
    table = tmp_path / "rows.csv"
    table.write_text(change(_rows_as_csv([row()])))
    with pytest.raises(BudgetError, match=told):
        read_rows(table)


def test_the_command_says_how_far_an_atlas_is(worked):
    told = json.loads(runner.invoke(cli.app, ["atlas", "status", "tiny", "--json"], catch_exceptions=False).stdout)
    assert (told["open"], told["hours_left"], [run["measured"] for run in told["runs"]]) == (0, 0.0, [True, True])
    assert json.loads(runner.invoke(cli.app, ["atlas", "list", "--json"]).stdout) == {"tiny": 2}


def test_an_atlas_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="no atlas 'moon'"):
        read_atlas("moon", tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["embedded", "pets", "street"])
def test_the_plans_that_ship_can_be_read_and_have_runs_of_equal_length(name, tmp_path):
    atlas = read_atlas(name, _MEASURED, tmp_path)
    assert {stage.data for stage in atlas.stages} == {name}
    images = {"embedded": 800, "pets": 360, "street": 376}[name]
    specs = [spec for stage in atlas.stages for spec in stage.specs(images) if spec.model == "yolov5n-lite0-seg"]
    assert len({(spec.steps, spec.image_size, spec.batch_size, spec.recipe) for spec in specs}) == 1


def test_where_seeds_rotate_each_is_tested_on_photos_of_its_own(tiny_folder, monkeypatch):
    monkeypatch.setattr("splitlab.atlas.parts._ROTATING", {"tiny"})
    write_plan(tiny_folder, full=[4], weak=[0], seeds=[0, 1, 2, 3, 4])
    opened = open_tiny()
    assert len(work().work_through().measured) == 5
    tested = [set(opened.parts_of(run.spec).test.by_id) for run in opened.planned]
    assert len(set().union(*tested[:4])) == sum(map(len, tested[:4])) == 12
    assert tested[4] == tested[0]
    for run, photos in zip(opened.planned, tested, strict=True):
        split = read_split(run.path / "split.json")
        assert photos.isdisjoint([*split.full, *split.weak])
    assert len({row.data_hash for row in rows()}) == 1
    assert len({row.test_hash for row in rows()}) == 4
    grid = measured_grid(rows(), opened.atlas.planned(9), "ap70")
    assert (len(grid.rows), grid.missing) == (5, ())


@pytest.mark.parametrize("name", ["embedded-grid", "pets-grid"])
def test_the_next_grids_can_be_read_and_have_three_seeds_on_every_split(name, tmp_path):
    atlas = read_atlas(name, _MEASURED, tmp_path)
    assert atlas.is_experiment
    runs = atlas.planned({"embedded-grid": 800, "pets-grid": 360}[name]).values()
    assert len(runs) == {"embedded-grid": 72, "pets-grid": 33}[name]
    assert {seed for *_, seed in runs} == {0, 1, 2}


def test_the_long_runs_of_the_recipe_experiment_are_runs_of_the_next_grid(tmp_path):
    grid, recipe = (read_atlas(name, _MEASURED, tmp_path).planned(800) for name in ("embedded-grid", "recipe"))
    shared = [run for digits, run in recipe.items() if digits in grid]
    assert sorted({run[0] for run in shared}) == [25, 100, 400]
    assert len(shared) == 18
