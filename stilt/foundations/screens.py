"""Where a bar is drawn: a line of a terminal, or a notebook's output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text


class Drawn(Protocol):
    """What is drawn: how far some work is."""

    total: int
    done: int

    def line(self, width: int) -> Text:
        """Return the bar as a line of so many columns."""

    def facts(self) -> list[str]:
        """Return what to say, the most important first."""


class Screen(Protocol):
    """A place where a bar is drawn again and again, with lines above it."""

    def draw(self, bar: Drawn) -> None:
        """Draw the bar in place of what was drawn before."""

    def say(self, message: str) -> None:
        """Write a line above the bar."""

    def close(self) -> None:
        """Leave the bar as it is."""


def screen_for(stream: TextIO | None) -> Screen | None:
    """Return where to draw for who reads a stream (stdout unless given); None where nothing can be redrawn."""
    if stream is None and in_notebook():
        return NotebookScreen()
    stream = stream or sys.stdout
    return TerminalScreen(stream) if is_terminal(stream) else None


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream can redraw a line."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class TerminalScreen:
    """A line of a terminal; rich itself honours NO_COLOR."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live: Live = Live(console=Console(file=stream, highlight=False), auto_refresh=False)
        self._live.start()

    def draw(self, bar: Drawn) -> None:
        """Draw the bar as wide as the terminal is now."""
        self._live.update(bar.line(self._live.console.width), refresh=True)

    def say(self, message: str) -> None:
        """Write a line above the bar."""
        self._live.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Give the terminal its cursor back."""
        self._live.stop()


class NotebookScreen:
    """One output of a notebook's cell, which shows the bar as HTML."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, bar: Drawn) -> None:
        """Draw the bar in place of what was drawn before."""
        from IPython import display as ipython

        from stilt.foundations.text import as_html

        show: Any = ipython
        drawn = show.HTML(
            f"<progress value='{bar.done}' max='{max(bar.total, 1)}'></progress> "
            f"{as_html(' · '.join(bar.facts()))}"
        )
        if self._handle is None:
            self._handle = show.display(drawn, display_id=True)
        else:
            self._handle.update(drawn)

    def say(self, message: str) -> None:
        """Write a line below the bar."""
        sys.stdout.write(f"{message}\n")

    def close(self) -> None:
        """Leave the bar as it is."""
