"""Export a model to ONNX, and check the file with onnxruntime."""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from splitlab.errors import CheckpointError, SettingsError
from splitlab.models.contract import SegmentationModel

_OPSET = 18
_MOST_RELATIVE_DIFFERENCE = 1e-3


class _ByName(nn.Module):
    """The model's outputs in a fixed order, without names."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.outputs(images).values())


def export_onnx(model: SegmentationModel, image_size: int, file: Path) -> dict[str, tuple[int, ...]]:
    """Write a model to an ONNX file with one input "images": (1, 3, S, S) float32, 0..1.

    Args:
        model: in evaluation mode, on the CPU.
        image_size: S, pixels.
        file: the file to write or replace.

    Returns:
        Names and shapes of the outputs; `outputs` of the model's class documents them.

    Raises:
        SettingsError: the packages for ONNX are not installed.
        CheckpointError: the file cannot be written, or its outputs differ from the model's.
    """
    _require_packages()
    images = torch.rand(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model.outputs(images)
    draft = file.with_suffix(".draft.onnx")
    try:
        _write(model, images, list(expected), draft)
        _refuse_difference(expected, _run(draft, images), file)
        draft.replace(file)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be written ({error.strerror}). Choose another place.") from error
    finally:
        draft.unlink(missing_ok=True)
    return {name: tuple(tensor.shape) for name, tensor in expected.items()}


def _require_packages() -> None:
    try:
        for package in ("onnxruntime", "onnxscript"):
            import_module(package)
    except ImportError as error:
        raise SettingsError(
            f"ONNX needs {error.name}. Install it in SplitLab's folder: pip install -e '.[onnx]'"
        ) from error


def _write(model: SegmentationModel, images: Tensor, names: list[str], file: Path) -> None:
    # The exporter prints its steps and warns about its own internals.
    with warnings.catch_warnings(), redirect_stdout(StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _ByName(model).eval(),
            (images,),
            file,
            input_names=["images"],
            output_names=names,
            opset_version=_OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def _run(file: Path, images: Tensor) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"images": images.numpy()}), strict=True))


def _refuse_difference(expected: dict[str, Tensor], found: dict[str, Any], file: Path) -> None:
    for name, tensor in expected.items():
        difference = np.abs(found[name] - tensor.numpy()).max() / max(float(tensor.abs().max()), 1.0)
        if difference > _MOST_RELATIVE_DIFFERENCE:
            raise CheckpointError(
                f"{file}: its output '{name}' differs from the model's by {difference:.1e} of its size. The file was "
                "deleted. Try other versions of torch and onnx."
            )
