"""How long the server takes to redraw Compare masks after a change of the confidence: 4 models, 20 objects each.

Run: python benchmarks/redraw.py. It prints milliseconds (median and spread) and the ratio to an empty page. The script
runs under Streamlit's AppTest, so the times include everything on the server except sending the answer. Made detections
replace the models, which do not run when a control moves.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from unittest.mock import patch

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from splitlab.app.widgets.comparisons import BY_ERROR, DATA_IMAGES
from splitlab.app.widgets.sources import Choice
from splitlab.checkpoints.checkpoint import Card
from splitlab.evaluation.comparison import Seen
from splitlab.evaluation.detections import ImageDetections
from splitlab.geometry import mask_to_rle, xyxy_to_xywh

ROOT = Path(__file__).parents[1]
MODELS, OBJECTS, ROUNDS = 4, 20, 15
HEIGHT, WIDTH = 300, 451  # of the sample photo
CLASSES = [f"class {number}" for number in range(10)]


def detections(seed: int) -> ImageDetections:
    """Return wavy blobs that all score above the slider's end."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    boxes, masks = [], []
    for _ in range(OBJECTS):
        centre_x, centre_y, radius = rng.integers(60, WIDTH - 60), rng.integers(60, HEIGHT - 60), rng.integers(20, 50)
        angle = np.arctan2(y - centre_y, x - centre_x)
        masks.append(mask_to_rle(np.hypot(x - centre_x, y - centre_y) < radius * (1 + 0.15 * np.sin(9 * angle))))
        boxes.append([centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius])
    scores = np.full(OBJECTS, 0.96, np.float32)
    return ImageDetections(
        HEIGHT, WIDTH, np.array(boxes, np.float32), scores, rng.integers(0, len(CLASSES), OBJECTS), tuple(masks)
    )


def choices() -> dict[str, Choice]:
    """Return four checkpoints that are nowhere on disk."""
    cards = [
        Card(f"model {number}", "yolov5n-seg", 320, CLASSES, "VOC2012", "", "", 200 * number, 0, 0, str(number), 1, {})
        for number in range(1, MODELS + 1)
    ]
    return {card.name: Choice(Path("nowhere"), card) for card in cards}


def write_labels(folder: Path, truth: ImageDetections) -> None:
    """Write a COCO dataset of one photo whose labels are these detections."""
    (folder / "images").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "images" / "one.jpg")
    labels = {
        "images": [{"id": 1, "file_name": "one.jpg", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES, start=1)],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": int(truth.classes[number - 1]) + 1,
                "bbox": xyxy_to_xywh(truth.boxes[number - 1]).tolist(),
                "area": 1.0,
                "segmentation": mask,
                "iscrowd": 0,
            }
            for number, mask in enumerate(truth.masks, start=1)
        ],
    }
    for subset in ("train", "val"):
        (folder / f"instances_{subset}.json").write_text(json.dumps(labels))


def opened(**parameters: str) -> AppTest:
    """Open Compare masks with all models."""
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for key, value in parameters.items():
        app.query_params[key] = value
    app.run()
    app.switch_page("pages/compare_masks.py").run()
    return app.multiselect(key="models").set_value(list(choices())).run()


def seconds_to_redraw(app: AppTest) -> list[float]:
    times = []
    for number in range(ROUNDS):
        app.slider(key="score").set_value(0.3 + 0.05 * (number % 5))
        start = perf_counter()
        app.run()
        times.append(perf_counter() - start)
        assert not app.exception
        (chart,) = app.get("plotly_chart")
        assert chart.proto.spec.count('"toself"') >= MODELS * OBJECTS
    return times


def seconds_of_empty_page() -> list[float]:
    app = AppTest.from_string("import streamlit as st\nst.title('nothing')\nst.slider('x', 0, 9, key='x')").run()
    times = []
    for number in range(ROUNDS):
        app.slider(key="x").set_value(number % 5)
        start = perf_counter()
        app.run()
        times.append(perf_counter() - start)
    return times


def main() -> None:
    found = {name: detections(number) for number, name in enumerate(choices())}
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict("os.environ", {"SPLITLAB_WORKSPACE": folder}),
        patch("splitlab.app.widgets.sources.checkpoint_choices", lambda _: choices()),
        patch("splitlab.app.widgets.sources.detect_objects", lambda choice, _: found[choice.card.name]),
        patch(
            "splitlab.app.compare.on_data.known", lambda choice, *_: Seen(choice.card, "", [found[choice.card.name]])
        ),
    ):
        write_labels(Path(folder) / "data" / "one", detections(0))
        photo = seconds_to_redraw(opened())
        labelled = seconds_to_redraw(opened(look_at=DATA_IMAGES, data="one", colour=BY_ERROR))
    empty = seconds_of_empty_page()
    print(f"an empty page: {1000 * median(empty):.0f} ms")
    for name, times in (("a photo", photo), ("a labelled image, by kind of error", labelled)):
        print(
            f"{name}, {MODELS} models, {OBJECTS} objects each: {1000 * median(times):.0f} ms "
            f"({1000 * min(times):.0f} to {1000 * max(times):.0f}; the first {1000 * times[0]:.0f}), "
            f"ratio {median(times) / median(empty):.1f}"
        )


if __name__ == "__main__":
    main()
