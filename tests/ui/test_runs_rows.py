import threading
import time

import pytest

from splitlab.app.runs import rows as runs_listing
from splitlab.app.runs.actions import _differing, _marked, _settings_table
from splitlab.app.runs.rows import _COLUMNS, Filter, RunsListing, _rows_as_csv, _run_rows, filtered
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs


def make(folder, name, **settings):
    spec = RunSpec.of(**{"data": "embedded", "full": 3, "weak": 4, **settings})
    return RunFolder.create(folder / name, spec, {})


def test_settings_stand_side_by_side_and_those_that_differ_are_found_and_marked():
    table = _settings_table({"a": {"seed": 0, "rate": 0.001}, "b": {"seed": 0, "rate": 0.002, "new": True}})
    assert table.to_dict() == {
        "a": {"seed": "0", "rate": "0.001", "new": ""},
        "b": {"seed": "0", "rate": "0.002", "new": "True"},
    }
    assert list(_differing(table).index) == ["rate", "new"]
    styles = _marked(table).export()["apply"]
    assert len(styles) == 1
    html = _marked(table).to_html()
    assert html.count("background-color") == 1
    assert "_row1_col1, #" in html
    assert "row1_col0" not in html.partition("</style>")[0]


def test_settings_of_one_run_do_not_differ():
    assert _differing(_settings_table({"a": {"seed": 0}})).empty


def test_no_runs_are_no_rows_and_an_empty_file_with_a_head():
    rows = filtered(_run_rows([]), Filter(["pets"], ["done"], ["grid"], "text"))
    assert _rows_as_csv(rows).decode().strip() == ",".join(_COLUMNS)


@pytest.mark.parametrize("heartbeat", [1e300, 1e18])
def test_a_time_that_no_calendar_has_is_left_out(tmp_path, heartbeat):
    run = make(tmp_path, "one")
    path = run.path / "status.json"
    content = path.read_text()
    path.write_text(content.replace(str(run.status().heartbeat), str(heartbeat)))
    rows = _run_rows(list_runs(tmp_path))
    assert rows["when"].isna().all()


def test_visitors_who_come_at_the_same_moment_list_the_runs_once(tmp_path, monkeypatch):
    listings, plain = [], runs_listing.list_runs

    def slowly(folder):
        listings.append(folder)
        time.sleep(0.1)
        return plain(folder)

    monkeypatch.setattr(runs_listing, "list_runs", slowly)
    make(tmp_path, "first")
    listing = RunsListing(tmp_path)
    seen = []
    visitors = [threading.Thread(target=lambda: seen.append(list(listing.now().runs))) for _ in range(5)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert seen == [["first"]] * 5
    assert len(listings) == 1


def test_a_long_listing_is_made_while_the_one_before_is_shown(tmp_path, monkeypatch):
    make(tmp_path, "first")
    monkeypatch.setattr(runs_listing, "_QUICK_SECONDS", 0.0)
    monkeypatch.setattr(runs_listing, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(runs_listing, "_BUSY_SHARE", 1e9)
    listing = RunsListing(tmp_path)
    listing.retake()
    goes_on, plain = threading.Event(), runs_listing.list_runs
    monkeypatch.setattr(runs_listing, "list_runs", lambda folder: goes_on.wait(10) and plain(folder))
    make(tmp_path, "second").write_status(State.DONE, 1, 1)
    assert [list(listing.now().runs) for _ in range(3)] == [["first"]] * 3
    goes_on.set()
    ends = time.monotonic() + 10
    while set(listing.now().runs) != {"first", "second"}:
        assert time.monotonic() < ends
        time.sleep(0.01)
