"""Processor time of training steps when freed memory is kept for the next step, compared with glibc's default.

Forward and backward passes of yolov5n-lite0-seg on random images, batch 16, 160 px, one thread. Each round runs the
sides one after the other in separate processes. Also prints the peak memory of each side.

Run: python benchmarks/kept_memory.py
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from statistics import median
from time import process_time

ROUNDS, STEPS, WARMUP_STEPS = 7, 15, 3
SIZE, BATCH = 160, 16
SIDES = ("kept", "returned")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES, help="run one side once; used by the rounds")
    side = parser.parse_args().side
    if side:
        seconds = step_seconds(side)
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    rounds = [{side: run_side(side) for side in SIDES} for _ in range(ROUNDS)]
    ratios = [sides["kept"][0] / sides["returned"][0] for sides in rounds]
    print(f"kept / returned = {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} over {ROUNDS} rounds)")
    for side in SIDES:
        print(f"{side}: peak {max(sides[side][1] for sides in rounds):.0f} MB")


def run_side(side: str) -> tuple[float, float]:
    done = subprocess.run([sys.executable, __file__, "--side", side], check=True, capture_output=True, text=True)
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def step_seconds(side: str) -> float:
    import torch

    from splitlab.families import LITE0
    from splitlab.models.precision import keep_freed_memory
    from splitlab.models.registry import build_for_training

    torch.set_num_threads(1)
    if side == "kept":
        keep_freed_memory()
    model = build_for_training(LITE0, 10, SIZE, 0, ()).to(memory_format=torch.channels_last).train()
    images = torch.rand(BATCH, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    started = 0.0
    for step in range(WARMUP_STEPS + STEPS):
        if step == WARMUP_STEPS:
            started = process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            levels, prototypes = model(images)
        sum(out.float().mean() for out in (*levels, prototypes)).backward()
    return (process_time() - started) / STEPS


if __name__ == "__main__":
    main()
