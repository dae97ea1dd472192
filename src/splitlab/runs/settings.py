"""The parts of a run's settings; each checks its values when it is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from splitlab.errors import SettingsError

AUTO = "auto"
_MAX_NUMBER = 10**10

_Metadata = Mapping[str, Any]


def one_of(*choices: str) -> _Metadata:
    """Return the metadata of a field with these choices."""
    shown = ", ".join(choice or "''" for choice in choices)
    return _ruled(lambda value: value in choices, f"choose one of {shown}")


def _ruled(holds: Callable[[Any], bool], words: str) -> _Metadata:
    """Return the metadata of a field whose value must pass `holds`, and the words for what it must be."""
    return MappingProxyType({"rule": (holds, words)})


def _named(name: str, rule: _Metadata = MappingProxyType({})) -> _Metadata:
    """Return the metadata of a field with another name among the settings of a run."""
    return MappingProxyType({**rule, "name": name})


COUNT = _ruled(lambda value: 1 <= value <= _MAX_NUMBER, f"it must be from 1 to {_MAX_NUMBER:,}")
AMOUNT = _ruled(lambda value: 0 <= value <= _MAX_NUMBER, f"it must be from 0 to {_MAX_NUMBER:,}")
_RATE = _ruled(lambda value: 0 < value <= 1, "it must be above 0 and at most 1")
_SHARE = _ruled(lambda value: 0 <= value <= 1, "it must be from 0 to 1")

_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "int | str": ((int, str), f"a whole number, or '{AUTO}'"),
}


def setting_name(one: Field[Any]) -> str:
    """Return a field's name in files and in `--set`."""
    return str(one.metadata.get("name", one.name))


@dataclass(frozen=True)
class Checked:
    """Settings that raise SettingsError for a value of another type, or one that the rule of its field forbids."""

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.type not in _TYPES:
                continue  # a part, which has checked its own
            value, name = getattr(self, one.name), setting_name(one)
            kinds, words = _TYPES[one.type]
            if not isinstance(value, kinds):
                raise SettingsError(f"{name} is {str(value)[:60]!r}; it must be {words}.")
            holds, words = one.metadata.get("rule", (lambda _: True, ""))
            if not holds(value):
                raise SettingsError(f"{name} is {repr(value) if isinstance(value, str) else value}; {words}.")


@dataclass(frozen=True)
class DataSettings(Checked):
    """The training data of a run. In files `source` is called `data`.

    Attributes:
        source: a dataset as `open_dataset` takes it: a folder, a name in the workspace, or `embedded`.
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        drawn: how the split was drawn, in one word; its images are in the run's `split.json`.
        classes: the classes to learn, comma-separated; empty for all. A name with a comma is in double quotes.
        mask_classes: the classes whose masks may be read, comma-separated; the others have only boxes, even in F. Empty
            for all.
        background: whether training images that show none of `classes` are used, as background. The few-shot command
            sets it, as in the paper (Sec. 4.6).
    """

    source: str = field(metadata=_named("data"))
    full: int = field(metadata=AMOUNT)
    weak: int = field(metadata=AMOUNT)
    drawn: str = "random"
    classes: str = ""
    mask_classes: str = ""
    background: bool = False

    @property
    def split_name(self) -> str:
        """The split in the paper's notation, such as "400/5000"."""
        return f"{self.full}/{self.weak}"


