"""What a script hands to STILT: settings by name, and a table of receptors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_account import NAMED, Reach, Script
from stilt.migrate.r_evaluate import Closure
from stilt.migrate.r_frames import bind_rows, expand_grid
from stilt.migrate.r_syntax import Call, Name, Node
from stilt.migrate.r_values import NA, Frame, Unknown, UnreadableError, Vector, as_frame, items
from stilt.migrate.settings import LEFT_BEHIND, TRANSPORT_KEYS, Unset

if TYPE_CHECKING:
    from stilt.migrate.migration import Migration

GRID_KEYS = {
    "xmn": "xmin",
    "xmx": "xmax",
    "ymn": "ymin",
    "ymx": "ymax",
    "xres": "xres",
    "yres": "yres",
}
_MET_KEYS = (
    "met_path",
    "met_directory",
    "met_loc",
    "met_file_format",
    "met_file_tres",
    "n_hours_per_met_file",
    "n_met_min",
)
_EXECUTION_KEYS = ("n_cores", "n_nodes", "slurm", "slurm_options", "timeout")
_FOOTPRINT_KEYS = ("projection", "smooth_factor", "time_integrate", "run_foot")
_HOOKS = ("before_trajec", "before_footprint")
SETTINGS = frozenset(
    {*GRID_KEYS, *_MET_KEYS, *_EXECUTION_KEYS, *_FOOTPRINT_KEYS, *TRANSPORT_KEYS, *LEFT_BEHIND}
    | {"ziscale", "kmsl", "simulation_id"}
) - set(_HOOKS)
_RECEPTOR_KEYS = ("run_time", "lati", "long", "zagl")
_GIVEN_RECEPTORS = ("run_times", "lati", "long", "zagl")
_LISTED = frozenset({"varsiwant"})
"""What ``stilt_apply`` is given in a list of one, so that it is not dealt out over the simulations."""


@dataclass
class Setup:
    """Settings as values of Python, and the receptors.

    Attributes
    ----------
    settings
        Name to value; one that could not be followed is :class:`Unset`.
    unknown
        Why, for each of those.
    receptors
        The table; why there is none; or None where a script has none.
    ids
        Names of the simulations, if there are any.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Unknown] = field(default_factory=dict)
    receptors: Frame | Unknown | None = None
    ids: list[Any] | None = None


def setup_of(script: Script) -> Setup:
    """Return what a script hands to STILT: the arguments of ``stilt_apply``, and what variables say beyond them."""
    given: dict[str, Any] = {**script.values, **script.unread}
    for name, value in (script.calls[0] if script.calls else {}).items():
        if name in SETTINGS:
            given[name] = _unlisted(value) if name in _LISTED else value
    setup = Setup(receptors=_receptors(script, given))
    for name in SETTINGS & set(given):
        value = given[name]
        if isinstance(value, Unknown):
            setup.unknown[name] = value
            setup.settings[name] = Unset(f"set this: see {value.where} of the script")
        elif not _is_na(value):
            setup.settings[name] = python_of(value)
    if setup.settings.get("zicontroltf") == 0:
        setup.unknown.pop("ziscale", None)
    if "kmsl" in setup.unknown:  # heights may be above the ground or the sea
        setup.receptors = setup.unknown["kmsl"]
    ids = setup.settings.pop("simulation_id", None)
    ids = None if isinstance(ids, Unset) else ids
    setup.ids = ids if isinstance(ids, list) else None if ids is None else [ids]
    return setup


def _unlisted(value: Any) -> Any:
    return (
        value.values[0]
        if isinstance(value, Vector) and value.is_list and len(value) == 1
        else value
    )


def _is_na(value: Any) -> bool:
    return isinstance(value, Vector) and len(value) == 1 and value.values[0] is NA


def python_of(value: Any) -> Any:
    """Return a value of R as one of Python: a list with names as a dict, a vector of one as its value."""
    if not isinstance(value, Vector):
        return None
    if value.is_list:
        found = [python_of(item) for item in value.values]
        return (
            dict(zip(value.names, found, strict=True))
            if value.names and all(value.names)
            else found
        )
    found = [_plain(item) for item in value.values]
    return found[0] if len(found) == 1 else found


def _plain(item: Any) -> Any:
    if item is NA or isinstance(item, Unknown):
        return None
    return int(item) if isinstance(item, float) and item.is_integer() else item


