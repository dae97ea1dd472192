"""Each of Ultralytics' families, its smallest size, built once."""

import pytest

from tests.models.batches import still_model

NAMES = ["yolov8n-seg", "yolo11n-seg", "yolo26n-seg"]


@pytest.fixture(scope="module", params=NAMES)
def built(request):
    return request.param, still_model(request.param)


@pytest.fixture
def name(built):
    return built[0]


@pytest.fixture
def model(built):
    return built[1].train()
