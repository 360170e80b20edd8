"""A simulation's picture in a window."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure
from stilt.plot.figure import SIZE_INCHES, draw

if TYPE_CHECKING:
    from typing import Unpack

    from stilt.plot.figure import Drawable, DrawOptions


def show(result: Drawable, **how: Unpack[DrawOptions]) -> None:
    """Draw a simulation, as ``stilt.plot.figure.draw`` does, in a window and wait until it is closed.

    Raises
    ------
    EnvironmentFailure
        If there is no display, or no toolkit to make a window with.
    """
    instead = "write a file: -o picture.png"
    displays = (os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not any(displays):
        raise EnvironmentFailure(
            "there is no display to open a window on", instead, code="NO_WINDOW"
        )
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise EnvironmentFailure(
            "pictures need matplotlib, which is not installed",
            "pip install 'stilt-hpc[plot]'",
            code="PACKAGE_MISSING",
        ) from None
    if plt.get_backend().lower() == "agg":
        raise EnvironmentFailure(
            "matplotlib finds no toolkit to make a window with",
            f"{instead}, or pip install PyQt6",
            code="NO_WINDOW",
        )
    draw(result, **how, figure=plt.figure(figsize=SIZE_INCHES, layout="constrained"))
    plt.show(block=True)