def _receptors(script: Script, given: dict[str, Any]) -> Frame | Unknown | None:
    """Return what the calls of ``stilt_apply`` are given, else the variable, else its four parts."""
    if isinstance(given.get("stilt_apply"), Unknown):
        unknown: Unknown = given["stilt_apply"]
        return unknown
    calls = [call for call in script.calls if "r_run_time" in call]
    try:
        if calls:
            return _of_calls(calls)
        table = given.get("receptors")
        if table is None and all(key in given for key in _GIVEN_RECEPTORS):
            parts = {
                name: given[key] for name, key in zip(_RECEPTOR_KEYS, _GIVEN_RECEPTORS, strict=True)
            }
            missing = next((part for part in parts.values() if isinstance(part, Unknown)), None)
            return missing or expand_grid({"...": list(parts.items())})
    except UnreadableError as error:
        return error.cause or Unknown(str(error), 0)
    return table if isinstance(table, Frame | Unknown) else None


def _of_calls(calls: list[dict[str, Any]]) -> Frame:
    """Return the receptors of all calls, one below the other."""
    frames: list[tuple[str | None, Any]] = []
    for call in calls:
        columns: dict[str, list[Any]] = {}
        for key in _RECEPTOR_KEYS:
            if f"r_{key}" not in call:
                raise UnreadableError(f"stilt_apply is not given r_{key}")
            columns[key] = items(call[f"r_{key}"])
        frames.append((None, as_frame(columns)))
    found = bind_rows({"...": frames})
    return found if isinstance(found, Frame) else Frame({})


def note_unknown(script: Script, setup: Setup, migration: Migration) -> None:
    """Tell of all that was not followed and that settings or receptors are made of, each with its line."""
    _note_settings(setup, migration)
    _note_steps(script, migration)
    _note_hooks(script, migration)
    for text in script.remarks:
        migration.note(text)
    script.settle([*setup.unknown.values(), *_unknown_receptors(setup)])
    for statement in script.statements:
        told = any(note.startswith(f"{statement.where}: ") for note in migration.unsettled)
        if statement.outcome == NAMED and statement.reach is Reach.NOTHING:
            migration.note(
                f"{statement.where}: not followed, and taken to change neither receptors nor settings: {statement.text}"
            )
        elif statement.outcome == NAMED and not told:
            migration.note(
                f"{statement.where}: not followed: {statement.text} ({statement.why})",
                unsettled=True,
            )


def _note_settings(setup: Setup, migration: Migration) -> None:
    for name, value in sorted(setup.unknown.items(), key=lambda pair: (pair[1].line, pair[0])):
        if name == "simulation_id":
            migration.note(
                f"{value.where}: simulation_id is computed: ids are made of time and place"
            )
            continue
        if name in LEFT_BEHIND:
            continue
        migration.note(
            f"{value.where}: {name} is computed ({value.why}): set it yourself", unsettled=True
        )


def _unknown_receptors(setup: Setup) -> list[Unknown]:
    """Return all that is not known about the receptors, not only what is met first."""
    if isinstance(setup.receptors, Unknown):
        return [setup.receptors]
    if setup.receptors is None:
        return []
    used = [setup.receptors.columns.get(key, []) for key in _RECEPTOR_KEYS]
    return list(
        {
            id(value): value for column in used for value in column if isinstance(value, Unknown)
        }.values()
    )


def _note_steps(script: Script, migration: Migration) -> None:
    for name, where in script.applied:
        migration.note(
            f"{where}: stilt_apply runs {name}, a function of its own: what it does beyond "
            "simulation_step is left behind",
            unsettled=True,
        )
    for name in sorted({name for call in script.calls[1:] for name in call} & SETTINGS):
        values = [python_of(call[name]) for call in script.calls if name in call]
        if any(value != values[0] for value in values):
            migration.note(
                f"{name} differs from one call of stilt_apply to the next: the first is taken; a project has "
                "one of each",
                unsettled=True,
            )


def _note_hooks(script: Script, migration: Migration) -> None:
    for name in _HOOKS:
        value = script.values.get(name, script.unread.get(name))
        if isinstance(value, Unknown):
            migration.note(f"{value.where}: {name}: {LEFT_BEHIND[name]}")
        elif isinstance(value, Closure) and not _returns_output(value.function.body):
            migration.note(f"line {value.function.line}: {name}: {LEFT_BEHIND[name]}")


def _returns_output(body: Node) -> bool:
    """Tell whether a hook is the one that R-STILT comes with: it returns what it is given."""
    while isinstance(body, Call) and body.name in {"{", "return", "("} and len(body.nodes()) == 1:
        body = body.nodes()[0]
    return isinstance(body, Name) and body.name == "output"
