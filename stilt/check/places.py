"""Whether receptors lie in the footprint grids, and what stands out in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, from_error, note, warning
from stilt.config.variants import every_setting
from stilt.foundations.errors import StiltError
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.grid import Geometry
    from stilt.receptors.sequence import Receptors


_OF_A_CELL = 1e-3


def check_receptors(receptors: Receptors, config: Config) -> Iterator[Finding]:
    """Look receptors over by themselves."""
    first, last = receptors.minutes.min(), receptors.minutes.max()
    count = receptors.n_receptors
    yield fine("receptors", f"{count:,}{receptors.times}, {_date(first)} to {_date(last)}")
    for text in receptors.notes:
        yield note("receptors", text)
    top = min(own.z_top for _, own in every_setting(config))
    too_high = int((receptors.heights_m > top).sum())
    if too_high:
        yield warning(
            "receptors",
            f"{counted(too_high, 'release point')} above the model's top ({top:g} m)",
            "raise z_top",
            code="RELEASE_TOO_HIGH",
        )


def check_grid(name: str, grid: FootprintGrid, receptors: Receptors) -> Iterator[Finding]:
    """Count the receptors that lie outside of a footprint grid: what is near them would be lost."""
    from stilt.footprint.grid import geometry_of

    area = f"footprint {name}"
    try:
        geometry = geometry_of(grid)
    except StiltError as error:
        yield from from_error(area, error)
        return
    inside = contains(geometry, receptors.longitudes, receptors.latitudes)
    outside = int((~inside).sum())
    if outside:
        index = int((~inside).argmax())
        place = f"{receptors.longitudes[index]:g} {receptors.latitudes[index]:g}"
        share = "all" if outside == len(inside) else f"{outside:,} of {len(inside):,}"
        yield warning(
            area,
            f"{share} release points are outside of the grid, the first at {place}: "
            "the surface next to them is not in their footprints",
            f"check footprints.{name}: {_what_may_be_wrong(grid, geometry, receptors, ~inside)}",
            code="RECEPTORS_OUTSIDE",
        )
    else:
        yield fine(area, f"{_cells(geometry)}; all receptors are inside")
    if grid.is_longlat and not _is_filled(grid, geometry):
        yield note(
            area,
            f"the box is no multiple of the cells: the grid ends at {_ends(geometry)}, not at {grid.xmax:g} E, "
            f"{grid.ymax:g} N",
        )


def _what_may_be_wrong(
    grid: FootprintGrid, geometry: Geometry, receptors: Receptors, outside: NDArray[np.bool_]
) -> str:
    import numpy as np

    if not geometry.is_longlat:
        return (
            "the projected south-western and north-eastern corners span the grid, not the box in degrees: "
            f"{_cells(geometry)}, {geometry.nx * geometry.xres:,.0f} x {geometry.ny * geometry.yres:,.0f} m"
        )
    if not _is_filled(grid, geometry):
        box = replace(geometry, nx=1, ny=1, xres=_width(grid), yres=grid.ymax - grid.ymin)
        places = receptors.longitudes[outside], receptors.latitudes[outside]
        if np.any(contains(box, *places)):
            return f"only whole cells count, and the last ends at {_ends(geometry)}"
    if grid.xmin > grid.xmax:
        return "xmin is east of xmax, so it goes round by the antimeridian"
    return "xmin, xmax are longitudes"


def _width(grid: FootprintGrid) -> float:
    return (grid.xmax - grid.xmin) % 360.0 or 360.0


def _is_filled(grid: FootprintGrid, geometry: Geometry) -> bool:
    """Tell whether whole cells fill the box, to a thousandth of a cell."""
    left = _width(grid) / grid.xres - geometry.nx, (grid.ymax - grid.ymin) / grid.yres - geometry.ny
    return max(left) < _OF_A_CELL


def _ends(geometry: Geometry) -> str:
    east = geometry.xmin + geometry.nx * geometry.xres
    return f"{east:.10g} E, {geometry.ymin + geometry.ny * geometry.yres:.10g} N"


def contains(
    geometry: Geometry, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which places lie in a grid, across the antimeridian too."""
    import numpy as np

    x, y = geometry.project(longitudes, latitudes)
    from_left, width = x - geometry.xmin, geometry.nx * geometry.xres
    if geometry.period:
        from_left = from_left % geometry.period
    from_bottom, height = y - geometry.ymin, geometry.ny * geometry.yres
    across = (from_left >= 0) & (from_left <= width)
    return np.asarray(across & (from_bottom >= 0) & (from_bottom <= height))


def _cells(geometry: Geometry) -> str:
    unit = "degrees" if geometry.is_longlat else "m"
    size = f"{geometry.xres:g} x {geometry.yres:g} {unit}"
    return f"{geometry.nx:,} x {geometry.ny:,} cells of {size}"


def _date(minute: np.int64) -> str:
    import numpy as np

    return str(np.datetime64(int(minute), "m")).replace("T", " ")
