"""Ten users who compare masks on one server: the time of a first view and a redraw, and whether all answers are right.

Run from the root: python -m benchmarks.ten_users [--users 10] [--redraws 12] [--pause 1]. A real server on loopback, a
websocket session and a thread for each user, each with their own image and two of the included checkpoints. A first
view includes loading the models, if nobody has, and prediction; a redraw follows a change of the confidence. Each
answer is compared with one computed without a server; the script stops at a difference.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Barrier
from time import perf_counter, sleep

import numpy as np
from tests.app_server import app_server
from tests.users import DATA, RightAnswers, User, make_users, session, write_cats

from splitlab.app.widgets.panels import FIRST_SCORE


@dataclass
class Visit:
    """What one user saw, by the confidence, and the seconds it took."""

    user: User
    first: float = 0.0
    redraws: list[float] = field(default_factory=list)
    seen: list[tuple[float, list[dict]]] = field(default_factory=list)


def visit(address: str, user: User, redraws: int, pause: float, start: Barrier) -> Visit:
    """Open the page and move the slider, with pauses like a person."""
    random, made = Random(user.image), Visit(user)  # noqa: S311 (no secret)
    with session(address, user) as own:
        start.wait()
        began = perf_counter()
        own.open()
        made.first = perf_counter() - began
        made.seen.append((FIRST_SCORE, own.panels))
        start.wait()
        for _ in range(redraws):
            sleep(pause * random.uniform(0.5, 1.5))
            score = round(0.05 * random.randint(1, 19), 2)
            began = perf_counter()
            own.move_slider(score)
            made.redraws.append(perf_counter() - began)
            made.seen.append((score, own.panels))
        assert not own.faults, own.faults
    return made


def summary(what: str, seconds: list[float]) -> str:
    """Return median and 95th percentile in words."""
    p50, p95 = (1000 * np.percentile(seconds, share) for share in (50, 95))
    return f"{what}: p50 {p50:,.0f} ms, p95 {p95:,.0f} ms ({len(seconds)} times)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--redraws", type=int, default=12)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between redraws, half to one and a half")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "workspace" / "data" / DATA
        write_cats(folder, options.users)
        start = Barrier(options.users)
        with app_server(Path(place)) as address, ThreadPoolExecutor(options.users) as pool:
            visits = list(
                pool.map(
                    lambda user: visit(address, user, options.redraws, options.pause, start), make_users(options.users)
                )
            )
        right = RightAnswers(folder)
        for each in visits:
            for score, panels in each.seen:
                assert panels == right.panels(each.user, score), f"{each.user} at {score} saw a wrong answer"
    answers = sum(len(each.seen) for each in visits)
    print(f"{options.users} users, {options.pause:g} s between redraws: all {answers} answers are right")
    print(summary("first view", [each.first for each in visits]))
    print(summary("redraw", [seconds for each in visits for seconds in each.redraws]))


if __name__ == "__main__":
    main()
