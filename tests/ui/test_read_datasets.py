"""Datasets as the pages read them."""

from splitlab.app.widgets.sources import read_dataset
from splitlab.workspace import Workspace


def test_a_dataset_is_handed_out_as_it_was_read_and_not_copied_for_each_click(workspace):
    first = read_dataset("tiny", Workspace.here())
    assert read_dataset("tiny", Workspace.here()) is first
