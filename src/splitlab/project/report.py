"""A project as one HTML file: labels, hours, rounds, and forecasts against what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from splitlab.budget.results import SHORT_METRICS
from splitlab.figures.html_page import html_page, html_table
from splitlab.figures.project_chart import ChartedRound, forecast_svg
from splitlab.project.project import Project
from splitlab.project.standing import RoundFact, Standing, facts_of, standing_of, summary_in_words
from splitlab.project.training import scores_of
from splitlab.shown_numbers import shown


def report_html(project: Project) -> str:
    """Return the report of a project; names are escaped, and it loads nothing from elsewhere.

    Raises:
        DataError: a file of the project or its dataset is broken.
    """
    standing = standing_of(project)
    facts = facts_of(project, standing, scores_of(project))
    metric = SHORT_METRICS[project.settings.metric]
    body = [
        f"<h1>{escape(project.name)}</h1>",
        *(f"<p>{escape(sentence)}</p>" for sentence in summary_in_words(project, standing)),
        f"<h2>Forecast and measured {metric}</h2>",
        forecast_svg(charted(facts), f"{metric} on the project's val photos"),
        "<p>Bars: 90% intervals that were stated before the labels were drawn. Dots: models trained on the labels that "
        "came back, which may be others than those planned (see the table), scored on the "
        f"{standing.val_images:,} val photos of this project.</p>",
        *(f"<p>{escape(sentence)}</p>" for sentence in bases_in_words(facts)),
        "<h2>Rounds</h2>",
        html_table(rounds_table(standing, facts)),
    ]
    return html_page(f"Project {project.name}", body)


def bases_in_words(facts: Sequence[RoundFact]) -> list[str]:
    """Say what each forecast rests on."""
    return [f"Round {one.number}: forecast by {one.expected.rests_on}." for one in facts if one.expected]


def charted(facts: Sequence[RoundFact]) -> list[ChartedRound]:
    """Return the rounds as the chart shows them."""
    return [
        ChartedRound(
            "before" if one.number == 0 else f"round {one.number}",
            None if one.expected is None else (one.expected.low, one.expected.ap, one.expected.high),
            None if one.measured is None else one.measured.ap,
        )
        for one in facts
    ]


def rounds_table(standing: Standing, facts: Sequence[RoundFact]) -> pd.DataFrame:
    """Return a row for each round: photos, hours planned and booked, expected and measured score."""
    rows = []
    for batch, fact in zip(standing.rounds, facts[1:], strict=True):
        expected = fact.expected
        interval = f"{shown(expected.ap)} ({shown(expected.low)} to {shown(expected.high)})" if expected else None
        measured = fact.measured
        rows.append(
            {
                "round": str(batch.number),
                "handed out": batch.made[:10],
                "masks": batch.mask_count,
                "boxes": batch.box_count,
                "hours planned": round(batch.hours, 1),
                "hours booked": round(fact.hours_booked, 1),
                "expected AP": interval,
                "for F/W": f"{expected.full:,}/{expected.weak:,}" if expected else None,
                "measured AP": round(measured.ap, 1) if measured else None,
                "with F/W": f"{measured.full:,}/{measured.weak:,}" if measured else None,
                "chosen by": batch.strategy,
            }
        )
    return pd.DataFrame(rows) if rows else pd.DataFrame({"round": ["none yet"]})
