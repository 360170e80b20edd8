"""From R-STILT's ``run_stilt.r`` to our settings and receptors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.config.execution import REFUSED
from stilt.migrate.migration import Migration
from stilt.migrate.r_receptors import receptors_csv
from stilt.migrate.r_script import Script, read_script
from stilt.migrate.r_values import (
    NA,
    Frame,
    NotAvailable,
    UnreadableError,
    Vector,
    as_list,
    expand_grid,
)
from stilt.migrate.settings import LEFT_BEHIND, TRANSPORT_KEYS, carry_transport, file_step, met_name

if TYPE_CHECKING:
    from pathlib import Path

GRID_KEYS = {
    "xmn": "xmin",
    "xmx": "xmax",
    "ymn": "ymin",
    "ymx": "ymax",
    "xres": "xres",
    "yres": "yres",
}
_THEIRS = {ours: theirs for theirs, ours in GRID_KEYS.items()}
_MET_KEYS = ("met_path", "met_file_format", "met_file_tres", "n_hours_per_met_file", "n_met_min")
_EXECUTION_KEYS = ("n_cores", "n_nodes", "slurm", "slurm_options", "timeout")
_FOOTPRINT_KEYS = ("projection", "smooth_factor", "time_integrate")
_RECEPTOR_KEYS = ("run_time", "lati", "long", "zagl")
_GIVEN_RECEPTORS = ("run_times", "lati", "long", "zagl")
SETTINGS = frozenset(
    {*GRID_KEYS, *_MET_KEYS, *_EXECUTION_KEYS, *_FOOTPRINT_KEYS, *TRANSPORT_KEYS, *LEFT_BEHIND}
    | {"ziscale", "simulation_id"}
) - {"before_trajec", "before_footprint"}


def read_r_stilt(path: Path) -> Migration:
    """Read ``run_stilt.r``. Files that it reads are looked for in the project, the folder above ``r/``."""
    folder = path.parent.parent if path.parent.name == "r" else path.parent
    script = read_script(path, folder)
    migration = Migration(path)
    _note_unread(script, migration)
    carry(_plain(script.values), migration)
    _carry_receptors(script, migration)
    return migration


def carry(given: dict[str, Any], migration: Migration) -> None:
    """Move settings over that have R-STILT's names."""
    _carry_met(given, migration)
    _carry_footprint(given, migration)
    carry_transport(given, migration)
    _carry_ziscale(given, migration)
    _carry_execution(given, migration)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values of R as those of Python; what is NA is left out."""
    return {name: _python(value) for name, value in values.items() if value is not NA}


def _python(value: Any) -> Any:
    if isinstance(value, Vector):
        named = value.as_dict()
        if named and len(named) == len(value.values):
            return {name: _python(item) for name, item in named.items()}
        return [_python(item) for item in value.values]
    return None if isinstance(value, NotAvailable) else value


def _note_unread(script: Script, migration: Migration) -> None:
    """Tell of settings that could not be evaluated, and of user functions."""
    unused = set() if script.values.get("zicontroltf") else {"ziscale"}
    unread = (SETTINGS - unused) & set(script.unread)
    for name in sorted(unread, key=lambda name: script.unread[name]):
        line, why = script.unread[name]
        migration.note(f"line {line}: {name} is computed ({why}): set it yourself")
    for name in ("before_trajec", "before_footprint"):
        if name in script.hooks:
            migration.note(f"line {script.hooks[name]}: {name}: {LEFT_BEHIND[name]}")
    name, line = script.applied
    if name not in {"", "simulation_step"}:
        migration.note(
            f"line {line}: stilt_apply runs {name}, a function of its own: what it does beyond "
            "simulation_step is left behind"
        )


def _carry_met(given: dict[str, Any], migration: Migration) -> None:
    directory = given.get("met_path", given.get("met_directory", given.get("met_loc")))
    file_format = given.get("met_file_format")
    step = file_step(given.get("met_file_tres", given.get("n_hours_per_met_file")))
    if step is None:
        step = "1h" if "%H" in str(file_format) else "1d"
        migration.note(
            f"the time from one met file to the next is not said: {step} by their names. Set file_tres to what "
            "it is, such as 6h for NOAA's HRRR: a file of every step is needed, not only those there are"
        )
    met: dict[str, Any] = {
        "directory": directory or "/path/to/arl/files",
        "file_format": file_format or "%Y%m%d_%H",
        "file_tres": step,
    }
    for key, value in (("met_path", directory), ("met_file_format", file_format)):
        if not isinstance(value, str):
            migration.note(
                f"{key} is not given: set mets.*.{'directory' if key == 'met_path' else 'file_format'}"
            )
    if isinstance(given.get("n_met_min"), int) and given["n_met_min"] > 1:
        met["n_met_min"] = given["n_met_min"]
    migration.settings["mets"] = {met_name(file_format, directory): met}


def _carry_footprint(given: dict[str, Any], migration: Migration) -> None:
    if given.get("run_foot") is False:
        migration.note("run_foot is off: no footprint is asked for (add one under footprints)")
        return
    grid = {ours: given.get(theirs) for theirs, ours in GRID_KEYS.items()}
    several = [key for key, value in grid.items() if isinstance(value, list)]
    for key in several:
        grid[key] = next(iter(given[_THEIRS[key]]), None)
        migration.note(
            f"{key}: several values, of which the first is used: give each a footprint of its own"
        )
    missing = [
        theirs for theirs, ours in GRID_KEYS.items() if grid[ours] is None and ours != "yres"
    ]
    if missing:
        migration.note(f"no footprint: {', '.join(missing)} not given. Add a grid under footprints")
        return
    if grid["yres"] in {None, grid["xres"]}:
        del grid["yres"]
    usual = {"projection": "+proj=longlat", "smooth_factor": 1, "time_integrate": False}
    for key in _FOOTPRINT_KEYS:
        if given.get(key) is not None and given[key] != usual[key]:
            grid[key] = given[key]
    migration.settings["footprints"] = {"default": grid}


def _carry_ziscale(given: dict[str, Any], migration: Migration) -> None:
    """Move factors on the mixed layer: R-STILT has a list of them for each receptor, we one for all."""
    if not given.get("zicontroltf"):
        migration.settings.pop("zicontroltf", None)
        return
    scale = given.get("ziscale")
    each = scale if isinstance(scale, list) else [scale]
    if each and isinstance(each[0], list):
        if any(factors != each[0] for factors in each):
            migration.note(
                "ziscale differs from receptor to receptor: here it is one for all; set it yourself"
            )
            return
        each = each[0]
    if all(isinstance(factor, int | float) for factor in each):
        migration.settings["ziscale"] = each[0] if len(each) == 1 else each


def _carry_execution(given: dict[str, Any], migration: Migration) -> None:
    execution: dict[str, Any] = {}
    cores, nodes = given.get("n_cores"), given.get("n_nodes")
    if given.get("slurm") is True:
        execution["backend"] = "slurm"
        execution["n_workers"] = nodes if isinstance(nodes, int) and nodes > 0 else 1
        if isinstance(cores, int) and cores > 1:
            execution["cpus_per_task"] = cores
        options = given.get("slurm_options")
        for key, value in (options if isinstance(options, dict) else {}).items():
            if key.replace("_", "-") in REFUSED:
                migration.note(f"slurm_options {key}: {REFUSED[key.replace('_', '-')]}")
            elif isinstance(value, str | int | float | bool):
                execution[key] = value
    elif isinstance(cores, int) and cores > 1:
        execution["n_workers"] = cores
    timeout = given.get("timeout")
    if isinstance(timeout, int | float) and timeout > 0:
        execution["timeout"] = float(timeout)
    migration.settings["execution"] = execution


def _carry_receptors(script: Script, migration: Migration) -> None:
    values = script.values
    where, why = "", "they are made elsewhere"
    if "receptors" in script.unread:
        line, why = script.unread["receptors"]
        where = f"line {line}: "
    try:
        frame = values.get("receptors")
        if frame is None and not where and all(key in values for key in _GIVEN_RECEPTORS):
            given = zip(_RECEPTOR_KEYS, (values[key] for key in _GIVEN_RECEPTORS), strict=True)
            frame = expand_grid({key: as_list(value) for key, value in given})
        if isinstance(frame, Frame):
            ids, asl = values.get("simulation_id"), values.get("kmsl") == 1
            migration.receptors = receptors_csv(frame, ids=ids, above_sea_level=asl)
    except UnreadableError as error:
        why = str(error)
    if migration.receptors is None:
        migration.note(
            f"{where}the receptors could not be read ({why}): write them to receptors.csv"
        )
