"""Two small checkpoints and the data they know, for pages that compare models."""

import dataclasses
import shutil

import pytest
import streamlit as st

from splitlab.experiments.experiment import carry_out, prepare_run
from splitlab.runs.checkpoint import read_card, read_weights, save_checkpoint


@pytest.fixture(scope="module")
def trained(tiny_spec, tiny_folder, tmp_path_factory):
    """Two checkpoints that know the tiny data set's classes: 4/6 and, by its card, 12/0."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = prepare_run(folder, dataclasses.replace(tiny_spec, steps=2), tiny_folder.parent)
    carry_out(run, tiny_folder.parent)
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    card, weights = dataclasses.replace(read_card(run.weights), dataset="tiny"), read_weights(run.weights)
    for name, full, weak in (("tiny-4-6", 4, 6), ("tiny-12-0", 12, 0)):
        (checkpoints / name).mkdir()
        save_checkpoint(
            checkpoints / name,
            weights,
            dataclasses.replace(card, name=name, full=full, weak=weak, split_hash=name),
        )
    return checkpoints


@pytest.fixture
def workspace(trained, tiny_folder, tmp_path, monkeypatch):
    """A work space with the tiny data set and, beside the shipped checkpoints, two that know it."""
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(trained))
    st.cache_resource.clear()
    st.cache_data.clear()
    data = tmp_path / "workspace" / "data"
    data.mkdir(parents=True)
    shutil.copytree(tiny_folder, data / "tiny")
    return tmp_path / "workspace"
