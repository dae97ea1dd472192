"""What tests of several formats watch."""

import pytest

from splitlab.data import masks as mask_boxes


@pytest.fixture
def opened(monkeypatch):
    """The names of the images that masks are read from, from here on."""
    names = []
    original = mask_boxes._read_indices

    def counted(path):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(mask_boxes, "_read_indices", counted)
    return names
