"""The parts of a run's settings; each checks its values when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from splitlab.errors import SettingsError

AUTO = "auto"
_MAX_NUMBER = 10**10

_Rule = tuple[Callable[[Any], bool], str]
_Metadata = Mapping[str, Any]


def _ruled(holds: Callable[[Any], bool], words: str) -> _Metadata:
    """Return the metadata of a field whose value must pass `holds`; `words` say what it must be."""
    return MappingProxyType({"rule": (holds, words)})


def one_of(*choices: str) -> _Metadata:
    """Return the metadata of a field that has one of these values."""
    shown = ", ".join(choice or "''" for choice in choices)
    return _ruled(lambda value: value in choices, f"choose one of {shown}")


def _named(name: str, rule: _Metadata = MappingProxyType({})) -> _Metadata:
    """Return the metadata of a field that has another name among the settings of a run, with its rule."""
    return MappingProxyType({**rule, "name": name})


COUNT = _ruled(lambda value: 1 <= value <= _MAX_NUMBER, "it must be at least 1, and no huge number")
AMOUNT = _ruled(lambda value: 0 <= value <= _MAX_NUMBER, "it must be 0 or more, and no huge number")
_RATE = _ruled(lambda value: 0 < value <= 1, "it must be above 0 and at most 1")
_SHARE = _ruled(lambda value: 0 <= value <= 1, "it is a share, 0 to 1")

_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "int | str": ((int, str), f"a whole number, or '{AUTO}'"),
}


def setting_name(one: Field[Any]) -> str:
    """Return the name that a field has among the settings of a run, as files and `--set` have it."""
    return str(one.metadata.get("name", one.name))


def check_values(settings: Any) -> None:
    """Raise where a field of a dataclass has a value of another type, or one that its rule forbids.

    Fields that are parts themselves have checked theirs.

    Raises:
        SettingsError: the setting is named, with its value and what it must be.
    """
    for one in fields(settings):
        if one.type not in _TYPES:
            continue
        value, name = getattr(settings, one.name), setting_name(one)
        kinds, words = _TYPES[one.type]
        if not isinstance(value, kinds):
            raise SettingsError(f"{name} is {str(value)[:60]!r}; it must be {words}.")
        holds, words = one.metadata.get("rule", (_always, ""))
        if not holds(value):
            raise SettingsError(f"{name} is {repr(value) if isinstance(value, str) else value}; {words}.")


def _always(_value: Any) -> bool:
    return True


@dataclass(frozen=True)
class DataSettings:
    """What a run learns from. In files `source` is called `data`.

    Attributes:
        source: what `open_dataset` takes: a folder, a name in the work space, or `embedded`.
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        drawn: how the split was drawn, in a word; its images stand in the run's `split.json`.
        classes: the classes that count, comma-separated, the data set seen as if it had no others; empty for all. A
            name that has a comma stands in double quotes.
        mask_classes: the classes whose masks may be read, comma-separated; the others have only boxes, in F too. Empty
            for all.
        background: whether training images that show none of `classes` are learnt from, as background. The few-shot
            command sets it, as the paper has it (Sec. 4.6).
    """

    source: str = field(metadata=_named("data"))
    full: int = field(metadata=AMOUNT)
    weak: int = field(metadata=AMOUNT)
    drawn: str = "random"
    classes: str = ""
    mask_classes: str = ""
    background: bool = False

    def __post_init__(self) -> None:
        check_values(self)

    @property
    def split_name(self) -> str:
        """The split as the paper writes it, such as "400/5000"."""
        return f"{self.full}/{self.weak}"


@dataclass(frozen=True)
class OptimizerSettings:
    """How the weights are moved: the optimiser, its rate over the steps, and the average of the weights.

    In files `name` is called `optimizer`.

    Attributes:
        name: adamw, or sgd with Nesterov's momentum.
        learning_rate: of the optimiser at its peak.
        backbone_factor: pretrained parameters learn at this share of it.
        weight_decay: on matrices and kernels only.
        momentum: of SGD; AdamW's first beta.
        schedule: how the rate falls after the warm-up: `cosine` by the step, `linear` by the pass over F (YOLOv5),
            `step` at once (DETR).
        final_rate: the rate at the end, as a share of the peak.
        drop_at: share of the steps after which the rate falls to it, where `schedule` is `step`.
        warmup_epochs, warmup_steps: see `warmup`.
        warmup_bias_rate: the rate that biases start the warm-up with; all others start it with 0.
        warmup_momentum: the momentum that SGD starts the warm-up with.
        nominal_batch: gradients are gathered over about so many images before each step of the optimiser; 0 for one
            batch each. The weight decay is scaled by the images gathered over this number (YOLOv5).
        clip: the largest norm of a step's gradients.
        average_decay: of the moving average of the weights.
        average_tau: its decay grows with the optimiser's steps n as 1 - exp(-n / tau) (YOLOv5); 0 for
            (1 + n) / (10 + n).
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
        metadata=_ruled(
            lambda value: 0 < value <= _MAX_NUMBER, "it must be above 0 and no huge number: to clip nothing give 1e6"
        ),
    )
    average_decay: float = field(default=0.995, metadata=_SHARE)
    average_tau: float = field(default=0.0, metadata=AMOUNT)

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True)
class AugmentationSettings:
    """How much training examples differ from their images; most defaults are YOLOv5's.

    Attributes:
        mosaic: share of the examples that are mosaics, before the plain tail.
        plain_tail: share of the steps at the end that see single images instead of mosaics.
        hue, saturation, value: the most that colours change by, as shares.
        translate, scale, flip: the most that images are shifted by (share of the side) and scaled by, and the share
            that is mirrored.
    """

    mosaic: float = field(default=1.0, metadata=_SHARE)
    plain_tail: float = field(default=0.15, metadata=_SHARE)
    hue: float = field(default=0.015, metadata=_SHARE)
    saturation: float = field(default=0.7, metadata=_SHARE)
    value: float = field(default=0.4, metadata=_SHARE)
    translate: float = field(default=0.1, metadata=_SHARE)
    scale: float = field(
        default=0.5, metadata=_ruled(lambda value: 0 <= value < 1, "it must be below 1, and 0 or more")
    )
    flip: float = field(default=0.5, metadata=_SHARE)

    def __post_init__(self) -> None:
        check_values(self)

    @property
    def changes_images(self) -> bool:
        """Whether an image ever comes another way than it came before."""
        changes = (self.mosaic, self.hue, self.saturation, self.value, self.translate, self.scale, self.flip)
        return any(change > 0 for change in changes)


@dataclass(frozen=True)
class MaskStageSettings:
    """The last steps of a model that learns boxes first and masks after them; other models have none.

    In files the names begin with `mask_`.

    Attributes:
        steps: the last of the run's steps, which teach masks from F alone; 0 for models that learn boxes and masks at
            once.
        batch_size, learning_rate: in the mask steps; 0 for the same as before.
        drop_at: the optimiser's `drop_at` in the mask steps, as a share of them.
    """

    steps: int = field(default=0, metadata=_named("mask_steps", AMOUNT))
    batch_size: int = field(default=0, metadata=_named("mask_batch_size", AMOUNT))
    learning_rate: float = field(
        default=0.0,
        metadata=_named("mask_learning_rate", _ruled(lambda value: 0 <= value <= 1, "it must be 0 or more, at most 1")),
    )
    drop_at: float = field(default=0.8, metadata=_named("mask_drop_at", _SHARE))

    def __post_init__(self) -> None:
        check_values(self)
