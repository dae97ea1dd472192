"""From a decoded image to masks in image size, against the bare forward pass of the same network.

Run: python benchmarks/predict_overhead.py. For each checkpoint and size it prints the ratio, median and spread.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from splitlab.data.images import ImageArray, load_image
from splitlab.evaluation.predict import predict
from splitlab.models.contract import DetectSettings, SegmentationModel
from splitlab.models.registry import load_model

ROUNDS, CALLS = 7, 10
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
SETTINGS = DetectSettings(min_score=0.25)


def seconds_of_predict(model: SegmentationModel, photo: ImageArray, size: int) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        predict(model, [photo], size, SETTINGS)
    return (perf_counter() - start) / CALLS


def seconds_of_forward(model: SegmentationModel, size: int) -> float:
    images = torch.rand(1, 3, size, size).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        start = perf_counter()
        for _ in range(CALLS):
            model(images)
        return (perf_counter() - start) / CALLS


def main() -> None:
    with as_file(files("skimage").joinpath("data", "chelsea.png")) as path:
        photo = load_image(path)
    for name, size in (("pets-30-330", 224), ("pets-30-330", 640)):
        model, _ = load_model(CHECKPOINTS / name)
        found = len(predict(model, [photo], size, SETTINGS)[0].scores)
        seconds_of_predict(model, photo, size), seconds_of_forward(model, size)
        pairs = [(seconds_of_predict(model, photo, size), seconds_of_forward(model, size)) for _ in range(ROUNDS)]
        ratios = [whole / bare for whole, bare in pairs]
        milliseconds = 1000 * median(whole for whole, _ in pairs)
        print(
            f"{name} at {size} px, {photo.shape[1]} x {photo.shape[0]} photo, {found} found: {milliseconds:.0f} ms, "
            f"predict / forward = {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
