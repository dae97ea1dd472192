"""The measurement of few-shot, end to end on a few tiny images: planned, trained once, stored as a table."""

import hashlib
import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from splitlab.atlas.few_shot import (
    _NOT_LEARNT,
    _YOUNGER,
    Measurement,
    Sizes,
    Variant,
    _spec_hash,
    class_rows,
    store_rows,
    train_planned,
)
from splitlab.atlas.rows import FEW_SHOT_COLUMNS, KEY, measured_few_shot
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.errors import BudgetError, RunError
from splitlab.runs.run_folder import RunFolder

SCRIPT = Path(__file__).parents[2] / "scripts" / "measure_few_shot.py"
DISCS = Variant("discs", ("disc",))
WITH = {"code_version": "abc", "machine": "a test"}


@pytest.fixture
def measurement(tiny, tiny_spec, tmp_path):
    told = tiny_spec.to_json() | {"steps": 1, "evaluate_every": 1}
    settings = {name: told[name] for name in ("model", "image_size", "batch_size", "f_size", "steps", "evaluate_every")}
    return Measurement(
        tiny_spec.data.source, tiny, tmp_path / "runs", settings, Sizes(base_masks=3, masks=1, full=4, weak=4)
    )


def planned(measurement, seed=0):
    return list(measurement.planned(DISCS, seed))


def test_a_variant_is_seven_runs_that_differ_in_what_is_measured_alone(measurement):
    runs = planned(measurement)
    assert [(run.setting, run.start) for run in runs] == [
        ("base", "backbone"),
        ("few-shot", "base"),
        ("few-shot", "backbone"),
        ("zero-shot", "base"),
        ("zero-shot", "backbone"),
        ("partly supervised", "backbone"),
        ("all masks", "backbone"),
    ]
    assert [run.spec.data.classes for run in runs] == ["square", *["disc"] * 4, "", ""]
    assert [run.spec.data.split_name for run in runs] == ["3/0", "1/11", "1/11", "0/12", "0/12", "4/4", "4/4"]
    partly, whole = runs[5:]
    assert partly.split == whole.split
    assert partly.spec == whole.spec.changed(mask_classes="square")
    assert len({run.path for run in runs}) == 7


def test_a_run_is_trained_once_and_another_one_in_its_folder_is_refused(measurement):
    base = planned(measurement)[0]
    run = train_planned(base, measurement.runs)
    written = run.scores_path.stat().st_mtime_ns
    assert train_planned(base, measurement.runs).path == run.path
    assert run.scores_path.stat().st_mtime_ns == written
    with pytest.raises(RunError, match="other settings or labels"):
        train_planned(replace(base, spec=base.spec.changed(steps=2)), measurement.runs)
    with pytest.raises(RunError, match="other settings or labels"):
        train_planned(replace(base, split=replace(base.split, source="other labels")), measurement.runs)


def test_a_run_is_a_row_for_each_class_and_takes_the_place_of_its_old_rows(measurement, tmp_path):
    table = tmp_path / "measured" / "table.csv"
    base, *_, whole = planned(measurement)
    for run in (base, whole):
        train_planned(run, measurement.runs)
        store_rows(table, class_rows(run, measurement.data, WITH))
    rows = measured_few_shot(table)
    assert rows[["setting", "class", "group"]].to_numpy().tolist() == [
        ["base", "square", "base"],
        ["all masks", "square", "base"],
        ["all masks", "disc", "novel"],
    ]
    store_rows(table, class_rows(base, measurement.data, WITH))
    assert sorted(map(tuple, measured_few_shot(table)[KEY].to_numpy())) == sorted(map(tuple, rows[KEY].to_numpy()))
    assert rows[rows["group"] == "base"]["setting"].tolist() == ["base", "all masks"]


def test_hashes_tell_settings_and_starts_apart_and_no_folders(measurement, tiny_spec):
    base, few, *_ = planned(measurement)
    train_planned(base, measurement.runs)
    assert _spec_hash(base.spec) == _spec_hash(base.spec.changed(data="elsewhere", device="cuda"))
    assert len({_spec_hash(base.spec), _spec_hash(few.spec), _spec_hash(few.spec.changed(start_from=""))}) == 3
    moved = measurement.runs.with_name("moved")
    measurement.runs.rename(moved)
    there = few.spec.changed(start_from=str(moved / base.path.name / "weights"))
    measurement.runs.symlink_to(moved)
    assert _spec_hash(there) == _spec_hash(few.spec)


def test_a_setting_added_later_changes_the_hash_only_where_it_is_used(tiny_spec):
    assert _spec_hash(tiny_spec.changed(refine_boxes=True)) != _spec_hash(tiny_spec)
    older = {name: value for name, value in tiny_spec.to_json().items() if name not in _YOUNGER}
    told = {name: value for name, value in older.items() if name not in _NOT_LEARNT} | {"start": ""}
    assert _spec_hash(tiny_spec) == hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def test_a_table_that_is_not_there_has_no_rows_and_a_broken_one_is_told(tmp_path):
    assert measured_few_shot(tmp_path / "none.csv").columns.tolist() == list(FEW_SHOT_COLUMNS)
    (tmp_path / "bad.csv").write_text("variant,setting\nx,y\n")
    with pytest.raises(BudgetError, match="lacks the column start"):
        measured_few_shot(tmp_path / "bad.csv")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BudgetError, match="is not a table"):
        measured_few_shot(tmp_path / "bad.csv")


@pytest.mark.slow
def test_the_script_measures_goes_on_and_writes_the_table(tmp_path, monkeypatch, capsys):
    workspace = tmp_path / "workspace"
    make_embedded(workspace / "data" / "embedded", settings=EmbeddedSettings(60, 4))
    small = ("model=yolov5n-seg", "image_size=64", "batch_size=4", "f_size=2", "steps=1", "evaluate_every=1")
    words = ["--variants", "new pair", "--base-masks", "4", "--masks", "1", "--full", "4", "--weak", "4"]
    words += [word for setting in small for word in ("--set", setting)]
    table = tmp_path / "table.csv"
    monkeypatch.setattr("sys.argv", ["measure", "--machine", "a test", "--out", str(table), *words])
    assert measured() == 0
    rows = measured_few_shot(table)
    assert len(rows) == 4 + 4 * 2 + 2 * 6
    assert set(rows["machine"]) == {"a test"}
    assert "7 of 7" in capsys.readouterr().out
    written = {path: path.stat().st_mtime_ns for path in (workspace / "runs").rglob("model.safetensors")}
    assert len(written) == 7
    table.unlink()
    assert measured() == 0
    assert measured_few_shot(table).equals(rows)
    assert {path: path.stat().st_mtime_ns for path in written} == written
    run = RunFolder.open(next((workspace / "runs").glob("*zero-shot-base*")))
    assert run.spec().data.full == 0


def measured():
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return ended.value.code


def test_the_script_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["measure"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "--machine" in capsys.readouterr().err
