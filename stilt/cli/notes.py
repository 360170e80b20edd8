"""What a command that uses results says of those that are not there, or not as they would be made today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection

    from stilt.api.project import Project


def note_stale(project: Project, used: Collection[str], lack: str = "") -> None:
    """Say on stderr how many of the results used are stale, and of how many simulations there are none.

    Parameters
    ----------
    project
        Whose simulations they are.
    used
        The ids of the simulations whose results were used.
    lack
        What all others have none of; nothing is said of them where it is empty, as of those that were not asked for.
    """
    states = project.simulations["state"]
    has = states.index.isin(list(used))
    stale, without = int((states[has] == "stale").sum()), int((~has).sum())
    says = [(stale, "are stale")] if stale else []
    says += (
        [(without, f"have no result of today's receptor and no {lack}")] if without and lack else []
    )
    for count, words in says:
        click.echo(f"note: {count:,} of {len(states):,} {words}; stilt run makes them", err=True)
