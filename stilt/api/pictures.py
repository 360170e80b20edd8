"""Pictures of several simulations of a project: their mean or sum, each by itself, one less another, a film."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.api.collection import FootprintFiles, open_collection
from stilt.api.monte_carlo import first_ids
from stilt.foundations.errors import InputError
from stilt.plot.field_map import Field
from stilt.plot.fields import label_of, refuse_hour
from stilt.plot.map_frame import MapFrame
from stilt.status.moments import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from stilt.api.project import Project
    from stilt.plot.fields import How


@dataclass(frozen=True)
class Chosen:
    """Simulations with results whose footprints are drawn.

    Attributes
    ----------
    ids
        Which they are.
    rows
        Their places among ``files`` and along ``footprints``.
    """

    project: Project
    ids: tuple[str, ...]
    rows: tuple[int, ...]
    files: FootprintFiles
    footprints: xr.DataArray

    @property
    def name(self) -> str:
        """The one simulation, or how many they are."""
        return self.ids[0] if len(self.ids) == 1 else f"{len(self.ids):,} simulations"

    @property
    def title(self) -> str:
        """What a picture of them says above it: the one simulation, or how many, and of which times."""
        times = [self.project[sim].receptor.when for sim in self.ids]
        first, last = (f"{each:%Y-%m-%d %H:%M}" for each in (min(times), max(times)))
        return f"{self.name}\n{first if first == last else f'{first} to {last}'} UTC"

    @property
    def receptors(self) -> tuple[str, ...]:
        """The ids of the first realizations of those that are drawn, each once."""
        chosen = self.footprints["receptor"][list(self.rows)]
        return tuple(dict.fromkeys(first_ids(chosen)))

    @cached_property
    def frame(self) -> MapFrame:
        """The grid of the map."""
        return MapFrame.of(self.footprints)

    def field(self, how: How = "mean", hour: int | None = None) -> Field:
        """Return the mean or sum of all, over all hours or of one."""
        self._refuse(hour)
        values = self.files.total(self.rows, hour)
        return self._field(values, self.ids, how, hour)

    def each(self, hour: int | None = None) -> dict[str, Field]:
        """Return each by itself, by its title, in the order of these."""
        self._refuse(hour)
        found: dict[str, Field] = {}
        for sim, row in zip(self.ids, self.rows, strict=True):
            title = self._title(sim)
            name = f"{title}\n{sim}" if title in found else title
            found[name] = self._field(self.files.total([row], hour), (sim,), "", hour)
        return dict(sorted(found.items()))

    def by_hour(self, how: How = "mean") -> dict[int, Field]:
        """Return the mean or sum of all, hour by hour."""
        hours = self.files.hours.tolist()
        self._refuse(hours[0])
        layers = self.files.by_hour(self.rows)
        return {
            hour: self._field(layer, self.ids, how, None)
            for hour, layer in zip(hours, layers, strict=True)
        }

    def _refuse(self, hour: int | None) -> None:
        if hour is not None:
            refuse_hour(hour, self.files.hours)

    def _field(
        self, total: NDArray[np.float64], ids: Sequence[str], how: str, hour: int | None
    ) -> Field:
        values = total / len(ids) if how == "mean" else total
        return Field(values, self.frame, self._places(ids), label_of(how, len(ids), hour))

    def _places(self, ids: Iterable[str]) -> NDArray[np.float64]:
        """Return longitude and latitude of every release point."""
        receptors = [self.project[sim].receptor for sim in ids]
        points = [np.column_stack([each.longitudes, each.latitudes]) for each in receptors]
        return np.unique(np.concatenate(points), axis=0)

    def _title(self, sim: str) -> str:
        receptor = self.project[sim].receptor
        ends = dict.fromkeys((min(receptor.heights_m), max(receptor.heights_m)))
        heights = " to ".join(f"{height:g}" for height in ends)
        return f"{receptor.when:%Y-%m-%d %H:%M} UTC, {heights} m"


def choose(
    project: Project,
    sims: Iterable[str] | None = None,
    *,
    where: str | None = None,
    since: str | None = None,
    until: str | None = None,
    footprint: str | None = None,
) -> Chosen:
    """Return simulations that have results; all unless something narrows them.

    Parameters
    ----------
    project
        Its simulations are chosen from.
    sims
        Ids, or parts that only one id has.
    where
        A condition on the columns of ``project.simulations``, as pandas' ``query`` takes it: ``"height_m > 100"``.
    since, until
        UTC: receptors from the first time on, and before the second.
    footprint
        A key of ``footprints`` in config.yaml; the first one unless given.

    Raises
    ------
    InputError
        If the condition or a time is none, or nothing is left.
    """
    files, footprints = open_collection(project, footprint)
    named = None if sims is None else [project[sim].id for sim in sims]
    narrowed = _narrowed(project, where, since, until)
    rows = [
        (sim, row)
        for row, sim in enumerate(footprints["receptor"].to_numpy().tolist())
        if (named is None or sim in named) and (narrowed is None or sim in narrowed)
    ]
    missing = set(named or ()) - {sim for sim, _ in rows}
    if missing and narrowed is None:
        raise InputError(
            f"{min(missing)} has no results of its receptor",
            f"stilt logs {min(missing)}",
            code="NO_RESULTS",
        )
    if not rows:
        raise InputError(
            "no simulation with results is chosen",
            "`stilt status` counts all; in Python `.simulations` lists them",
            code="NO_RESULTS",
        )
    ids, places = zip(*rows, strict=True)
    project.remark_stale(ids, project.footprint_name(footprint))
    return Chosen(project, ids, places, files, footprints)


def counterparts(chosen: Chosen, other: Project, footprint: str | None = None) -> Chosen:
    """Return the simulations of another project that have the same ids; of fewer realizations there, all it has.

    Raises
    ------
    InputError
        If one of them has no results there, in no realization.
    """
    if other.config.realizations < chosen.project.config.realizations:
        there = set(other.receptors.ids())
        wanted = [sim for sim in chosen.ids if sim in there]
        lacking = set(chosen.receptors) - set(wanted)
        return choose(other, [*wanted, *sorted(lacking)], footprint=footprint)
    return choose(other, chosen.ids, footprint=footprint)


def _narrowed(
    project: Project, where: str | None, since: str | None, until: str | None
) -> set[str] | None:
    """Return the ids of which a condition and times hold; None where there are none."""
    if where is None and since is None and until is None:
        return None
    frame = project.simulations
    if where is not None:
        frame = _query(frame, where)
    for text, keeps in ((since, np.greater_equal), (until, np.less)):
        if text is not None:
            moment = np.datetime64(int(parse_moment(text)), "s")
            frame = frame[keeps(frame["time"].to_numpy(), moment)]
    return set(frame.index)


_COMPARISON = (
    ast.Expression, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.Name, ast.Load,
    ast.Constant, ast.List, ast.Tuple, ast.BinOp, ast.Add, ast.Sub, ast.BitAnd, ast.BitOr,
)  # fmt: skip
"""What a condition is made of: no calls, no attributes, no powers."""

_LONGEST_CONDITION = 1000


def _check_condition(text: str, columns: Iterable[object]) -> None:
    """Refuse what does more than compare columns: a condition may come from somebody else.

    Raises
    ------
    ValueError
        If it does, is no condition, or names no column.
    """
    if len(text) > _LONGEST_CONDITION:
        raise ValueError(f"it has more than {_LONGEST_CONDITION:,} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        raise ValueError(
            "it does not read as a comparison, such as height_m > 100 or x == 'a'"
        ) from None
    nodes = list(ast.walk(tree))
    if not all(isinstance(node, _COMPARISON) for node in nodes):
        raise ValueError("it may compare columns only: == != < <= > >= in, and, or, not, + and -")
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in columns:
            raise ValueError(f"there is no column {node.id}")


def _query(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    import pandas as pd

    columns = list(map(str, frame.columns))
    try:
        _check_condition(where, [*columns, frame.index.name])
        holds: Any = frame.eval(where.strip(), engine="python", local_dict={}, global_dict={})
        return pd.DataFrame(frame[_as_yes_or_no(holds)])
    except Exception as error:  # noqa: BLE001 - whatever pandas makes of a text that is no condition
        raise InputError(
            f"the condition {where!r} can't be asked: {error}",
            f"the columns are {', '.join(columns)}",
            code="CONDITION_WRONG",
        ) from None


def _as_yes_or_no(holds: Any) -> Any:
    if getattr(holds, "dtype", None) not in {np.dtype(bool), "boolean"}:
        raise ValueError("it is no comparison, which holds or does not")
    return holds
