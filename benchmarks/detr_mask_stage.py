"""One step of DETR's mask stage, with all queries, with matched ones, and with matched ones and kept features.

R50 at 512 px, a batch of 4 with 12 objects, float32 and bf16 where the processor has it. Only matched queries have a
loss, so all three have equal gradients (a test holds it).

Run: python benchmarks/detr_mask_stage.py. It prints seconds and ratios, median and spread over the rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

from splitlab.models.contract import Batch
from splitlab.models.detr.losses import Targets, mask_losses, match_queries, object_count
from splitlab.models.detr.seg import DETRSeg, DetrStage, build_detr
from splitlab.models.precision import mixed_precision

SIZE, IMAGES, OBJECTS, ROUNDS = 512, 4, 3, 3


def make_batch() -> Batch:
    torch.manual_seed(0)
    count = IMAGES * OBJECTS
    corners = torch.rand(count, 2) * SIZE / 2
    return Batch(
        images=torch.rand(IMAGES, 3, SIZE, SIZE),
        boxes=torch.cat([corners, corners + SIZE / 4], dim=1),
        classes=torch.randint(0, 20, (count,)),
        image_index=torch.arange(IMAGES).repeat_interleave(OBJECTS),
        has_mask=torch.ones(IMAGES, dtype=torch.bool),
        object_has_mask=torch.ones(count, dtype=torch.bool),
        masks=(torch.rand(count, SIZE // 4, SIZE // 4) > 0.5).byte(),
    )


def all_queries(model: DETRSeg, batch: Batch) -> dict[str, torch.Tensor]:
    outputs, logits = model(batch.images)
    targets = Targets.of(batch)
    matches = match_queries(outputs.logits[-1], outputs.boxes[-1], targets)
    chosen = logits[matches.image, matches.query]
    return mask_losses(chosen, batch.masks[matches.target], object_count(targets), model.loss_weights)


def seconds(loss: Callable[[Batch], dict[str, torch.Tensor]], batch: Batch, model: DETRSeg, bf16: bool) -> float:
    model.zero_grad()
    start = perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        parts = loss(batch)
    sum(parts.values(), start=torch.zeros(())).backward()
    return perf_counter() - start


def main() -> None:
    batch = make_batch()
    for bf16 in (False, True) if mixed_precision("cpu") == "bf16" else (False,):
        plain, keeping = (build_detr("detr-r50", 20) for _ in range(2))
        for model in (plain, keeping):
            model.set_stage(DetrStage.MASKS)
            model.train()
        keeping.keep_outputs(10**9)
        ways = {
            "all queries": (plain, lambda batch, model=plain: all_queries(model, batch)),
            "matched": (plain, plain.loss),
            "matched, kept": (keeping, keeping.loss),
        }
        for model, loss in ways.values():
            seconds(loss, batch, model, bf16)
        rounds = [
            {name: seconds(loss, batch, model, bf16) for name, (model, loss) in ways.items()} for _ in range(ROUNDS)
        ]
        print("bf16" if bf16 else "float32")
        for name in ways:
            ratios = [times["all queries"] / times[name] for times in rounds]
            print(
                f"  {name}: {median(times[name] for times in rounds):.2f} s, all queries / it = "
                f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
            )


if __name__ == "__main__":
    main()
