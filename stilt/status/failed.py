"""The simulations that failed: which, why, where, and the file with the model's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from stilt.foundations.page import Page
from stilt.foundations.quantities import counted
from stilt.status.standing import Standing
from stilt.status.summarize import node_of
from stilt.status.words import find_dated

if TYPE_CHECKING:
    from stilt.foundations.paths import Layout
    from stilt.log.states import SimState
    from stilt.status.opened import Opened


class Failure(Struct, frozen=True, kw_only=True):
    """One simulation that failed. ``log`` is empty where the model's words were not kept."""

    sim: str
    reason: str
    message: str
    node: str
    batch: str
    task: int | None
    wall_s: float
    log: str


def failures(project: Opened) -> list[Failure]:
    """Return the simulations whose state is failed, by reason and id."""
    layout = project.layout
    failed = [
        Failure(
            sim=sim.sim,
            reason=sim.reason,
            message=sim.message,
            node=node_of(sim.life),
            batch=sim.batch,
            task=sim.life.task,
            wall_s=sim.wall_s,
            log=_log_of(layout, sim),
        )
        for sim in Standing(project).failed()
    ]
    return sorted(failed, key=lambda failure: (failure.reason, failure.sim))


def _log_of(layout: Layout, sim: SimState) -> str:
    if sim.was_refused:
        return ""
    return str(find_dated(layout.output / "logs", sim.sim, f"{sim.sim}.log") or "")


def render(failed: list[Failure], width: int, *, colour: bool = False) -> str:
    """Return a list in which each simulation has a line to grep, and below it its message and its log."""
    page = Page(width, colour=colour)
    for failure in failed:
        page.line((failure.sim, "bold"), "  ", (failure.reason, "red"), f"  {failure.node}")
        page.prose(failure.message, indent=4)
        if failure.log:
            page.line((f"    {failure.log}", "dim"))
    page.line(
        f"{counted(len(failed), 'simulation')} failed" if failed else "No simulation has failed."
    )
    return page.text()
