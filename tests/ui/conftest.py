"""What pages show in tests: two small checkpoints and the data they know, few embedded scenes, and a whole atlas."""

import dataclasses
import shutil

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from splitlab.app.widgets.sources import atlas_curves, atlas_images, claims_of_atlas, measured
from splitlab.atlas.plans import read_atlas
from splitlab.atlas.rows import _rows_as_csv
from splitlab.checkpoints.checkpoint import read_card, read_weights, save_checkpoint
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.training.experiment import carry_out, prepare_run
from splitlab.workspace import Workspace
from tests.budget.synthetic_grid import IMAGES, made_row
from tests.ui.opened import ROOT

PLAN = """
name: atlas-tiny
data: tiny
full: {full}
weak: {weak}
seeds: {seeds}
models: [yolov5n-seg]
"""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The embedded dataset with few images; a module that needs more of them has a fixture of this name."""
    return make_embedded(tmp_path_factory.mktemp("data") / "embedded", settings=EmbeddedSettings(20, 4))


@pytest.fixture
def embedded(made, tmp_path):
    """The embedded dataset in this test's workspace, with fewer images than people get."""
    data = tmp_path / "workspace" / "data"
    data.mkdir(parents=True)
    (data / "embedded").symlink_to(made)


@pytest.fixture(scope="module")
def trained(tiny_spec, tiny_folder, tmp_path_factory):
    """Two checkpoints that know the tiny dataset's classes: 4/6 and, by its card, 12/0."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = prepare_run(folder, tiny_spec.changed(steps=2), tiny_folder.parent)
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
    """A workspace with the tiny dataset and, beside the shipped checkpoints, two that know it."""
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(trained))
    st.cache_resource.clear()
    st.cache_data.clear()
    data = tmp_path / "workspace" / "data"
    data.mkdir(parents=True)
    shutil.copytree(tiny_folder, data / "tiny")
    return tmp_path / "workspace"


@pytest.fixture
def atlas():
    """Rows of a whole made grid of 24 splits, nine of them with two seeds."""
    folder = Workspace.here().measured / "tiny"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text(PLAN.format(full=[25, 50, 100, 200, 400], weak=[0, 100, 200, 400, "all"], seeds=[0]))
    (folder / "2.yaml").write_text(PLAN.format(full=[50, 100, 200], weak=[100, 200, 400], seeds=[1]))
    atlas = read_atlas("tiny", Workspace.here().measured, Workspace.here().data)
    rows = [dataclasses.replace(made_row(run), spec_hash=digits) for digits, run in atlas.planned(IMAGES).items()]
    atlas.table.write_text(_rows_as_csv(rows))
    for cached in (measured, atlas_images, atlas_curves, claims_of_atlas):
        cached.clear()
    return rows


@pytest.fixture
def by_app(monkeypatch):
    """Each run goes by app.py, as on a server; AppTest else runs a page by itself, for there is a folder of pages."""
    begin = PagesManager.__init__

    def begin_with_navigation(self, *args, **options):
        begin(self, *args, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", begin_with_navigation)
