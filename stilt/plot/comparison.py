"""Modelled beside observed mole fractions: on a map, and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.errors import InputError
from stilt.plot.field_map import ACCENT, QUIET, draw_coast, label_degrees
from stilt.plot.figure import new_figure
from stilt.plot.map_frame import DEGREES

if TYPE_CHECKING:
    import os

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_LEAST = 0.1
"""Degrees that a map shows at least."""

_NARROWEST = 0.6
"""Of a map's longer side."""

_DOT = 22


def plot_modelled(
    result: xr.Dataset, path: str | os.PathLike[str] | None = None, *, figure: Figure | None = None
) -> Figure:
    """Draw what ``stilt.modelled`` returned: maps of modelled and observed, and a scatter of both; return the figure.

    Parameters
    ----------
    result
        With ``observed``; bars are ``uncertainty`` and ``background_spread``, where they are known.
    path
        Where to save it; not unless given.
    figure
        An empty one to draw into; a new one unless given.

    Raises
    ------
    EnvironmentFailure
        If matplotlib is not installed.
    InputError
        If there is nothing observed.
    """
    if "observed" not in result:
        raise nothing_observed()
    canvas = figure or new_figure()
    left, middle, right = canvas.subplots(1, 3, width_ratios=(1, 1, 1.15))
    both = np.concatenate([result[name].to_numpy() for name in ("modelled", "observed")])
    span = float(np.nanmin(both)), float(np.nanmax(both))
    _map(left, result, "modelled", span)
    drawn = _map(middle, result, "observed", span)
    canvas.colorbar(drawn, ax=[left, middle], label="ppm", orientation="horizontal", shrink=0.6)
    _scatter(right, result, span)
    if path is not None:
        canvas.savefig(path)
    return canvas


def nothing_observed() -> InputError:
    """Return the error of receptors without observations."""
    return InputError(
        "there is nothing observed to draw beside what is modelled",
        "have a column observed_ppm in receptors.csv, as `stilt receptors` writes it",
        code="OBSERVED_LACKING",
    )


def _map(axes: Axes, result: xr.Dataset, name: str, span: tuple[float, float]) -> PathCollection:
    lon, lat = (result[f"receptor_{each}"].to_numpy() for each in ("lon", "lat"))
    drawn = axes.scatter(
        lon, lat, _DOT, result[name].to_numpy(), vmin=span[0], vmax=span[1], cmap="viridis"
    )
    west, east, south, north = lon.min(), lon.max(), lat.min(), lat.max()
    half = np.maximum(
        [east - west, north - south], _NARROWEST * max(east - west, north - south, _LEAST)
    )
    (x, y), (across, along) = (0.5 * (west + east), 0.5 * (south + north)), 0.55 * half
    axes.set(title=name, xlim=(x - across, x + across), ylim=(y - along, y + along))
    label_degrees(axes, 3)
    draw_coast(axes, DEGREES)
    axes.set_aspect(1 / np.cos(np.radians(y)))
    return drawn


def _scatter(axes: Axes, result: xr.Dataset, span: tuple[float, float]) -> None:
    found, seen = (result[name].to_numpy() for name in ("modelled", "observed"))
    across, along = (
        result[name].to_numpy() if name in result else None
        for name in ("background_spread", "uncertainty")
    )
    axes.errorbar(found, seen, along, across, fmt="o", markersize=3.5, linewidth=0.7, color=ACCENT)
    axes.plot(span, span, color=QUIET, linewidth=0.8)
    off = seen - found
    says = f"observed - modelled: {np.nanmean(off):+.2f} ± {np.nanstd(off):.2f} ppm"
    axes.set(
        xlabel="modelled, ppm",
        ylabel="observed, ppm",
        title=f"{says}, n = {np.isfinite(off).sum()}",
    )
    axes.title.set_fontsize(9)