@dataclass(frozen=True)
class OptimizerSettings(Checked):
    """The optimizer, its learning rate over the steps, and the moving average of the weights.

    In files `name` is called `optimizer`.

    Attributes:
        name: adamw, or sgd with Nesterov momentum.
        learning_rate: the peak.
        backbone_factor: the share of the learning rate for pretrained parameters.
        weight_decay: on matrices and kernels only.
        momentum: of SGD; AdamW's first beta.
        schedule: how the rate falls after the warm-up: `cosine` with each step, `linear` with each pass over F
            (YOLOv5), `step` once (DETR).
        final_rate: the rate at the end, as a share of the peak.
        drop_at: the share of the steps after which a `step` schedule drops to the final rate.
        warmup_epochs, warmup_steps: see `RunSpec.warmup`.
        warmup_bias_rate: the rate of biases at the start of the warm-up; other parameters start at 0.
        warmup_momentum: the momentum of SGD at the start of the warm-up.
        nominal_batch: gradients are accumulated over about this number of images before each optimizer step; 0 for one
            batch. The weight decay is scaled by the accumulated images over this number (YOLOv5).
        clip: the maximum norm of a step's gradients.
        average_decay: of the moving average of the weights.
        average_tau: the decay grows with optimizer steps n as 1 - exp(-n / tau) (YOLOv5); 0 for (1 + n) / (10 + n).
    """

    name: str = field(default="adamw", metadata=_named("optimizer", one_of("adamw", "sgd")))
    learning_rate: float = field(default=1.5e-3, metadata=_RATE)
    backbone_factor: float = field(default=0.3, metadata=_RATE)
    weight_decay: float = field(default=0.01, metadata=AMOUNT)
    momentum: float = field(default=0.9, metadata=_SHARE)
    schedule: str = field(default="cosine", metadata=one_of("cosine", "linear", "step"))
    final_rate: float = field(default=0.02, metadata=_SHARE)
    drop_at: float = field(default=0.8, metadata=_SHARE)
    warmup_epochs: float = field(default=0.0, metadata=AMOUNT)
    warmup_steps: int = field(default=100, metadata=AMOUNT)
    warmup_bias_rate: float = field(default=0.0, metadata=_SHARE)
    warmup_momentum: float = field(default=0.9, metadata=_SHARE)
    nominal_batch: int = field(default=0, metadata=AMOUNT)
    clip: float = field(
        default=10.0,
        metadata=_ruled(lambda value: 0 < value <= _MAX_NUMBER, "it must be above 0; give 1e6 to clip nothing"),
    )
    average_decay: float = field(default=0.995, metadata=_SHARE)
    average_tau: float = field(default=0.0, metadata=AMOUNT)


@dataclass(frozen=True)
class AugmentationSettings(Checked):
    """How training images are augmented; most defaults are YOLOv5's.

    Attributes:
        mosaic: the share of examples that are mosaics, before the plain tail.
        plain_tail: the share of steps at the end without mosaics.
        hue, saturation, value: the maximum change of colours, as shares.
        translate, scale, flip: the maximum shift (share of the side) and scaling, and the share of mirrored images.
    """

    mosaic: float = field(default=1.0, metadata=_SHARE)
    plain_tail: float = field(default=0.15, metadata=_SHARE)
    hue: float = field(default=0.015, metadata=_SHARE)
    saturation: float = field(default=0.7, metadata=_SHARE)
    value: float = field(default=0.4, metadata=_SHARE)
    translate: float = field(default=0.1, metadata=_SHARE)
    scale: float = field(
        default=0.5, metadata=_ruled(lambda value: 0 <= value < 1, "it must be below 1 and at least 0")
    )
    flip: float = field(default=0.5, metadata=_SHARE)

    @property
    def changes_images(self) -> bool:
        """Whether any image is ever changed."""
        changes = (self.mosaic, self.hue, self.saturation, self.value, self.translate, self.scale, self.flip)
        return any(change > 0 for change in changes)


@dataclass(frozen=True)
class MaskStageSettings(Checked):
    """The last steps of a model that learns boxes first and then masks (DETR). In files the names begin with `mask_`.

    Attributes:
        steps: the number of last steps, which train masks on F only; 0 for models that learn boxes and masks together.
        batch_size, learning_rate: in these steps; 0 for the same as before.
        drop_at: the optimizer's `drop_at`, as a share of these steps.
    """

    steps: int = field(default=0, metadata=_named("mask_steps", AMOUNT))
    batch_size: int = field(default=0, metadata=_named("mask_batch_size", AMOUNT))
    learning_rate: float = field(
        default=0.0,
        metadata=_named("mask_learning_rate", _ruled(lambda value: 0 <= value <= 1, "it must be from 0 to 1")),
    )
    drop_at: float = field(default=0.8, metadata=_named("mask_drop_at", _SHARE))
