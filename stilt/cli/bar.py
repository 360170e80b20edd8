"""A bar on a terminal for work that tells how far it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[int, int], None]

Made = TypeVar("Made")


def with_bar(label: str, work: Callable[[Tell | None], Made]) -> Made:
    """Return what work makes; it is given what to tell how much is done, of how much, where somebody looks."""
    if not sys.stderr.isatty():
        return work(None)
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        return work(show)
