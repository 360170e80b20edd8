"""Put a summary together: the part that reads config, log, manifests and the scheduler's answer.

Takes no lock and writes nothing, so that it works for a colleague who may only read.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stilt.batch.manifest import newest_of
from stilt.batch.numbers import unheard_of
from stilt.config.variants import kinds
from stilt.status.edited import has_receptors_of
from stilt.status.standing import Standing
from stilt.status.summarize import summarize

if TYPE_CHECKING:
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.status.opened import Opened
    from stilt.status.summary import Summary


def gather(
    project: Opened,
    *,
    ask_slurm: bool = True,
    until: float | None = None,
    use_checkpoint: bool = True,
) -> Summary:
    """Return the state of a project, now or at a moment in the past; see ``Standing``."""
    return summary_of(
        Standing(project, ask_slurm=ask_slurm, until=until, use_checkpoint=use_checkpoint)
    )


def summary_of(standing: Standing) -> Summary:
    """Return the summary of how a project stands."""
    layout, state = standing.project.layout, standing.state
    changes = []
    if not standing.is_past:
        if lost := _lost_batches(layout, state):
            standing.notes.append(lost)
        changes = _changes(standing)
    refusals: list[str] = []
    remarks: list[str] = []
    recount = partial(_to_do, standing, refusals, remarks)
    summary = summarize(standing, current=not changes, recount=recount)
    refused = bool(refusals) or (standing.project.config is None and not standing.is_past)
    is_nothing = summary.to_do == 0 and not refused
    then = (
        "nothing is to do for that"
        if is_nothing
        else "`stilt run --dry-run` says what is to do now"
    )
    told = [each for each in refusals if not any(each in note for note in summary.notes)]
    notes = (*(f"{change}: {then}" for change in changes), *remarks, *told, *summary.notes)
    current = summary.current and not refused
    return replace(summary, current=current, refused=refused, notes=tuple(dict.fromkeys(notes)))


def _to_do(standing: Standing, refusals: list[str], remarks: list[str]) -> int | None:
    """Return what there is to do by the receptors of today; None where the settings are not known, or of the past."""
    from stilt.status.recount import recount

    plan = None if standing.is_past else recount(standing, refusals)
    if plan is None:
        return None
    remarks += plan.remarks()
    return plan.work


def _lost_batches(layout: Layout, state: State) -> str:
    """Say of which batches that were given out the log has nothing; nothing if there is none."""
    has_results = not state.begun() and any(layout.output.glob("particles/*"))
    names = [name for name in unheard_of(layout, state) if has_results or _was_begun(layout, name)]
    return (
        f"the log has nothing of batches that were begun ({', '.join(names[:3])}): "
        f"segments are lost from {layout.log_dir}, and what they tell of counts as never run"
        if names
        else ""
    )


def _was_begun(layout: Layout, batch: str) -> bool:
    """Return whether a batch went further than its chunks: it was submitted, or its log's folder is there."""
    return layout.submit_script(batch).exists() or (layout.log_dir / batch).exists()


def _changes(standing: Standing) -> list[str]:
    """Say what the newest batch was not planned from, of what there is today: a million receptors are not read."""
    project, today = standing.project, standing.outdated.today
    newest = newest_of(standing.manifests.values())
    if newest is None or today is None:
        return []
    words = []
    if not has_receptors_of(project.layout, newest):
        words.append("receptors.csv is not what the last batch was made of")
    known = kinds(today.config) if newest.transports else {}
    for section in ("mets", "variants"):
        unknown = [
            name
            for name, kind in known.items()
            if name not in newest.transports and bool(kind.variant) == (section == "variants")
        ]
        if unknown:
            words.append(f"no batch was made for {', '.join(unknown)} under {section}")
    gone = [name for name in newest.transports if name not in known]
    if gone:
        words.append(f"{', '.join(gone)} of the last batch stand under mets and variants no more")
    before, now = today.handed(newest), today.config.realizations
    if before is not None and before.realizations != now:
        words.append(f"realizations was {before.realizations} in the last batch, is {now}")
    return words
