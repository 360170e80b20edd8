"""Whether pyproj understands a grid's projection. Imported only where a grid is projected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stilt.config.rules import cell_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.config.schema import FootprintGrid


def projection_problems(grid: FootprintGrid) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a projected grid: the key and what about it."""
    from pyproj import CRS, Transformer
    from pyproj.exceptions import ProjError

    try:
        crs = CRS.from_user_input(grid.projection)
        if not crs.is_projected:
            yield (
                "projection",
                f"{grid.projection!r} has no plane coordinates: write +proj=longlat for a grid in degrees",
            )
            return
        project = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform
        x, y = project((grid.xmin, grid.xmax), (grid.ymin, grid.ymax))
    except ProjError as error:
        why = str(error).partition("(Internal Proj Error: ")[2].rstrip(")") or str(error)
        yield "projection", f"{grid.projection!r} is not understood by PROJ: {why}"
        return
    width, height = abs(x[1] - x[0]), abs(y[1] - y[0])
    if not (math.isfinite(width) and math.isfinite(height)):
        yield "projection", f"{grid.projection!r} cannot hold this box: a corner has no image in it"
        return
    yield from cell_problems(grid, width, height)
