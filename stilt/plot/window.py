"""A simulation's picture in a window."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stilt.errors import EnvironmentFailure

if TYPE_CHECKING:
    from stilt.project import Result


def show(result: Result, name: str | None = None) -> None:
    """Draw a simulation in a window and wait until it is closed.

    Raises
    ------
    EnvironmentFailure
        If there is no display, or no toolkit to make a window with.
    """
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        raise EnvironmentFailure(
            "there is no display to open a window on", "write a file: -o picture.png"
        )
    from stilt.plot.figure import draw

    figure = draw(result, name=name)
    try:
        from matplotlib import pyplot
        from matplotlib.backend_bases import FigureManagerBase

        manager = pyplot.figure().canvas.manager
        if not isinstance(manager, FigureManagerBase) or pyplot.get_backend().lower() == "agg":
            raise ImportError("no window toolkit")
        canvas = manager.canvas
        canvas.figure = figure
        figure.set_canvas(canvas)
        pyplot.show(block=True)
    except ImportError as error:
        raise EnvironmentFailure(
            f"no window can be made here: {error}",
            "write a file: -o picture.png, or install a toolkit: pip install PyQt6",
        ) from None
