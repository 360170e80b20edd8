"""Whether receptors lie in the footprint grids, and what stands out in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, note, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config, FootprintGrid
    from stilt.receptors.sequence import Receptors


def check_receptors(receptors: Receptors, config: Config) -> Iterator[Finding]:
    """Look receptors over by themselves."""
    first, last = receptors.minutes.min(), receptors.minutes.max()
    count = receptors.n_receptors
    mets = f" x {len(receptors.mets)} mets" if len(receptors.mets) > 1 else ""
    yield fine("receptors", f"{count:,}{mets}, {_date(first)} to {_date(last)}")
    for text in receptors.notes:
        yield note("receptors", text)
    too_high = int((receptors.heights_m > config.z_top).sum())
    if too_high:
        yield warning(
            "receptors",
            f"{too_high:,} release points are above the model's top ({config.z_top:g} m)",
            "raise z_top",
        )


def check_grid(name: str, grid: FootprintGrid, receptors: Receptors) -> Iterator[Finding]:
    """Count the receptors that lie outside of a footprint grid: what is near them would be lost."""
    area = f"footprint {name}"
    inside = contains(grid, receptors.longitudes, receptors.latitudes)
    outside = int((~inside).sum())
    if outside:
        index = int((~inside).argmax())
        place = f"{receptors.longitudes[index]:g} {receptors.latitudes[index]:g}"
        share = "all" if outside == len(inside) else f"{outside:,} of {len(inside):,}"
        yield warning(
            area,
            f"{share} release points are outside of the grid, the first at {place}: "
            "the surface next to them is not in their footprints",
            f"check footprints.{name} (xmin, xmax are longitudes)",
        )
    else:
        yield fine(area, f"{_cells(grid)}; all receptors are inside")


def contains(
    grid: FootprintGrid, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which places lie in a grid's box, across the antimeridian too."""
    import numpy as np

    if not grid.is_longlat:
        return _contains_projected(grid, longitudes, latitudes)
    width = (grid.xmax - grid.xmin) % 360 or 360.0
    across = (longitudes - grid.xmin) % 360 <= width
    return np.asarray(across & (latitudes >= grid.ymin) & (latitudes <= grid.ymax))


def _contains_projected(
    grid: FootprintGrid, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell the same on a plane, where only two corners make the box, as in R-STILT."""
    import numpy as np
    from pyproj import CRS, Transformer

    crs = CRS.from_user_input(grid.projection)
    project = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform
    corners_x, corners_y = project([grid.xmin, grid.xmax], [grid.ymin, grid.ymax])
    x, y = project(longitudes, latitudes)
    return np.asarray(
        (x >= min(corners_x))
        & (x <= max(corners_x))
        & (y >= min(corners_y))
        & (y <= max(corners_y))
    )


def _cells(grid: FootprintGrid) -> str:
    unit = "degrees" if grid.is_longlat else "m"
    return f"cells of {grid.xres:g} x {grid.yres:g} {unit}"


def _date(minute: np.int64) -> str:
    import numpy as np

    return str(np.datetime64(int(minute), "m")).replace("T", " ")
