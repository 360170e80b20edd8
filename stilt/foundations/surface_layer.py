"""How high the layer is that the surface influences, by ``veght``, for both engines and near the receptor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_PART = 1.0
"""Up to here ``veght`` is a part of the mixed layer, above it metres: tried with hycs_std, between 1 and 1.0001."""


def surface_layer_m(veght: float, mixed_m: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """Return the layer's height, m, under mixed layers of these heights."""
    return veght * mixed_m if veght <= MOST_PART else veght
