"""Everything needed to do a run again."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from splitlab.errors import SettingsError

AUTO = "auto"
PRETRAINED = "pretrained"
# The paper's long runs pass this often over F (PROTOCOL.md: 75 epochs of 800 mask images).
PASSES_OVER_F = 75
MAX_IMAGE_SIZE, MAX_SEED, MAX_BATCH, MAX_NUMBER = 4096, 2**32 - 1, 65536, 10**10
DEVICES = ("cpu", "cuda", "mps")

_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "int | str": ((int, str), f"a whole number, or '{AUTO}'"),
}
_CHOICES = {
    "device": DEVICES,
    "optimizer": ("adamw", "sgd"),
    "schedule": ("cosine", "linear", "step"),
    "anchors": ("paper", AUTO),
    "tracker": ("", "tensorboard", "wandb", "mlflow"),
}
_COUNTS = ("steps", "batch_size", "evaluate_every", "image_size")
_NOT_NEGATIVE: tuple[str, ...] = (
    "full",
    "weak",
    "seed",
    "weight_decay",
    "warmup_steps",
    "warmup_epochs",
    "nominal_batch",
    "average_tau",
    "class_factor",
    "mask_factor",
    "mask_steps",
    "mask_batch_size",
    "mask_learning_rate",
)
_ABOVE_ZERO = ("learning_rate", "backbone_factor")
_SHARES: tuple[str, ...] = (
    "final_rate",
    "momentum",
    "warmup_momentum",
    "warmup_bias_rate",
    "average_decay",
    "plain_tail",
    "mosaic",
    "drop_at",
    "mask_drop_at",
)
_SHARES += ("hue", "saturation", "value", "translate", "scale", "flip")


@dataclass(frozen=True)
class RunSpec:
    """The settings of one run: data, split, model and training.

    A recipe gives most of them (`recipes.py`); a file that leaves one out has the default below.

    Attributes:
        data: what `open_dataset` takes: a folder, a name in the work space, or `embedded`.
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        seed: of the split, the weights, the order and the augmentation.
        model: a name of the model registry.
        image_size: side of the square training images, pixels.
        steps: iterations; each takes one fused batch.
        batch_size: images in a batch.
        f_size: images of F in a mixed batch, or `auto` (see `mask_images`).
        learning_rate: of the optimiser at its peak.
        backbone_factor: pretrained parameters learn at this share of it.
        weight_decay: on matrices and kernels only.
        plain_tail: share of the steps at the end that see single images instead of mosaics.
        evaluate_every: steps between two evaluations, and so the most that a kill can lose.
        device: cpu, cuda or mps.
        drawn: how the split was drawn, in a word; its images stand in the run's `split.json`.
        recipe: the name of the recipe that the settings started from.
        optimizer: adamw, or sgd with Nesterov's momentum.
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
        class_factor, mask_factor: these parts of the loss count so many times as much. For YOLOv5 alone; above 1 a
            short run tells few classes apart sooner (YOLOv5's gain falls with their number) and draws masks sooner.
        refine_boxes: whether each found box is moved halfway to the rectangle around its mask, in scores and wherever
            the checkpoint is used. For YOLOv5 alone; the paper's boxes are not.
        mosaic: share of the examples that are mosaics, before the plain tail.
        hue, saturation, value: the most that colours change by, as shares.
        translate, scale, flip: the most that images are shifted by (share of the side) and scaled by, and the share
            that is mirrored.
        anchors: `paper` for YOLOv5's own, scaled from 640 px to `image_size`; `auto` for its own in pixels of
            `image_size`, as YOLOv5 and the paper have them, fitted to the boxes where those serve badly. A run that
            starts from a YOLOv5 begins with that one's instead, scaled to `image_size`. Models without anchors pass
            over it.
        start_from: a checkpoint folder whose fitting weights the model starts with; `pretrained` for those that
            Ultralytics trained on COCO, downloaded for its own families; empty for none.
        classes: the classes that count, comma-separated, the data set seen as if it had no others; empty for all. A
            name that has a comma stands in double quotes.
        background: whether training images that show none of `classes` are learnt from, as background. The few-shot
            command sets it, as the paper has it (Sec. 4.6).
        mask_classes: the classes whose masks may be read, comma-separated; the others have only boxes, in F too. Empty
            for all.
        compiled: whether torch.compile builds the model's forward pass; on CUDA alone.
        tracker: tensorboard, wandb or mlflow, to follow the run there too; empty for none.
        mask_steps: the last of the steps, which teach masks from F alone, of a model that learns boxes first (DETR);
            0 for others.
        mask_batch_size, mask_learning_rate: in the mask steps; 0 for the same as before.
        mask_drop_at: `drop_at` in the mask steps, as a share of them.
    """

    data: str
    full: int
    weak: int
    seed: int = 0
    model: str = "yolov5n-lite0-seg"
    image_size: int = 224
    steps: int = 720
    batch_size: int = 16
    f_size: int | str = 4
    learning_rate: float = 1.5e-3
    backbone_factor: float = 0.3
    weight_decay: float = 0.01
    plain_tail: float = 0.15
    evaluate_every: int = 120
    device: str = "cpu"
    drawn: str = "random"
    recipe: str = "quick"
    optimizer: str = "adamw"
    momentum: float = 0.9
    schedule: str = "cosine"
    final_rate: float = 0.02
    drop_at: float = 0.8
    warmup_epochs: float = 0.0
    warmup_steps: int = 100
    warmup_bias_rate: float = 0.0
    warmup_momentum: float = 0.9
    nominal_batch: int = 0
    clip: float = 10.0
    average_decay: float = 0.995
    average_tau: float = 0.0
    class_factor: float = 1.0
    mask_factor: float = 1.0
    refine_boxes: bool = False
    mosaic: float = 1.0
    hue: float = 0.015
    saturation: float = 0.7
    value: float = 0.4
    translate: float = 0.1
    scale: float = 0.5
    flip: float = 0.5
    anchors: str = "paper"
    start_from: str = ""
    compiled: bool = False
    tracker: str = ""
    mask_steps: int = 0
    mask_batch_size: int = 0
    mask_learning_rate: float = 0.0
    mask_drop_at: float = 0.8
    classes: str = ""
    mask_classes: str = ""
    background: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        self._check_numbers()
        self._check_batch()
        if self.compiled and self.device != "cuda":
            raise SettingsError(f"compiled is for device cuda, not {self.device}: elsewhere compiling takes minutes.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                shown = ", ".join(choice or "''" for choice in choices)
                raise SettingsError(f"{name} is '{getattr(self, name)}'; choose one of {shown}.")

    def _check_types(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds, words = _TYPES[field.type]
            if not isinstance(value, kinds):
                raise SettingsError(f"{field.name} is {str(value)[:60]!r}; it must be {words}.")

    def _check_numbers(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 1.")
            if getattr(self, name) > MAX_NUMBER:
                raise SettingsError(f"{name} is above {MAX_NUMBER:,}.")
        for name in _NOT_NEGATIVE:
            if not 0 <= getattr(self, name) <= MAX_NUMBER:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 0 or more, and no huge number.")
        for name in _ABOVE_ZERO:
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be above 0 and at most 1.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it is a share, 0 to 1.")
        if not 0 < self.clip <= MAX_NUMBER:
            raise SettingsError(
                f"clip is {self.clip}; it must be above 0 and no huge number: to clip nothing give 1e6."
            )
        if not self.scale < 1:
            raise SettingsError(f"scale is {self.scale}; it must be below 1.")

    def _check_batch(self) -> None:
        if self.image_size > MAX_IMAGE_SIZE or self.seed > MAX_SEED:
            raise SettingsError(
                f"image_size is {self.image_size} and seed {self.seed}; at most {MAX_IMAGE_SIZE} and {MAX_SEED}."
            )
        if self.mask_steps > self.steps or self.mask_learning_rate > 1:
            raise SettingsError(
                f"mask_steps is {self.mask_steps} of {self.steps} steps, and mask_learning_rate "
                f"{self.mask_learning_rate}; at most all steps, and at most 1."
            )
        if max(self.batch_size, self.nominal_batch, self.mask_batch_size) > MAX_BATCH:
            raise SettingsError(
                f"batch_size is {self.batch_size}, nominal_batch {self.nominal_batch} and mask_batch_size "
                f"{self.mask_batch_size}; at most {MAX_BATCH}."
            )
        if self.f_size != AUTO and (isinstance(self.f_size, str) or self.f_size < 1):
            raise SettingsError(f"f_size is {self.f_size}; it must be at least 1, or '{AUTO}'.")
        if self.full and self.weak and not self.mask_steps and not self.mask_images < self.batch_size:
            raise SettingsError(
                f"f_size {self.mask_images} must be below the batch size {self.batch_size}: "
                "a mixed batch holds images of F and of W."
            )

    @property
    def mask_images(self) -> int:
        """Images of F in a mixed batch; where f_size is `auto`, a rule that gives the paper's numbers.

        The smallest power of two with which the run passes over F at least 75 times, and at most half of the batch.
        """
        if isinstance(self.f_size, int):
            return self.f_size
        chosen = 1
        while chosen * self.steps < PASSES_OVER_F * self.full and chosen * 4 <= self.batch_size:
            chosen *= 2
        return chosen

    @property
    def images_of_f(self) -> int:
        """Images of F in each batch: none, all of them, or `mask_images` where both sets have images."""
        if not self.full:
            return 0
        return self.mask_images if self.weak else self.batch_size

    @property
    def augments(self) -> bool:
        """Whether an image ever comes another way than it came before."""
        changes = (self.mosaic, self.hue, self.saturation, self.value, self.translate, self.scale, self.flip)
        return any(change > 0 for change in changes)

    @property
    def epoch_steps(self) -> int:
        """Steps in one pass over F; over W where F is empty."""
        taken = self.images_of_f or self.batch_size
        return max(math.ceil((self.full or self.weak) / taken), 1)

    @property
    def warmup(self) -> int:
        """Steps of the warm-up: `warmup_epochs` passes over F, at least `warmup_steps`, at most a tenth of the run."""
        wanted = max(round(self.warmup_epochs * self.epoch_steps), self.warmup_steps)
        return max(min(wanted, self.steps // 10), 1)

    @property
    def split_name(self) -> str:
        """The split as the paper writes it, such as "400/5000"."""
        return f"{self.full}/{self.weak}"

    def to_json(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> RunSpec:
        """Build a spec from `to_json`; settings that an older version did not know have today's defaults.

        Raises:
            SettingsError: a name is unknown, missing, or has a value it may not have.
        """
        try:
            return cls(**content)
        except TypeError as error:
            raise SettingsError(f"These are not the settings of a run ({error}).") from error
