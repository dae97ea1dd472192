"""Trainings take huge pages: the process starts once more with what glibc must be told, and nobody else notices."""

import os
import platform
import subprocess
import sys

import pytest

from splitlab.cli.huge_pages import HUGE_PAGES, TRAINING_COMMANDS, TUNABLES, take_huge_pages

WORDS = ["/venv/bin/python", "/venv/bin/splitlab"]


@pytest.fixture
def started(monkeypatch):
    """What would have been started in place of the test."""
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.delenv(TUNABLES, raising=False)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))

    def start(*words, process=None):
        calls.clear()
        monkeypatch.setattr(sys, "argv", [WORDS[1], *words])
        monkeypatch.setattr(sys, "orig_argv", process or [*WORDS, *words])
        take_huge_pages()
        return calls

    return start


@pytest.mark.parametrize("command", sorted(TRAINING_COMMANDS))
def test_a_training_starts_once_more_with_the_same_words_and_all_of_its_environment(started, command, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", "here")
    ((program, words, environment),) = started(*command.split(), "--full", "a b")
    assert (program, words) == (sys.executable, [sys.executable, WORDS[1], *command.split(), "--full", "a b"])
    assert environment == {**os.environ, **HUGE_PAGES}


def test_what_only_tells_numbers_starts_once(started):
    assert not started("cost", "--full", "400")
    assert not started("atlas", "status", "pets")
    assert not started("--help")
    assert not started()


def test_a_program_that_calls_the_command_line_is_not_started_again(started):
    assert not started("train", "run", process=["python", "my_program.py"])


def test_what_the_user_tells_glibc_stands(started, monkeypatch):
    monkeypatch.setenv(TUNABLES, "glibc.malloc.hugetlb=0")
    assert not started("train")


@pytest.mark.parametrize("library", [("", ""), ("musl", "1.2"), ("glibc", "2.31"), ("glibc", "2.4")])
def test_other_c_libraries_and_older_ones_are_left_alone(started, monkeypatch, library):
    monkeypatch.setattr(platform, "libc_ver", lambda: library)
    assert not started("train")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells glibc something")
def test_a_real_process_has_them_under_its_old_number_and_does_its_work_once():
    code = (
        "import os; from splitlab.cli.huge_pages import take_huge_pages; take_huge_pages(); "
        f"print(os.getpid(), os.environ['{TUNABLES}'])"
    )
    usual = {name: value for name, value in os.environ.items() if name != TUNABLES}
    command = [sys.executable, "-c", code, "train"]
    with subprocess.Popen(command, env=usual, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate()
    assert said == f"{process.pid} {HUGE_PAGES[TUNABLES]}\n"


def test_a_mistake_is_still_one_sentence(tmp_path):
    command = [sys.executable, "-m", "splitlab", "train", str(tmp_path / "no-such-run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:7]) == (1, "Error: "), done.stderr
