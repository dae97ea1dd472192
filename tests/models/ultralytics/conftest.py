"""Each of Ultralytics' families, its smallest size, built once."""

import pytest
import torch

from splitlab.models.registry import build_model
from tests.models.batches import SIDE

NAMES = ["yolov8n-seg", "yolo11n-seg", "yolo26n-seg"]


@pytest.fixture(scope="module", params=NAMES)
def built(request):
    torch.manual_seed(0)
    model = build_model(request.param, class_count=3, image_size=SIDE)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0  # two passes see the same statistics
    return request.param, model


@pytest.fixture
def name(built):
    return built[0]


@pytest.fixture
def model(built):
    return built[1].train()
