import pytest

from splitlab.data.split import Split, as_split


@pytest.fixture
def mixed(tiny):
    """A split: five images with masks, four with boxes, and masks in val."""
    ids = [image.image_id for image in tiny.train.images]
    return as_split(tiny, Split(tuple(ids[:5]), tuple(ids[5:9]), 0, tiny.train.source_hash))
