"""What a command says on stderr beside its answer: Python's warnings of ours, and of whom it has no result."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from stilt.foundations.remarks import StiltWarning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from stilt.api.project import Project


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Have warnings of ours printed as notes, whatever is asked of Python's; those of others stay as they are."""
    with warnings.catch_warnings():
        of_others = warnings.showwarning

        def show(  # noqa: PLR0917 - as Python has it
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, StiltWarning):
                note(str(message))
            else:
                of_others(message, category, filename, lineno, file, line)

        warnings.simplefilter("default", StiltWarning)
        warnings.showwarning = show
        yield


def note(text: str) -> None:
    """Print a note on stderr."""
    click.echo(f"note: {text}", err=True)


def note_without(project: Project, used: int, lack: str) -> None:
    """Say of how many simulations there is no result of today's receptor, and so none of what was made of results."""
    total = len(project.receptors)
    if used < total:
        lacking = f"{total - used:,} of {total:,} have no result of today's receptor"
        note(f"{lacking} and no {lack}; stilt run makes them")
