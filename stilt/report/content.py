"""What the report is made of, gathered once from a project."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.api.collection import open_collection
from stilt.config.load import MOST_BYTES
from stilt.foundations.errors import StiltError
from stilt.foundations.inside import read_input
from stilt.log.states import SUCCESSES
from stilt.plot.map_frame import MapFrame
from stilt.status.gather import summary_of
from stilt.status.happened import words
from stilt.status.opened import open_project
from stilt.status.standing import Standing
from stilt.status.summarize import node_of
from stilt.status.table import simulations_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from stilt.api.project import Project
    from stilt.log.fold import State
    from stilt.status.summary import Summary

CURVE_POINTS = 300
BINS = 40
FOOTPRINTS_SUMMED = 20_000
ENDS = ("complete", "empty", "failed")

Curve = list[tuple[float, float]]


class Histogram(NamedTuple):
    """How many values lie between edges; the last bin has all that is greater, too."""

    counts: list[int]
    edges: list[float]
    greatest: float


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
        progress={},
        failures=Counter((sim.reason, node_of(sim.life)) for sim in standing.failed()),
        wall_s=_histogram(done.wall_s),
        memory=_histogram([size / 2**20 for size in done.peak_rss_bytes if size]),
        places={},
        settings=_settings(opened.layout.config_file),
        engine=_engine(project, summary),
        notes=notes,
    )
    try:
        frame = simulations_table(standing, project.receptors)
        content.progress = _progress(state, frame)
        content.places = _places(frame)
        content.footprint = _footprint_sum(project) if state.columns({"complete"}).at else None
    except (StiltError, OSError) as error:
        notes.append(str(error))
    return content


def _settings(path: Path) -> str:
    try:
        return read_input(path, MOST_BYTES).decode(errors="replace")
    except (StiltError, OSError) as error:
        return f"# {error}"


def _progress(state: State, frame: pd.DataFrame) -> dict[str, Curve]:
    """Return how many of today's simulations had ended at each moment, as they stand: nothing that was superseded."""
    ended = frame[frame["state"].isin(ENDS)].dropna(subset="outcome_at")
    if ended.empty:
        return {}
    seconds = ended["outcome_at"].astype("datetime64[ns]").astype("int64") / 1e9
    lives = [
        life.at
        for batch in ended["batch"].unique()
        for life in state.batches[batch].lives.values()
        if life.at
    ]
    start, end = min([*lives, seconds.min()]), seconds.max()
    times = np.linspace(start, end, CURVE_POINTS + 1)
    return {
        name: list(
            zip(times.tolist(), _reached(seconds[ended["state"] == name], times), strict=True)
        )
        for name in ENDS
        if (ended["state"] == name).any()
    }


def _reached(seconds: pd.Series[float], times: NDArray[np.float64]) -> list[float]:
    ranked = np.sort(seconds.to_numpy())
    found: list[float] = np.searchsorted(ranked, times, side="right").astype(float).tolist()
    return found


def _histogram(values: list[float]) -> Histogram | None:
    if not any(values):
        return None
    top = max(float(np.quantile(values, 0.995)) * 1.15, 1.0)
    counts, edges = np.histogram(np.clip(values, 0, top), bins=BINS, range=(0, top))
    return Histogram(counts.tolist(), edges.tolist(), max(values))


def _places(frame: pd.DataFrame) -> dict[str, Curve]:
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
    if not project.config.footprints:
        return None
    name = project.footprint_name()
    files, foot = open_collection(project, name)
    total = len(files.paths)
    chosen = np.unique(np.linspace(0, total - 1, min(total, FOOTPRINTS_SUMMED)).astype(int))
    return FootprintSum(
        name=name,
        simulations=len(chosen),
        of=total,
        values=files.total(chosen.tolist()) / len(chosen),
        frame=MapFrame.of(foot),
    )
