"""Several fields side by side, and one less another."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.errors import InputError
from stilt.plot.field_map import (
    FOOT_LABEL,
    Field,
    Look,
    draw_bar,
    draw_difference,
    draw_field,
    extremes,
    say_empty,
)
from stilt.plot.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

MOST_PANELS = 24
PANEL_INCHES = 3.4


def draw_panels(
    fields: Mapping[str, Field], look: Look | None = None, *, figure: Figure | None = None
) -> Figure:
    """Draw a map for each field, by its title, all on one scale and in one extent; return the figure.

    Raises
    ------
    InputError
        If they are too many, or all empty.
    """
    if not 0 < len(fields) <= MOST_PANELS:
        raise InputError(
            f"{len(fields):,} panels are not 1 to {MOST_PANELS}",
            "choose fewer, or draw their mean",
            code="PICTURE_OPTION",
        )
    look = (look or Look()).scaled(extremes(fields.values()))
    if not look.vmax:
        raise InputError(
            "the footprints have nothing in their grid", "draw others", code="PICTURE_EMPTY"
        )
    columns = math.ceil(math.sqrt(len(fields)))
    rows = math.ceil(len(fields) / columns)
    canvas = figure or new_figure((PANEL_INCHES * columns, 0.88 * PANEL_INCHES * rows + 0.7))
    axes = np.atleast_1d(canvas.subplots(rows, columns, squeeze=False)).ravel()
    whole = _together(list(fields.values()))
    mesh = None
    for panel, (title, field) in zip(axes, fields.items(), strict=False):
        panel.set_title(title, fontsize=8)
        if field.values.any():
            plain = replace(look, title=None)
            mesh = draw_field(panel, field, plain, bar=False, shown=whole)
        else:
            say_empty(panel, "nothing in the grid")
    for panel in axes[len(fields) :]:
        panel.set_axis_off()
    if mesh is not None:
        draw_bar(axes.tolist(), mesh, next(iter(fields.values())).label)
    if look.title:
        canvas.suptitle(look.title, fontsize=11)
    return canvas


def _together(fields: list[Field]) -> Field:
    """Return what has room for all of them."""
    values = np.max([np.abs(field.values) for field in fields], axis=0)
    places = np.unique(np.concatenate([field.places for field in fields]), axis=0)
    return replace(fields[0], values=values, places=places)


def draw_minus(
    first: Field,
    second: Field,
    names: tuple[str, str],
    look: Look | None = None,
    *,
    figure: Figure | None = None,
) -> Figure:
    """Draw two fields on one scale and the first less the second beside them; return the figure.

    Raises
    ------
    InputError
        If they are on different grids, or both empty.
    """
    title = look.title if look else None
    difference, whole = minus(first, second), _together([first, second])
    look = replace((look or Look()).scaled(extremes([first, second])), title=None)
    if not look.vmax:
        raise InputError(
            "both footprints have nothing in their grid", "draw others", code="PICTURE_EMPTY"
        )
    canvas = figure or new_figure((13, 4.6))
    *maps, right = canvas.subplots(1, 3)
    for panel, field, name in zip(maps, (first, second), names, strict=True):
        titled = replace(look, title=f"{name}: sum {field.total:.4g}")
        mesh = draw_field(panel, field, titled, bar=False, shown=whole)
    draw_bar(maps, mesh, first.label)
    apart, base = difference.total, second.total
    share = f", {100 * apart / base:+.1f}%" if base else ""
    titled = replace(look, title=f"difference: sum {apart:+.3g}{share}", vmin=None, vmax=None)
    draw_difference(right, difference, titled, shown=whole)
    if title:
        canvas.suptitle(title, fontsize=11)
    return canvas


def minus(first: Field, second: Field) -> Field:
    """Return the difference of two fields on one grid.

    Raises
    ------
    InputError
        If they are on different grids.
    """
    pairs = ((first.frame.x, second.frame.x), (first.frame.y, second.frame.y))
    planes = (first.frame.plane, second.frame.plane)
    is_same = all(a.shape == b.shape and np.allclose(a, b) for a, b in pairs)
    if not is_same or len({plane and plane.projection for plane in planes}) > 1:
        raise InputError(
            "the two footprints are on different grids",
            "give both the same grid in config.yaml",
            code="GRIDS_DIFFER",
        )
    places = np.unique(np.concatenate([first.places, second.places]), axis=0)
    return Field(first.values - second.values, first.frame, places, f"difference, {FOOT_LABEL}")
