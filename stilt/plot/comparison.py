"""Modelled beside observed mole fractions: on a map, and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.foundations.errors import InputError
from stilt.plot.field_map import ACCENT, INK, QUIET, draw_coast, label_degrees
from stilt.plot.figure import new_figure
from stilt.plot.map_frame import DEGREES

if TYPE_CHECKING:
    import os

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_LEAST = 0.1
"""Degrees that a map shows at least."""

_NARROWEST = 0.6
"""Of a map's longer side."""

_DOT = 22

_MANY = 100
"""Bars of more receptors than this, and large dots of three times as many, hide each other."""

_POINTS: dict[str, Any] = {"fmt": "o", "markersize": 3.5, "elinewidth": 0.7}


def plot_modelled(
    result: xr.Dataset, path: str | os.PathLike[str] | None = None, *, figure: Figure | None = None
) -> Figure:
    """Draw what ``stilt.modelled`` returned: maps of modelled and observed, and a scatter of both.

    Of a single place both are drawn against time instead of on maps.

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
    if "observed" not in result or not result["observed"].notnull().any():
        raise nothing_observed()
    canvas = figure or new_figure((11.0, 5.6))
    both = np.concatenate([result[name].to_numpy() for name in ("modelled", "observed")])
    span = float(np.nanmin(both)), float(np.nanmax(both))
    places = {(float(x), float(y)) for x, y in zip(*_places(result), strict=True)}
    if len(places) > 1:
        *maps, right = _axes(canvas, result)
        _map(maps[0], result, "modelled", span)
        drawn = _map(maps[1], result, "observed", span)
        bar = canvas.colorbar(drawn, ax=maps, orientation="horizontal", shrink=0.8)
        bar.set_label("mole fraction, ppm")
        _few_ticks(bar.ax.xaxis)
    else:
        left, right = canvas.subplots(1, 2, width_ratios=(1.4, 1))
        _series(left, result)
    _scatter(right, result, span)
    if path is not None:
        canvas.savefig(path)
    return canvas


def _axes(canvas: Figure, result: xr.Dataset) -> tuple[Axes, Axes, Axes]:
    """Return the axes of both maps, one above the other where they are wide, and of the scatter."""
    lon, lat = _places(result)
    is_wide = np.ptp(lon) * np.cos(np.radians(lat.mean())) > np.ptp(lat)
    plan, ratios = ("ms\nos", (1.2, 1)) if is_wide else ("mos", (1, 1, 1.9))
    axes = canvas.subplot_mosaic(plan, width_ratios=ratios)
    return axes["m"], axes["o"], axes["s"]


def nothing_observed() -> InputError:
    """Return the error of receptors without observations."""
    return InputError(
        "there is nothing observed to draw beside what is modelled",
        "have a column observed_ppm in receptors.csv, as `stilt receptors` writes it",
        code="OBSERVED_LACKING",
    )


def _map(axes: Axes, result: xr.Dataset, name: str, span: tuple[float, float]) -> PathCollection:
    lon, lat = _places(result)
    size = _DOT if len(lon) <= 3 * _MANY else _DOT / 5
    drawn = axes.scatter(
        lon, lat, size, result[name].to_numpy(), vmin=span[0], vmax=span[1], cmap="viridis"
    )
    west, east, south, north = lon.min(), lon.max(), lat.min(), lat.max()
    half = np.maximum(
        [east - west, north - south], _NARROWEST * max(east - west, north - south, _LEAST)
    )
    (x, y), (across, along) = (0.5 * (west + east), 0.5 * (south + north)), 0.55 * half
    axes.set(title=name, xlim=(x - across, x + across), ylim=(y - along, y + along))
    label_degrees(axes, (3, 6))
    draw_coast(axes, DEGREES)
    axes.set_aspect(1 / np.cos(np.radians(y)))
    return drawn


def _places(result: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return result["receptor_lon"].to_numpy(), result["receptor_lat"].to_numpy()


def _few_ticks(axis: Axis) -> None:
    """Let numbers such as 1.9025 stand beside each other."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(ScalarFormatter(useOffset=False))


def _series(axes: Axes, result: xr.Dataset) -> None:
    """Draw both against time: of one place a map says nothing."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    times, order = (
        result["receptor_time"].to_numpy(),
        np.argsort(result["receptor_time"].to_numpy()),
    )
    found, seen = (result[name].to_numpy()[order] for name in ("modelled", "observed"))
    bars = result["uncertainty"].to_numpy()[order] if "uncertainty" in result else None
    axes.errorbar(times[order], seen, bars, **_POINTS, color=ACCENT, label="observed")
    axes.plot(times[order], found, "o-", markersize=3.5, linewidth=1, color=INK, label="modelled")
    dates = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(dates)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))  # type: ignore[no-untyped-call]
    _few_ticks(axes.yaxis)
    axes.set(xlabel="UTC", ylabel="ppm")
    axes.legend(fontsize=9, ncols=2, frameon=False, loc="lower right", bbox_to_anchor=(1, 1))


def _scatter(axes: Axes, result: xr.Dataset, span: tuple[float, float]) -> None:
    found, seen = (result[name].to_numpy() for name in ("modelled", "observed"))
    across, along = (
        result[name].to_numpy() if name in result else None
        for name in ("background_spread", "uncertainty")
    )
    bars = {"uncertainty of observed": along, "spread of background": across}
    known = {f"bars: {says}": values for says, values in bars.items() if values is not None}
    label, is_crowd = "\n".join(["soundings", *known]), len(found) > 3 * _MANY
    look = _POINTS | ({"markersize": 1.5} if is_crowd else {})
    drawn = axes.errorbar(found, seen, along, across, **look, color=ACCENT, label=label)
    for lines in drawn[2]:
        lines.set_alpha(0.35 if len(found) > _MANY else 0.6)
    axes.axline((span[0], span[0]), slope=1, color=QUIET, linewidth=0.8, ls="--", label="1:1")
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    longest = [np.nanmax(values, initial=0.0) for values in known.values() if not is_crowd]
    beside = max(0.12 * (span[1] - span[0] or 1.0), *longest, 0.0)
    reach = np.array(span) + beside * np.array([-1, 1])
    axes.set(xlim=reach, ylim=reach, xlabel="modelled, ppm", ylabel="observed, ppm")
    axes.set_box_aspect(1)
    _few_ticks(axes.xaxis)
    _few_ticks(axes.yaxis)
    off = (seen - found)[np.isfinite(seen - found)]
    mean, spread = off.mean(), off.std()
    digits = max(0, 1 - int(np.floor(np.log10(spread)))) if spread > 0 else 2
    axes.set_title(
        f"observed - modelled, n = {len(off):,}:\n{round(mean, digits) + 0:+.{digits}f} ± {spread:.{digits}f} ppm",
        fontsize=9,
    )
