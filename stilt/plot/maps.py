"""A footprint's map inside a figure of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.screens import in_notebook
from stilt.plot.field_map import Look, draw_field
from stilt.plot.fields import field_of
from stilt.plot.figure import MAP_INCHES, new_figure

if TYPE_CHECKING:
    from typing import Unpack

    import xarray as xr
    from matplotlib.axes import Axes

    from stilt.plot.field_map import LookOptions
    from stilt.plot.fields import How


def plot_footprint(
    foot: xr.DataArray,
    *,
    how: How = "mean",
    hour: int | None = None,
    axes: Axes | None = None,
    **look: Unpack[LookOptions],
) -> Axes:
    """Draw a footprint, or the mean or sum of many, on a map with coastlines; return its axes.

    Parameters
    ----------
    foot
        Along lat and lon (or y and x), and any of receptor, and hour or time; ppm per (umol m-2 s-1).
    how
        ``mean`` or ``sum`` of several receptors.
    hour
        One hour alone, from the receptor's time: -6 begins six hours before it. All unless given.
    axes
        Where to draw; a new figure's unless given.
    look
        ``extent`` (west, east, south, north in degrees), ``vmin`` and ``vmax`` (ends of the scale), ``title``,
        ``percent`` (shares of the influence that contours enclose, such as ``(50, 90)``).

    Raises
    ------
    EnvironmentFailure
        If matplotlib is not installed.
    InputError
        If there is nothing to draw, no such hour, or a wrong look.
    """
    chosen = Look(**look)
    field = field_of(foot, how=how, hour=hour)
    drawn = axes or new_axes()
    draw_field(drawn, field, chosen)
    return drawn


def new_axes() -> Axes:
    """Return the axes of a new figure, which a notebook shows at the end of the cell."""
    canvas = new_figure(MAP_INCHES)
    if in_notebook():
        import matplotlib.pyplot as plt

        canvas = plt.figure(figsize=MAP_INCHES, dpi=100, layout="constrained")
    return canvas.subplots()
