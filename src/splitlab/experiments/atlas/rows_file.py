"""A table of measured rows that several processes add to."""

from __future__ import annotations

from pathlib import Path

from splitlab.budget.atlas.measured_row import MeasuredRow, read_rows, rows_as_csv
from splitlab.errors import RunError
from splitlab.runs.atomic_files import write_bytes
from splitlab.runs.locks import holding

PATIENCE_SECONDS = 60.0


def add_rows(table: Path, rows: tuple[MeasuredRow, ...]) -> int:
    """Add those rows to a table that are not in it yet; a reader sees the old table or the new one.

    Returns:
        How many were added.

    Raises:
        RunError: the file cannot be written; the old one stays.
        BudgetError: what stands there is no table of measured rows.
    """
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{table.parent}: cannot be made ({error.strerror}). Choose another folder.") from error
    refusal = f"{table} is being written by another process that does not come to an end. Try again."
    with holding(table.with_name(f".{table.name}.lock"), refusal, PATIENCE_SECONDS):
        there = read_rows(table)
        known = {row.key for row in there}
        new = [row for row in rows if row.key not in known]
        if new:
            write_bytes(table, rows_as_csv([*there, *new]).encode())
    return len(new)
