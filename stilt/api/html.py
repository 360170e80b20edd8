"""What a project and a simulation show of themselves in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import StiltError
from stilt.foundations.html import box, facts, note
from stilt.foundations.quantities import counted
from stilt.status.told import STATES, summary_html

if TYPE_CHECKING:
    from stilt.api.project import Project
    from stilt.api.project_simulation import ProjectSimulation

MOST_ON_MAP = 20_000
"""Of more simulations no map is made: a notebook waits for it."""

_STYLE = (
    ".stilt-map{max-width:30em}.stilt-map text{font-size:16px;fill:currentColor}.stilt-map .end{text-anchor:end}"
    ".stilt-map .tick{dominant-baseline:central}"
    ".stilt-map .mid{text-anchor:middle}.stilt-map path{fill:none}.stilt-map .grid{stroke:#888;stroke-opacity:.2}"
    ".stilt-map .coast,.stilt-map .border,.stilt-map .state{stroke:currentColor;stroke-opacity:.6;stroke-width:.7}"
    ".stilt-map .dot{stroke-width:4;stroke-linecap:round}.stilt-map .few .dot{stroke-width:9}"
    ".stilt-map .complete{stroke:#2a9d5c}.stilt-map .empty{stroke:#7b61c4}.stilt-map .failed{stroke:#c1121f}"
    ".stilt-map .running{stroke:#1d6fb8}.stilt-map .pending{stroke:#9aa3af}"
    ".stilt-map .interrupted,.stilt-map .stale{stroke:#d98e04}"
    ".stilt-map .keys span{margin-right:1em;white-space:nowrap}.stilt-map .keys svg{vertical-align:-1px}"
)


def project_html(project: Project) -> str:
    """Return counts, failures, a small map of the receptors, and how to go on."""
    try:
        summary = project.status(ask_slurm=False)
        asked = note(f"receptors.csv: {counted(len(project), 'simulation')}")
        parts = [asked, summary_html(summary), _map(project)]
    except StiltError as error:
        parts = [note(error.message), note(error.hint)]
    return box(str(project.path), *parts)


def _map(project: Project) -> str:
    from stilt.plot.svg import maps

    if not 0 < len(project) <= MOST_ON_MAP:
        return ""
    frame = project.simulations
    groups = {
        str(state): list(zip(rows["longitude"], rows["latitude"], strict=True))
        for state, rows in frame.groupby("state")
    }
    order = {state: groups[state] for state in STATES if state in groups}
    drawn, beyond = maps.receptors(order, "Receptors by state")
    keys = "".join(
        f"<span><svg class='few' width='12' height='12'><path class='dot {state}' d='M6 6h0'/></svg> "
        f"{state} {len(places):,}</span> "
        for state, places in order.items()
    )
    far = note(f"{counted(beyond, 'receptor')} too far away for this map") if beyond else ""
    return f"<style>{_STYLE}</style><div class='stilt-map'>{drawn}<div class='keys'>{keys}</div></div>{far}"


def simulation_html(simulation: ProjectSimulation) -> str:
    """Return the receptor, how it stands, its labels, and what happened on the way."""
    receptor = simulation.receptor
    heights = ", ".join(f"{height:g}" for height in receptor.heights_m)
    where = "above ground" if receptor.reference == "agl" else "above sea level"
    rows: list[tuple[object, object]] = [
        ("receptor", f"{receptor.when:%Y-%m-%d %H:%M} UTC"),
        ("place", f"{receptor.longitudes[0]:g}, {receptor.latitudes[0]:g}"),
        ("height", f"{heights} m {where}"),
    ]
    try:
        known = simulation.last_event()
        rows.append(("state", simulation.state))
        if known is not None and known.reason:
            rows.append(("reason", f"{known.reason}: {known.message}"))
        if known is not None and known.facts:
            rows += [(name, f"{value:g}") for name, value in known.facts.items()]
    except StiltError as error:
        rows.append(("state", error.message))
    labels: list[tuple[object, object]] = [*simulation.labels.items()]
    return box(
        simulation.id, facts(rows + labels), note(".particles(), .footprint(), .plot(), .facts()")
    )
