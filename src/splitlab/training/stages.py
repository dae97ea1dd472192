"""The parts of a run: one for most models; boxes, then masks for those that learn them one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from splitlab.errors import SettingsError
from splitlab.runs.spec import RunSpec


@dataclass(frozen=True)
class Stage:
    """A part of a run, with an optimiser and a schedule of its own.

    Attributes:
        name: as the model calls it; empty where everything is learnt at once.
        before: steps of the run that lie before it.
        spec: the run's settings as the stage has them: its steps and batches, and the sets that it learns from.
    """

    name: str
    before: int
    spec: RunSpec


def stages_of(spec: RunSpec, names: tuple[str, ...]) -> list[Stage]:
    """Divide a run into the stages of its model, those with steps.

    Args:
        spec: the run's settings.
        names: the model's `stages`: one, or two of which the first learns boxes and the second masks.

    Raises:
        SettingsError: `mask_steps` does not fit the model, or there are no masks to learn from.
    """
    if len(names) == 1:
        if spec.mask_stage.steps:
            raise SettingsError(
                f"{spec.model} learns boxes and masks at once: leave mask_steps {spec.mask_stage.steps} out."
            )
        return [Stage(names[0], 0, spec)]
    if bool(spec.mask_stage.steps) != bool(spec.data.full):
        raise SettingsError(
            f"{spec.model} learns masks from F in the last mask_steps of the steps: with {spec.data.full} mask images "
            f"they cannot be {spec.mask_stage.steps}. "
            + ("Set some, as the recipe quick-detr does." if spec.data.full else "Set 0.")
        )
    boxes, masks = names
    before = spec.steps - spec.mask_stage.steps
    if not before and not spec.start_from:
        raise SettingsError(
            f"All {spec.steps} steps of {spec.model} are mask_steps, and masks are learnt on a box detector: set "
            "fewer, or start from a trained one (start_from)."
        )
    parts = [Stage(boxes, 0, _box_spec(spec))] if before else []
    return [*parts, Stage(masks, before, _mask_spec(spec))] if spec.mask_stage.steps else parts


def _box_spec(spec: RunSpec) -> RunSpec:
    """Take F and W as one set of box images."""
    return spec.changed(
        full=0,
        weak=spec.data.full + spec.data.weak,
        steps=spec.steps - spec.mask_stage.steps,
        mask_steps=0,
        f_size=spec.batch_size,
    )


def _mask_spec(spec: RunSpec) -> RunSpec:
    batch_size = spec.mask_stage.batch_size or spec.batch_size
    return spec.changed(
        weak=0,
        steps=spec.mask_stage.steps,
        mask_steps=0,
        batch_size=batch_size,
        f_size=batch_size,
        learning_rate=spec.mask_stage.learning_rate or spec.optimizer.learning_rate,
        drop_at=spec.mask_stage.drop_at,
        # Losses are sums over the images of a batch, and so are their gradients.
        clip=spec.optimizer.clip * batch_size / spec.batch_size,
    )
