"""How long commands and Home take to start, compared with the smallest typer and Streamlit programs.

Run from the root: python -m benchmarks.startup [--rounds 5]. Commands: processor time, user and system, against the
`--help` of a typer app of two commands. Home: seconds from the first visit of a new server to its title and its chart,
against a page of a title and a Plotly chart. Each round runs both sides; the numbers are the median and the range.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tests.app_server import app_server
from websockets.sync.client import connect

TWO_COMMANDS = """
import typer

app = typer.Typer()

@app.command()
def one(number: int = 1) -> None:
    "The first."

@app.command()
def two(number: int = 1) -> None:
    "The second."

app()
"""
SMALL_PAGE = """
import streamlit as st

st.title("Small")
import plotly.graph_objects as go

st.plotly_chart(go.Figure(go.Scatter(x=[1, 2], y=[1, 2])))
"""
COMMANDS = {
    "splitlab --help": ("--help",),
    "splitlab cost": ("cost", "--full", "400", "--weak", "5000", "--json"),
    "splitlab plan": ("plan", "--hours", "80", "--json"),
}
TITLE, CHART = "heading", "plotly_chart"


def processor_seconds(words: tuple[str, ...]) -> float:
    """Run Python with these words; return the user and system time of the process."""
    child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, words
    return used.ru_utime + used.ru_stime


def first_visit(folder: Path, script: str) -> dict[str, float]:
    """Start a server and visit it; return the seconds until its title and its chart were sent."""
    folder.mkdir()
    seconds: dict[str, float] = {}
    with app_server(folder, script) as address:
        began = perf_counter()
        stream = f"{address.replace('http', 'ws')}/_stcore/stream"
        with connect(stream, subprotocols=["streamlit"], max_size=None) as socket:
            message = BackMsg()
            message.rerun_script.query_string = ""
            socket.send(message.SerializeToString())
            while CHART not in seconds:
                answer = ForwardMsg.FromString(socket.recv(timeout=60))
                kind = answer.delta.new_element.WhichOneof("type") if answer.WhichOneof("type") == "delta" else ""
                seconds.setdefault(kind, perf_counter() - began)
    return seconds


def compared(what: str, own: list[float], small: list[float]) -> str:
    """Return both times and their ratio in words, with the range of the ratio over the rounds."""
    ratios = [one / other for one, other in zip(own, small, strict=True)]
    return (
        f"{what}: {median(own):.2f} against {median(small):.2f} s, {median(ratios):.1f} times "
        f"({min(ratios):.1f} to {max(ratios):.1f} over {len(ratios)} rounds)"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = range(parser.parse_args().rounds)
    with tempfile.TemporaryDirectory() as place:
        two, page = Path(place) / "two.py", Path(place) / "page.py"
        two.write_text(TWO_COMMANDS)
        page.write_text(SMALL_PAGE)
        small = {name: [] for name in COMMANDS}
        own = {name: [] for name in COMMANDS}
        for _ in rounds:
            for name, words in COMMANDS.items():
                small[name].append(processor_seconds((str(two), "--help")))
                own[name].append(processor_seconds(("-m", "splitlab", *words)))
        for name in COMMANDS:
            print(compared(name, own[name], small[name]))
        visits = [
            (first_visit(Path(place) / f"small {one}", str(page)), first_visit(Path(place) / f"own {one}", "app.py"))
            for one in rounds
        ]
        for name, kind in (("title of Home", TITLE), ("chart of Home", CHART)):
            print(compared(name, [home[kind] for _, home in visits], [other[kind] for other, _ in visits]))


if __name__ == "__main__":
    main()
