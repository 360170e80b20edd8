"""What the report is made of, gathered once from a project."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stilt.config.load import MOST_BYTES
from stilt.foundations.errors import StiltError
from stilt.foundations.inside import read_input
from stilt.log.index import OutputIndex
from stilt.log.states import SUCCESSES
from stilt.plot.map_frame import MapFrame
from stilt.status.gather import summary_of
from stilt.status.happened import words
from stilt.status.opened import open_project
from stilt.status.standing import Standing
from stilt.status.summarize import node_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.api.project import Project
    from stilt.log.fold import State
    from stilt.status.summary import Summary

CURVE_POINTS = 300
BINS = 40
FOOTPRINTS_SUMMED = 400

Curve = list[tuple[float, float]]
Histogram = tuple[list[int], list[float]]


@dataclass(frozen=True, slots=True)
class FootprintSum:
    """The mean, over simulations, of footprints summed over their hours.

    Attributes
    ----------
    simulations, of
        How many were averaged, and how many there are: of many an even sample.
    values
        ppm per (umol m-2 s-1), (y, x), y ascending.
    frame
        The coordinates of its cells.
    """

    name: str
    simulations: int
    of: int
    values: NDArray[np.float64]
    frame: MapFrame


@dataclass(slots=True)
class Content:
    """Everything on the page.

    Attributes
    ----------
    progress
        Cumulated counts against time (s since 1970) by outcome.
    failures
        Count by (reason, node).
    places
        (longitude, latitude) of receptors by state.
    settings
        The text of config.yaml.
    engine
        Name and version of the engine of the latest batch.
    """

    summary: Summary
    progress: dict[str, Curve]
    failures: Counter[tuple[str, str]]
    wall_s: Histogram | None
    memory: Histogram | None
    places: dict[str, Curve]
    settings: str
    engine: str
    footprint: FootprintSum | None = None
    notes: list[str] = field(default_factory=list)


def collect(project: Project) -> Content:
    """Gather the report of a project; what can't be had is noted and left out."""
    opened = open_project(project.path)
    standing = Standing(opened)
    summary = summary_of(standing)
    state = standing.state
    told = words(summary.facts, summary.complete + summary.empty)
    notes: list[str] = [*filter(None, [told]), *summary.notes]
    done = state.columns(SUCCESSES)
    content = Content(
        summary=summary,
        progress=_progress(state),
        failures=Counter((sim.reason, node_of(sim.life)) for sim in standing.failed()),
        wall_s=_histogram(done.wall_s),
        memory=_histogram([size / 2**20 for size in done.peak_rss_bytes if size]),
        places={},
        settings=_settings(opened.layout.config_file),
        engine=_engine(project, summary),
        notes=notes,
    )
    try:
        content.places = _places(project)
        content.footprint = _footprint_sum(project)
    except (StiltError, OSError) as error:
        notes.append(str(error))
    return content


def _settings(path: Path) -> str:
    try:
        return read_input(path, MOST_BYTES).decode(errors="replace")
    except (StiltError, OSError) as error:
        return f"# {error}"


def _progress(state: State) -> dict[str, Curve]:
    groups = {"complete": SUCCESSES, "failed": {"failed"}}
    ends = {name: sorted(state.columns(outcomes).at) for name, outcomes in groups.items()}
    moments = [at for series in ends.values() for at in series]
    if not moments:
        return {}
    begins = [
        life.at for batch in state.batches.values() for life in batch.lives.values() if life.at
    ]
    start, end = min([*begins, *moments]), max(moments)
    times = [start + (end - start) * step / CURVE_POINTS for step in range(CURVE_POINTS + 1)]
    return {
        name: [(at, float(bisect_right(series, at))) for at in times]
        for name, series in ends.items()
        if series
    }


def _histogram(values: list[float]) -> Histogram | None:
    if not any(values):
        return None
    top = max(float(np.quantile(values, 0.995)) * 1.15, 1.0)
    counts, edges = np.histogram(np.clip(values, 0, top), bins=BINS, range=(0, top))
    return counts.tolist(), edges.tolist()


def _places(project: Project) -> dict[str, Curve]:
    frame = project.simulations
    return {
        str(name): list(zip(group["longitude"], group["latitude"], strict=True))
        for name, group in frame.groupby("state")
    }


def _engine(project: Project, summary: Summary) -> str:
    from stilt.batch.manifest import read_manifest

    if not summary.batches:
        return ""
    try:
        return read_manifest(project.layout.manifest(summary.batches[-1].id)).engine
    except StiltError:
        return ""


def _footprint_sum(project: Project) -> FootprintSum | None:
    if not project.config.footprints or not _any_complete(project):
        return None
    name = project.footprint_name()
    foot = project.footprints(name)
    total = foot.sizes["receptor"]
    chosen = np.unique(np.linspace(0, total - 1, min(total, FOOTPRINTS_SUMMED)).astype(int))
    values = np.zeros(foot.shape[2:])
    for place in chosen:
        values += foot[int(place)].to_numpy().sum(axis=0, dtype=np.float64)
    return FootprintSum(
        name=name,
        simulations=len(chosen),
        of=total,
        values=values / len(chosen),
        frame=MapFrame.of(foot),
    )


def _any_complete(project: Project) -> bool:
    state = OutputIndex(project.layout.log_dir).fold()
    return bool(state.columns({"complete"}).at)
