"""A workspace for real workers."""

import pytest

from tests.runs.queue_tools import workspace_in


@pytest.fixture
def workspace(tmp_path):
    return workspace_in(tmp_path)
