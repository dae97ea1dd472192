"""The settings of a training run: everything needed to repeat it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, get_type_hints

from splitlab.errors import SettingsError
from splitlab.families import FAMILIES, IGNORE, PROJECTION, TEACHER, family_of
from splitlab.runs.settings import (
    AMOUNT,
    AUTO,
    COUNT,
    AugmentationSettings,
    Checked,
    DataSettings,
    MaskStageSettings,
    OptimizerSettings,
    one_of,
    setting_name,
)

PRETRAINED = "pretrained"
# The number of passes over F in the paper's long runs (docs/protocol.md: 75 epochs of 800 mask images).
_PASSES_OVER_F = 75
_MAX_IMAGE_SIZE, MAX_SEED, _MAX_BATCH = 4096, 2**32 - 1, 65536
_DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True)
class RunSpec(Checked):
    """The settings of one run: data, split, model and training.

    A recipe sets most of them; others have the defaults below. Files, `--set` and recipes use the flat names in
    `SETTINGS`; `of`, `from_json` and `to_json` convert.

    Attributes:
        data: the training data.
        seed: of the split, the weights, the order and the augmentation.
        model: a name in `splitlab.families`.
        image_size: side of the square training images in pixels.
        steps: iterations of one batch each.
        batch_size: images in a batch.
        f_size: images of F in a mixed batch, or `auto` (see `mask_images`).
        evaluate_every: steps between two evaluations, and so the most that a kill can lose.
        device: cpu, cuda or mps.
        recipe: the name of the recipe that the settings started from.
        optimizer: optimizer, learning rate and moving average.
        class_factor, mask_factor: weights of these parts of the loss, for YOLOv5 only; above 1, short runs on few
            classes learn classes (YOLOv5's gain falls with their number) and masks sooner.
        refine_boxes: whether each predicted box is moved halfway to the rectangle around its mask, in scores and
            wherever the checkpoint is used. For YOLOv5 only; not used in the paper.
        weak_masks: what images of W teach about masks. `ignore`: nothing, as in the paper. `projection`: a mask must
            fill its box, and neighbouring pixels of like colour belong together (BoxInst). `teacher`: in addition,
            after a quarter of the run, the mask that the moving average of the model sees in the box (BoxTeacher). The
            last two are for YOLOv5 only, and learn masks without F, too. Stored masks of W are never read.
        augmentation: how training images are augmented.
        anchors: `paper` for YOLOv5's anchors, scaled from 640 px to `image_size`; `auto` for the same anchors in pixels
            of `image_size`, as in YOLOv5 and the paper, fitted to the boxes if they match badly. A run that starts from
            a YOLOv5 checkpoint uses its anchors, scaled to `image_size`. Ignored by models without anchors.
        start_from: a checkpoint folder whose fitting weights the model starts from; `pretrained` for Ultralytics'
            weights from COCO, downloaded for its own families; empty for none.
        compiled: whether the forward pass uses torch.compile; on CUDA only.
        tracker: tensorboard, wandb or mlflow, to log there as well; empty for none.
        mask_stage: the last steps of a model that learns boxes first (DETR).
    """

    data: DataSettings
    seed: int = field(default=0, metadata=AMOUNT)
    model: str = "yolov5n-lite0-seg"
    image_size: int = field(default=224, metadata=COUNT)
    steps: int = field(default=720, metadata=COUNT)
    batch_size: int = field(default=16, metadata=COUNT)
    f_size: int | str = 4
    evaluate_every: int = field(default=120, metadata=COUNT)
    device: str = field(default="cpu", metadata=one_of(*_DEVICES))
    recipe: str = "quick"
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    class_factor: float = field(default=1.0, metadata=AMOUNT)
    mask_factor: float = field(default=1.0, metadata=AMOUNT)
    refine_boxes: bool = False
    weak_masks: str = field(default=IGNORE, metadata=one_of(IGNORE, PROJECTION, TEACHER))
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    anchors: str = field(default="paper", metadata=one_of("paper", AUTO))
    start_from: str = ""
    compiled: bool = False
    tracker: str = field(default="", metadata=one_of("", "tensorboard", "wandb", "mlflow"))
    mask_stage: MaskStageSettings = field(default_factory=MaskStageSettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        self._check_batch()
        self._check_weak_masks()
        if self.compiled and self.device != "cuda":
            raise SettingsError(f"compiled is for device cuda, not {self.device}: elsewhere compiling takes minutes.")

    def _check_sizes(self) -> None:
        if self.image_size > _MAX_IMAGE_SIZE or self.seed > MAX_SEED:
            raise SettingsError(
                f"image_size is {self.image_size} and seed {self.seed}; at most {_MAX_IMAGE_SIZE} and {MAX_SEED}."
            )
        if self.mask_stage.steps > self.steps:
            raise SettingsError(f"mask_steps is {self.mask_stage.steps} of {self.steps} steps; at most all of them.")
        if max(self.batch_size, self.optimizer.nominal_batch, self.mask_stage.batch_size) > _MAX_BATCH:
            raise SettingsError(
                f"batch_size is {self.batch_size}, nominal_batch {self.optimizer.nominal_batch} and mask_batch_size "
                f"{self.mask_stage.batch_size}; at most {_MAX_BATCH}."
            )

    def _check_batch(self) -> None:
        if self.f_size != AUTO and (isinstance(self.f_size, str) or self.f_size < 1):
            raise SettingsError(f"f_size is {self.f_size}; it must be at least 1, or '{AUTO}'.")
        is_mixed = self.data.full and self.data.weak and not self.mask_stage.steps
        if is_mixed and not self.mask_images < self.batch_size:
            raise SettingsError(
                f"f_size {self.mask_images} must be below the batch size {self.batch_size}: "
                "a mixed batch holds images of F and of W."
            )

    def _check_weak_masks(self) -> None:
        if self.weak_masks not in (IGNORE, *family_of(self.model).weak_masks):
            able = ", ".join(family.title for family in FAMILIES if self.weak_masks in family.weak_masks)
            raise SettingsError(
                f"weak_masks is '{self.weak_masks}', but {self.model} cannot learn masks from boxes so. Set it to "
                f"{IGNORE}, or choose a model of {able}."
            )

    @property
    def learns_masks(self) -> bool:
        """Whether masks are learnt at all: from F, or from the boxes of W."""
        return bool(self.data.full) or self.weak_masks != IGNORE

    @property
    def mask_images(self) -> int:
        """Images of F in a mixed batch; if f_size is `auto`, by a rule that reproduces the paper's numbers.

        The rule: the smallest power of two with at least 75 passes over F, but at most half of the batch.
        """
        if isinstance(self.f_size, int):
            return self.f_size
        chosen = 1
        while chosen * self.steps < _PASSES_OVER_F * self.data.full and chosen * 4 <= self.batch_size:
            chosen *= 2
        return chosen

    @property
    def images_of_f(self) -> int:
        """Images of F in each batch: 0, the whole batch, or `mask_images` if both sets have images."""
        if not self.data.full:
            return 0
        return self.mask_images if self.data.weak else self.batch_size

    @property
    def epoch_steps(self) -> int:
        """Steps in one pass over F, or over W if F is empty."""
        taken = self.images_of_f or self.batch_size
        return max(math.ceil((self.data.full or self.data.weak) / taken), 1)

    @property
    def warmup(self) -> int:
        """Steps of the warm-up: `warmup_epochs` passes over F, at least `warmup_steps`, at most a tenth of the run."""
        wanted = max(round(self.optimizer.warmup_epochs * self.epoch_steps), self.optimizer.warmup_steps)
        return max(min(wanted, self.steps // 10), 1)

    def to_json(self) -> dict[str, Any]:
        """Return all settings by their names in `SETTINGS`."""
        return {name: one.value_in(self) for name, one in SETTINGS.items()}

    @classmethod
    def from_json(cls, content: Any) -> RunSpec:
        """Build a spec from the output of `to_json`, with defaults for settings that an older version lacks.

        Raise SettingsError if a name is unknown or missing, or a value is invalid.
        """
        if not isinstance(content, Mapping):
            raise SettingsError("These are not the settings of a run: they must be an object with names and values.")
        own: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        for name, value in content.items():
            if name not in SETTINGS:
                raise SettingsError(f"These are not the settings of a run: {str(name)[:60]!r} is unknown.")
            one = SETTINGS[name]
            (parts[one.part] if one.part else own)[one.field] = value
        try:
            return cls(**own, **{part: PARTS[part](**values) for part, values in parts.items()})
        except TypeError as error:
            raise SettingsError(f"These are not the settings of a run ({error}).") from error

    @classmethod
    def of(cls, data: str, full: int, weak: int, **settings: Any) -> RunSpec:
        """Build a spec from a dataset, |F|, |W| and other settings by their names in `SETTINGS`."""
        return cls.from_json({"data": data, "full": full, "weak": weak, **settings})

    def changed(self, **settings: Any) -> RunSpec:
        """Return the spec with other values of some settings, by their names in `SETTINGS`."""
        return self.from_json({**self.to_json(), **settings})


@dataclass(frozen=True)
class _Setting:
    """One setting of a run, as in files and on the command line."""

    part: str  # the attribute of `RunSpec` that holds it; empty for `RunSpec` itself
    field: str  # its name there
    kind: Any
    default: Any  # `MISSING` if it must be given

    def value_in(self, spec: RunSpec) -> Any:
        return getattr(getattr(spec, self.part) if self.part else spec, self.field)


PARTS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "data": DataSettings,
        "optimizer": OptimizerSettings,
        "augmentation": AugmentationSettings,
        "mask_stage": MaskStageSettings,
    }
)
"""The parts of a spec by the attribute that holds them."""


def _settings_of(holder: type[Any], part: str) -> Iterator[tuple[str, _Setting]]:
    kinds = get_type_hints(holder)
    for one in fields(holder):
        if not part and one.name in PARTS:
            yield from _settings_of(PARTS[one.name], one.name)
        else:
            yield setting_name(one), _Setting(part, one.name, kinds[one.name], one.default)


SETTINGS: Mapping[str, _Setting] = MappingProxyType(dict(_settings_of(RunSpec, "")))
"""All settings of a run by their names in files, recipes and `--set`."""
