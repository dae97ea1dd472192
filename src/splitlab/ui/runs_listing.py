"""The runs of a work space as its pages share them: listed again when old, in the background where that takes long."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from splitlab.errors import RunError
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.store import RunSummary, list_runs
from splitlab.ui.runs_rows import run_rows

FRESH_SECONDS = 1.0
# Ten thousand folders take a second or two; so much of the time may go into listings.
BUSY_SHARE = 0.1
# A listing that takes longer than this is made while the page shows the one before.
QUICK_SECONDS = 0.3


@dataclass(frozen=True)
class Listing:
    """One look at all runs: by name, as rows, and what is wrong with the folders that are no whole run."""

    runs: dict[str, RunSummary]
    rows: pd.DataFrame
    broken: dict[str, str]


class RunsListing:
    """Holds the last listing of a folder of runs, for all visitors together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._listing = Listing({}, run_rows([]), {})
        self._seconds = 0.0
        self._due = 0.0

    def now(self) -> Listing:
        """Return the runs as they are, or as they were a moment ago where listing them takes long."""
        if time.monotonic() > self._due:
            if self._seconds < QUICK_SECONDS:
                self._retake_if_due()
            elif not self._lock.locked():
                threading.Thread(target=self._retake_if_due, daemon=True, name="list runs").start()
        return self._listing

    def with_runs(self, names: Iterable[str]) -> Listing:
        """Return the runs like `now`, but as they are where one of these runs came since they were listed.

        Args:
            names: of runs that are asked for; those of nobody are passed over.
        """
        now = self.now()
        unknown = {name for name in names if name not in now.runs and name not in now.broken}
        if unknown and not unknown.isdisjoint(_names_in(self._folder)):
            self.retake()
        return self._listing

    def retake(self) -> None:
        """List the runs anew, because something was changed."""
        with self._lock:
            self._take()

    def _retake_if_due(self) -> None:
        with self._lock:
            # Of visitors who come at the same moment, the first lists for all.
            if time.monotonic() > self._due:
                self._take()

    def _take(self) -> None:
        start = time.monotonic()
        runs = {run.name: run for run in list_runs(self._folder)}
        self._listing = Listing(runs, run_rows(list(runs.values())), broken_runs(self._folder, runs))
        end = time.monotonic()
        self._seconds = end - start
        self._due = end + max(FRESH_SECONDS, self._seconds / BUSY_SHARE)


@st.cache_resource(show_spinner=False, max_entries=8)
def runs_listing(folder: Path) -> RunsListing:
    """Return the listing of a folder of runs."""
    return RunsListing(folder)


def broken_runs(folder: Path, listed: Container[str]) -> dict[str, str]:
    """Say what is wrong with each run folder that a listing passed over, and the way out."""
    broken = {}
    for name in sorted(_names_in(folder)):
        run = RunFolder(folder / name)
        if name not in listed and run.spec_path.is_file():
            try:
                run.spec()
                run.status()
            except RunError as error:
                broken[name] = str(error)
    return broken


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:  # ten thousand Paths take their time
            return [entry.name for entry in found]
    except OSError:
        return []
