"""From R-STILT's ``run_stilt.r`` to our settings and receptors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stilt.config.execution import REFUSED
from stilt.migrate.migration import Migration
from stilt.migrate.r_receptors import receptors_csv
from stilt.migrate.r_script import read_script
from stilt.migrate.r_setup import GRID_KEYS, Setup, note_unknown, setup_of
from stilt.migrate.r_values import Frame, Unknown, UnreadableError
from stilt.migrate.settings import Unset, carry_transport, file_step, met_name

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.migrate.r_account import Script

_THEIRS = {ours: theirs for theirs, ours in GRID_KEYS.items()}
_FOOTPRINT_KEYS = ("projection", "smooth_factor", "time_integrate")


def read_r_stilt(path: Path, *, with_r: bool = False) -> Migration:
    """Read ``run_stilt.r``.

    Parameters
    ----------
    path
        The script. Files that it reads are looked for in its project, the folder above ``r/``.
    with_r
        Let R evaluate the script, and compare.
    """
    folder = path.parent.parent if path.parent.name == "r" else path.parent
    own = read_script(path, folder)
    if not with_r:
        return _moved(path, own)
    from stilt.migrate.with_r import evaluated

    migration = _moved(path, evaluated(path, folder, own))
    migration.with_r = True
    _compare(migration, _moved(path, own))
    return migration


def _moved(path: Path, script: Script) -> Migration:
    migration = Migration(path)
    setup = setup_of(script)
    note_unknown(script, setup, migration)
    carry(setup.settings, migration)
    _carry_receptors(setup, migration)
    migration.account = script.account()
    return migration


def _compare(migration: Migration, own: Migration) -> None:
    """Say where R came to something else than what was followed without it; R's word counts."""
    for key in sorted({*migration.settings, *own.settings}):
        theirs, ours = migration.settings.get(key), own.settings.get(key)
        if theirs != ours and not own.unsettled:
            migration.note(
                f"{key}: R makes {theirs} of it, stilt's own reading {ours}: R's is taken"
            )
    if own.receptors is not None and migration.receptors not in {None, own.receptors}:
        migration.note(
            "receptors: R makes others of the script than stilt's own reading: R's are taken"
        )
    same = migration.settings == own.settings and migration.receptors == own.receptors
    migration.account += "; stilt's own reading is the same" * same


def carry(given: dict[str, Any], migration: Migration) -> None:
    """Move settings over that have R-STILT's names."""
    _carry_met(given, migration)
    _carry_footprint(given, migration)
    carry_transport(given, migration)
    _carry_ziscale(given, migration)
    _carry_execution(given, migration)


def _carry_met(given: dict[str, Any], migration: Migration) -> None:
    directory = given.get("met_path", given.get("met_directory", given.get("met_loc")))
    file_format = given.get("met_file_format")
    directory = _first_folder(directory, migration)
    met: dict[str, Any] = {
        "directory": directory or "/path/to/arl/files",
        "file_format": file_format or "%Y%m%d_%H",
        "file_tres": _step(given, file_format, migration),
    }
    for key, value in (("met_path", directory), ("met_file_format", file_format)):
        if not isinstance(value, str):
            migration.note(
                f"{key} is not given: set mets.*.{'directory' if key == 'met_path' else 'file_format'}"
            )
    if isinstance(given.get("n_met_min"), int) and given["n_met_min"] > 1:
        met["n_met_min"] = given["n_met_min"]
    known = {key: value for key, value in met.items() if not isinstance(value, Unset)}
    migration.settings["mets"] = {met_name(known.get("file_format"), known.get("directory")): known}


def _first_folder(given: Any, migration: Migration) -> Any:
    """Return the one folder of a meteorology; R-STILT may look for its files in several."""
    if not isinstance(given, list):
        return given
    first, *others = given
    migration.note(
        f"met_path: {', '.join(map(str, others))}: a meteorology has one folder here, and {first} is taken: give the "
        "other one a name of its own under mets, or link its files into the first"
    )
    return first


def _step(given: dict[str, Any], file_format: Any, migration: Migration) -> str:
    """Return the time from one met file to the next; of files by the month any short one finds them."""
    told = given.get("met_file_tres", given.get("n_hours_per_met_file"))
    if isinstance(told, Unset):
        return told
    if re.fullmatch(r"(\d+ *)?(months?|years?|quarters?)", str(told).strip()):
        migration.note(
            f"met_file_tres {told}: 1d stands for it, as a file that is found twice is used once"
        )
        return "1d"
    step = file_step(told)
    if step is None:
        step = "1h" if "%H" in str(file_format) else "1d"
        migration.note(
            f"the time from one met file to the next is not said: {step} by their names. Set file_tres to what "
            "it is, such as 6h for NOAA's HRRR: a file of every step is needed, not only those there are"
        )
    return step


def _carry_footprint(given: dict[str, Any], migration: Migration) -> None:
    if given.get("run_foot") is False:
        migration.note("run_foot is off: no footprint is asked for (add one under footprints)")
        return
    grid = {ours: _plain(given.get(theirs)) for theirs, ours in GRID_KEYS.items()}
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
            grid[key] = _plain(given[key])
    migration.settings["footprints"] = {"default": grid}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Unset) else value


def _carry_ziscale(given: dict[str, Any], migration: Migration) -> None:
    """Move factors on the mixed layer: R-STILT has a list of them for each receptor, we one for all."""
    if given.get("zicontroltf") in {None, 0}:
        migration.settings.pop("zicontroltf", None)
        return
    scale = given.get("ziscale")
    if isinstance(scale, Unset):
        migration.settings["ziscale"] = str(scale)
        return
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
            elif isinstance(value, str | int | float | bool) and not isinstance(value, Unset):
                execution[key] = value
    elif isinstance(cores, int) and cores > 1:
        execution["n_workers"] = cores
    timeout = given.get("timeout")
    if isinstance(timeout, int | float) and timeout > 0:
        execution["timeout"] = float(timeout)
    migration.settings["execution"] = execution


def _carry_receptors(setup: Setup, migration: Migration) -> None:
    why: Unknown | str = (
        setup.receptors if isinstance(setup.receptors, Unknown) else "they are made elsewhere"
    )
    if isinstance(setup.receptors, Frame):
        try:
            migration.receptors = receptors_csv(
                setup.receptors, ids=setup.ids, above_sea_level=setup.settings.get("kmsl") == 1
            )
        except UnreadableError as error:
            why = error.cause or str(error)
    if migration.receptors is None:
        where = f"{why.where}: " if isinstance(why, Unknown) else ""
        reason = why.why if isinstance(why, Unknown) else why
        migration.note(
            f"{where}the receptors could not be read ({reason}): write them to receptors.csv",
            unsettled=True,
        )
