"""Modelled beside observed mole fractions: on a map, and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.foundations.errors import InputError
from stilt.foundations.names import VARIANT
from stilt.plot.field_map import ACCENT, INK, QUIET, draw_coast, label_degrees
from stilt.plot.figure import new_figure
from stilt.plot.map_frame import DEGREES

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

_LEAST = 0.1
"""Degrees that a map shows at least."""

_NARROWEST = 0.6
"""Of a map's longer side."""

_DOT = 22

_POINTS: dict[str, Any] = {"fmt": "o", "markersize": 3.5, "elinewidth": 0.7}

_PALE = "#d98f95"

_BARS = 300
"""Soundings with bars and large dots; more would hide each other."""

_BESIDE = 0.04
"""Of the scatter's span, left free beyond its outermost points and bars."""


def plot_modelled(
    result: xr.Dataset, path: str | os.PathLike[str] | None = None, *, figure: Figure | None = None
) -> Figure:
    """Draw what ``stilt.modelled`` returned: maps of modelled and observed, and a scatter of both.

    Of a single place both are drawn against time instead of on maps.

    Parameters
    ----------
    result
        With ``observed``; bars are ``uncertainty`` and ``background_spread``, where they are known, of up to 300
        soundings.
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
    canvas = figure or new_figure((11.0, 6.2))
    if len({*zip(*_places(result), strict=True)}) > 1:
        modelled, observed, right = _axes(canvas, result)
        both = np.concatenate([result[name].to_numpy() for name in ("modelled", "observed")])
        span = float(np.nanmin(both)), float(np.nanmax(both))
        _map(modelled, result, "modelled", span)
        drawn = _map(observed, result, "observed", span)
        bar = canvas.colorbar(
            drawn, ax=[modelled, observed], location="bottom", shrink=0.7, aspect=28
        )
        bar.set_label("mole fraction, ppm")
        _few_ticks(bar.ax.xaxis)
    else:
        left, right = canvas.subplots(1, 2, width_ratios=(1.4, 1))
        _series(left, result)
    _scatter(right, result)
    if path is not None:
        canvas.savefig(path)
    return canvas


def _axes(canvas: Figure, result: xr.Dataset) -> tuple[Axes, Axes, Axes]:
    """Return the axes of both maps, one above the other where they are wide, and of the scatter."""
    lon, lat = _places(result)
    is_wide = np.ptp(lon) * np.cos(np.radians(lat.mean())) > np.ptp(lat)
    plan, ratios = (["ms", "os"], (1.2, 1)) if is_wide else (["mos"], (1, 1, 1.9))
    axes = canvas.subplot_mosaic("\n".join(plan), width_ratios=ratios)
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
    size = _DOT if len(lon) <= _BARS else _DOT / 5
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


def _scatter(axes: Axes, result: xr.Dataset) -> None:
    found, seen = (result[name].to_numpy() for name in ("modelled", "observed"))
    is_few = len(found) <= _BARS
    bars = {
        says: result[name].to_numpy()
        for name, says in (
            ("uncertainty", "uncertainty of observed"),
            ("background_spread", "spread of background"),
        )
        if name in result and is_few
    }
    up, across = (bars.get(says) for says in ("uncertainty of observed", "spread of background"))
    points = axes.errorbar(
        *(found, seen, up, across),
        fmt="o",
        markersize=3.5 if is_few else 1.5,
        color=ACCENT,
        ecolor=_PALE,
        elinewidth=0.6,
        zorder=2,
    )
    points.set_label("\n".join(["soundings", *(f"bars: {says}" for says in bars)]))
    low, high = _reach([(found, across), (seen, up)])
    axes.plot([low, high], [low, high], "--", color=QUIET, linewidth=0.8, label="1:1", zorder=1)
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    off = (seen - found)[np.isfinite(seen - found)]
    mean, spread = off.mean(), off.std()
    digits = max(0, 1 - int(np.floor(np.log10(spread)))) if spread > 0 else 2
    says = f"{round(mean, digits) + 0:+.{digits}f} ± {spread:.{digits}f} ppm"
    axes.set(xlabel="modelled, ppm", ylabel="observed, ppm", xlim=(low, high), ylim=(low, high))
    axes.set_box_aspect(1)
    _few_ticks(axes.xaxis)
    _few_ticks(axes.yaxis)
    members = int(result["realizations"].max()) if "realizations" in result else 1
    of_members = f", {members} realizations of each" if members > 1 else ""
    variants = np.unique(result[VARIANT]).size if VARIANT in result.coords else 1
    of_members += f", {variants} variants" if variants > 1 else ""
    axes.set_title(f"observed - modelled, n = {len(off):,}{of_members}:\n{says}", fontsize=9)


def _reach(drawn: Iterable[tuple[Values, Values | None]]) -> tuple[float, float]:
    """Return what both axes of a scatter show: all points and their bars, and a margin."""
    ends = np.concatenate(
        [values + sign * (0.0 if bar is None else bar) for values, bar in drawn for sign in (-1, 1)]
    )
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    beside = _BESIDE * (high - low) or 1.0
    return low - beside, high + beside
