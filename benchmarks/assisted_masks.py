"""Measure the bars of assisted masks (docs/decisions/0110): mean IoU, predicted IoU and time, on photos kept back.

Run: python benchmarks/assisted_masks.py --pets DIR --people-animals DIR; the folders of the photo sets, or of one.
With `--dev`, the last photos of each train part stand in for those kept back.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from splitlab.assist.focus_network import FocusNetwork, Seen, load_focus_network
from splitlab.assist.grabcut import GrabCutMaker
from splitlab.assist.img_focus import ImgFocusMaker
from splitlab.assist.maker import Example, MaskMaker
from splitlab.assist.predicted_iou import IouModel, calibrate, clues, judge
from splitlab.assist.propose import real_iou
from splitlab.data.dataset import ImageLabels
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.images import ImageArray, load_labelled
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.masks import read_mask
from splitlab.geometry import rle_to_mask

SEEDS, MASKS, LARGE, DEV = (0, 1, 2), 30, 32 * 32, 100


class RememberingNetwork(FocusNetwork):
    """A network that looks at each square once: the three draws are scored on the same photos."""

    def __init__(self, network: FocusNetwork) -> None:
        self._network = network
        self._seen: dict[bytes, tuple[list[np.ndarray], np.ndarray]] = {}

    def see(self, square: ImageArray) -> Seen:
        """Return what was seen, in half precision."""
        key = square.tobytes()
        if key not in self._seen:
            seen = self._network.see(square)
            self._seen[key] = [layer.astype(np.float16) for layer in seen.layers], seen.saliency
        layers, saliency = self._seen[key]
        first, second, last = (layer.astype(np.float32) for layer in layers)
        return Seen((first, second, last), saliency)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pets", type=Path)
    parser.add_argument("--people-animals", type=Path)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = load_focus_network(1)
    found = {}
    for name, folder, part in (("pets", asked.pets, "val"), ("people-animals", asked.people_animals, "test")):
        if folder is None:
            continue
        train = [image for image in read_coco_folder(folder).train.images if image.can_be_full and image.targets]
        kept_back = train[-DEV:] if asked.dev else kept_back_of(folder, part)
        found[name] = measure(network, train[:-DEV] if asked.dev else train, kept_back)
        print(name, json.dumps(found[name], indent=1), flush=True)
        if asked.out is not None:
            asked.out.write_text(json.dumps(found, indent=1))


def kept_back_of(folder: Path, part: str) -> list[ImageLabels]:
    """Read val, or the test part, which the reader leaves alone: it is read as the only part of a folder."""
    if part == "val":
        return list(read_coco_folder(folder).val.images)
    with tempfile.TemporaryDirectory() as made:
        alone = Path(made)
        (alone / "images").mkdir()
        for photo in (folder / "images").rglob("*"):
            if photo.is_file():
                target = alone / photo.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(photo)
        content = json.loads((folder / f"instances_{part}.json").read_text())
        (alone / "instances_train.json").write_text(json.dumps(content))
        images = read_coco_folder(alone, Outside.FOLLOWED).train.images
        return [_at(image, alone, folder) for image in images if image.targets and image.can_be_full]


def _at(image: ImageLabels, before: Path, after: Path) -> ImageLabels:
    return replace(image, path=after / image.path.relative_to(before))


def measure(network: FocusNetwork, train: list[ImageLabels], kept_back: list[ImageLabels]) -> dict:
    objects = list(examples_of(kept_back))
    large = np.array([example.mask.sum() > LARGE for example in objects])
    remembering = RememberingNetwork(network)
    untaught = ImgFocusMaker(remembering)
    seconds, zero = timed(untaught, objects)
    out = {"objects": len(objects), "large": int(large.sum()), "seconds an object, not taught": seconds}
    out["img-focus, not taught"] = means(zero[0], large)
    seconds, grab = timed(GrabCutMaker(), objects)
    out["grabcut"] = {**means(grab[0], large), "seconds": seconds}
    rows = []
    for seed in SEEDS:
        drawn = list(first_targets(train, seed))
        started = time.process_time()
        taught = untaught.taught(drawn)
        teaching = time.process_time() - started
        seen = np.array([clues(example.photo, one) for example, one in zip(drawn, taught.made, strict=True)])
        model, own = calibrate(seen, np.array([real_iou(*pair) for pair in zip(taught.made, drawn, strict=True)]))
        real, predicted = scored(taught.maker, model, objects)
        rows.append({
            **means(real, large), "teaching seconds": teaching, "threshold": taught.maker.threshold,
            "share at 0.8": float((real >= 0.8).mean()),
            "all": judge(predicted, real).to_json(), "large thirds": judge(predicted[large], real[large]).to_json(),
            "cross-validated": own.to_json(), "correlation": float(np.corrcoef(predicted, real)[0, 1]),
        })  # fmt: skip
        print(seed, rows[-1]["mean"], rows[-1]["large"], judge(predicted, real).largest_gap, flush=True)
    out["img-focus, taught"] = rows
    for key in ("mean", "large"):
        out[f"taught {key}"] = float(np.mean([row[key] for row in rows]))
    fresh = untaught_time(network, taught.maker, objects[:40])
    out["seconds an object, taught"] = fresh
    return out


def untaught_time(network: FocusNetwork, maker: MaskMaker, objects: list[Example]) -> float:
    """Return the median time of the taught maker with nothing remembered."""
    return timed(replace(maker, network=network), objects)[0]


def examples_of(images: list[ImageLabels]) -> Iterator[Example]:
    for image in images:
        photo = load_labelled(image)
        for label in image.targets:
            mask = rle_to_mask(read_mask(label.mask))
            if mask.any():
                yield Example(photo, np.array(label.box, np.float32), mask)


def first_targets(train: list[ImageLabels], seed: int) -> Iterator[Example]:
    for place in np.random.default_rng(seed).permutation(len(train))[:MASKS]:
        yield next(examples_of([train[place]]))


def timed(maker: MaskMaker, objects: list[Example]) -> tuple[float, tuple[np.ndarray]]:
    times, real = [], []
    for example in objects:
        started = time.process_time()
        made = maker.make(example.photo, example.box[None])[0]
        clues(example.photo, made)
        times.append(time.process_time() - started)
        real.append(real_iou(made, example))
    return float(np.median(times)), (np.array(real),)


def scored(maker: MaskMaker, model: IouModel, objects: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    real, seen = [], []
    for example in objects:
        made = maker.make(example.photo, example.box[None])[0]
        real.append(real_iou(made, example))
        seen.append(clues(example.photo, made))
    return np.array(real), model.predict(np.array(seen))


def means(real: np.ndarray, large: np.ndarray) -> dict[str, float]:
    return {"mean": float(real.mean()), "large": float(real[large].mean())}


if __name__ == "__main__":
    main()
