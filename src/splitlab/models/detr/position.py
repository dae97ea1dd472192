"""Where in the image a cell of the feature map is: padding, and sine waves of rows and columns."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor

TEMPERATURE = 10000
# Keeps a column that is all padding from dividing by 0.
EPSILON = 1e-6


def padding_of_cells(padding: Tensor, rows: int, columns: int) -> Tensor:
    """Shrink (B, H, W) padding of pixels to (B, rows, columns): a cell is what its nearest pixel is."""
    return nnf.interpolate(padding[:, None].float(), size=(rows, columns))[:, 0].bool()


def sine_position(padding: Tensor, width: int) -> Tensor:
    """Return (B, width, rows, columns): half the channels tell the row, half the column.

    Rows and columns run from 0 to 2 pi over the cells that are not padding, so an image is told the same whatever
    it is padded to. Source: Carion et al. 2020, Appendix A.4.

    Args:
        padding: (B, rows, columns) bool, True where there is no image.
        width: channels; a multiple of 4.
    """
    image = (~padding).float()
    rows, columns = image.cumsum(dim=1), image.cumsum(dim=2)
    return torch.cat(
        [
            _waves(rows / (rows[:, -1:] + EPSILON), width // 2),
            _waves(columns / (columns[:, :, -1:] + EPSILON), width // 2),
        ],
        dim=1,
    )


def _waves(place: Tensor, channels: int) -> Tensor:
    """(B, rows, columns), 0..1, to (B, channels, rows, columns): sine and cosine in turn, each pair slower."""
    pair = torch.arange(channels // 2, device=place.device, dtype=place.dtype)
    angle = (place * 2 * math.pi).unsqueeze(1) / (TEMPERATURE ** (2 * pair / channels)).view(1, -1, 1, 1)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1, 2)
