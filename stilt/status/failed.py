"""The simulations that failed: which, why, where, and the file with the model's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from stilt.foundations.errors import StiltError
from stilt.foundations.page import Page
from stilt.foundations.quantities import counted
from stilt.status.edited import receptors_of
from stilt.status.standing import Standing
from stilt.status.summarize import node_of
from stilt.status.words import find_dated

if TYPE_CHECKING:
    from collections.abc import Collection

    from stilt.foundations.paths import Layout
    from stilt.log.states import SimState
    from stilt.status.opened import Opened


class Failure(Struct, frozen=True, kw_only=True):
    """One simulation that failed.

    ``log`` is empty where the model's words were not kept. ``taken_out`` is whether receptors.csv, with today's mets
    and realizations, does not ask for it any more: ``status`` counts it, and no ``run`` takes it up.
    """

    sim: str
    reason: str
    message: str
    node: str
    batch: str
    task: int | None
    wall_s: float
    log: str
    taken_out: bool = False


def failures(project: Opened, *, ask_slurm: bool = True) -> list[Failure]:
    """Return the simulations whose state is failed, by reason and id."""
    layout = project.layout
    states = Standing(project, ask_slurm=ask_slurm).failed()
    taken_out = _taken_out(project, {sim.sim for sim in states})
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
            taken_out=sim.sim in taken_out,
        )
        for sim in states
    ]
    return sorted(failed, key=lambda failure: (failure.reason, failure.sim))


def _taken_out(project: Opened, sims: set[str]) -> Collection[str]:
    """Return which of some simulations are not asked for any more; none where receptors or settings do not hold."""
    if not sims or project.config is None:
        return ()
    try:
        return sims.difference(receptors_of(project.layout, project.config).ids())
    except (OSError, StiltError):
        return ()


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
        if failure.taken_out:
            page.prose(
                "not asked for any more: its receptor, met or realization was taken out", indent=4
            )
        if failure.log:
            page.line((f"    {failure.log}", "dim"))
    out = sum(failure.taken_out for failure in failed)
    gone = f", {out:,} of them not asked for any more" if out else ""
    told = f"{counted(len(failed), 'simulation')} failed{gone}"
    page.line(told if failed else "No simulation has failed.")
    return page.text()
