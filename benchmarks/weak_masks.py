"""Processor time of training steps whose box images teach masks, compared with steps where they do not.

Forward pass, loss, backward pass, optimizer and moving average of yolov5n-lite0-seg on batches of the embedded scenes,
16 images of which 4 have masks, one thread. In each round every side takes one step on the same batch.

Run: python benchmarks/weak_masks.py
"""

from __future__ import annotations

import argparse
from statistics import median
from time import process_time

ROUNDS, WARMUP_ROUNDS = 14, 2
SIZES, FULL, WEAK = (160, 224), 40, 120
SIDES = ("ignore", "projection", "teacher")
# After the warm-up of the pairwise term, with a teacher.
DONE = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mosaic", type=float, default=1.0, help="share of mosaics, which have the most objects")
    mosaic = parser.parse_args().mosaic
    for size in SIZES:
        times, objects = step_times(size, mosaic)
        ignored = median(times["ignore"])
        print(f"{size} px, {objects:.0f} objects in box images, ignore: {ignored * 1000:.0f} ms")
        for side in SIDES[1:]:
            ratios = sorted(own / other for own, other in zip(times[side], times["ignore"], strict=True))
            least, most = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
            print(f"  {side}: {median(times[side]) / ignored:.2f} times (steps {least:.2f} to {most:.2f})")


def step_times(size: int, mosaic: float) -> tuple[dict[str, list[float]], float]:
    """Return the seconds of each step by side, and the mean number of objects in box images."""
    import torch

    from splitlab.data.open_dataset import open_dataset
    from splitlab.data.split import draw_split
    from splitlab.models.precision import keep_freed_memory
    from splitlab.models.weak_masks.lesson import lesson_at
    from splitlab.runs.recipes import run_settings
    from splitlab.runs.spec import RunSpec
    from splitlab.training.schedule import Stage
    from splitlab.training.start import batches_of, starting_model
    from splitlab.training.state import TrainingState
    from splitlab.workspace import Workspace

    torch.set_num_threads(1)
    keep_freed_memory()
    train = open_dataset("embedded", Workspace.here().data).train
    split = draw_split(train, FULL, WEAK, 0)
    full, weak = train.select(split.full), train.select(split.weak)
    settings = run_settings(
        "quick", {"image_size": size, "steps": ROUNDS, "mosaic": mosaic, "plain_tail": 0.0}, FULL, WEAK
    )
    spec = RunSpec.of("embedded", FULL, WEAK, **settings)
    batches = batches_of(Stage("", 0, spec), full, weak)
    states = {}
    for side in SIDES:
        model, _ = starting_model(spec, train.class_names, [*full, *weak])
        states[side] = TrainingState.start(model.to(memory_format=torch.channels_last), spec)
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    counts = []
    for number in range(ROUNDS):
        batch = batches[number]
        counts.append(int((~batch.has_mask)[batch.image_index].sum()))
        for side, state in states.items():
            started = process_time()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                lesson = lesson_at(side, DONE, batch, state.averaged_model)
                state.model.train()
                parts = state.model.loss(batch) if lesson is None else state.model.loss_with_boxes(batch, lesson)
            sum(parts.values()).backward()
            state.optimizer.step()
            state.optimizer.zero_grad()
            state.average.update_parameters(state.model)
            times[side].append(process_time() - started)
    return {side: own[WARMUP_ROUNDS:] for side, own in times.items()}, sum(counts) / len(counts)


if __name__ == "__main__":
    main()
