"""From a PYSTILT ``config.yaml`` to our settings: both with named footprints and with variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stilt.config.document import read_document
from stilt.config.execution import OWN_KEYS, REFUSED
from stilt.foundations.errors import ProblemsError
from stilt.foundations.inside import read_input
from stilt.migrate.met_names import found_from, naming
from stilt.migrate.migration import Migration
from stilt.migrate.r_stilt import carry
from stilt.migrate.r_tables import MOST_BYTES, utf8_text
from stilt.migrate.settings import LEFT_BEHIND, QUIET, TRANSPORT_KEYS, carry_transport, file_step

_BOX = ("xmin", "xmax", "ymin", "ymax", "xres", "yres")
_FOOTPRINT_KEYS = ("grid", "smooth_factor", "time_integrate", "transforms", "geometry")
_MET_LEFT = {
    "download": "files are not downloaded here: fetch them, and name their folder",
    "source": "files are not downloaded here: fetch them, and name their folder",
    "subgrid_enable": "meteorology is not cropped here",
}
_SECTIONS_OF_R = ("model", "footprint", "met", "transport", "error")
_ELSEWHERE = frozenset(
    {
        "mets",
        "variants",
        "footprints",
        "grids",
        "execution",
        "hysplit",
        "models",
        "exe_dir",
        "timeout",
        "output",
    }
)
_KNOWN = (
    _ELSEWHERE
    | QUIET
    | {*TRANSPORT_KEYS, *LEFT_BEHIND, *_FOOTPRINT_KEYS}
    | {
        *(
            "projection",
            "crs",
            "ziscale",
            "kmsl",
            "geometry_hash",
            "cells_per_target",
            "skip_existing",
        )
    }
)


def read_pystilt(path: Path) -> Migration:
    """Read a ``config.yaml``; the receptors beside it are read as they are."""
    document = read_document(read_input(path, MOST_BYTES), str(path))
    if document.problems:
        raise ProblemsError(
            str(path),
            tuple(map(str, document.problems)),
            "mend it there and try again",
            code="MOVE_UNREADABLE",
        )
    data: dict[str, Any] = document.data
    migration = Migration(path)
    flat = _flattened(data)
    if "met_path" in flat:  # R-STILT's names, in a fork that reads them from YAML
        carry(flat, migration)
    else:
        _carry(data, migration)
    receptors = path.parent / "receptors.csv"
    if receptors.is_file():
        migration.receptors = utf8_text(receptors)
    else:
        migration.note("there is no receptors.csv beside it: write one")
    return migration


def _flattened(data: dict[str, Any]) -> dict[str, Any]:
    flat = dict(data)
    for section in _SECTIONS_OF_R:
        inner = flat.pop(section, None)
        if isinstance(inner, dict):
            flat.update(inner)
    return flat


def _carry(data: dict[str, Any], migration: Migration) -> None:
    variants = _variants(data)
    base = _first_group(variants, migration)
    mets = data.get("mets")
    used = {variant["met"] for variant in variants.values() if variant.get("met")}
    migration.settings["mets"] = {
        name: _met(name, met, migration)
        for name, met in (mets if isinstance(mets, dict) else {}).items()
        if isinstance(met, dict | str) and (not used or name in used)
    }
    footprints = _named_footprints(data, migration) or _footprints_of(variants, base, migration)
    if footprints:
        migration.settings["footprints"] = footprints
    settings = {**_transport(data), **variants[base]["transport"]} if base else _transport(data)
    if settings.get("seed") is not None and settings.pop("krand", None) is not None:
        migration.note(
            "krand is left out: with seed alone every receptor has random numbers of its own"
        )
    carry_transport({**{key: data.get(key) for key in LEFT_BEHIND}, **settings}, migration)
    if settings.get("ziscale") and settings.get("ziscale") != 1:
        migration.settings |= {"ziscale": settings["ziscale"], "zicontroltf": 1}
    exe_dir = _exe_dir(data, migration)
    if exe_dir:
        migration.settings["hysplit"] = {"exe_dir": exe_dir}
    _carry_execution(data, migration)
    for key in sorted(set(data) - _KNOWN):
        migration.note(f"{key}: not known here")


def _transport(settings: dict[str, Any]) -> dict[str, Any]:
    keys = {*TRANSPORT_KEYS, "ziscale", "kmsl"}
    return {key: value for key, value in settings.items() if key in keys}


def _variants(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each variant as what it changes in transport, its met, and its whole footprint settings."""
    mets = data.get("mets") if isinstance(data.get("mets"), dict) else {}
    declared = data.get("variants")
    if not isinstance(declared, dict) or not declared:
        declared = {name: {"met": name} for name in mets or {}}
    result: dict[str, dict[str, Any]] = {}
    for name, given in declared.items():
        changes = given if isinstance(given, dict) else {}
        origin = result.get(str(changes.get("from")), {})
        met = changes.get("met") or origin.get("met")
        if met is None and mets:
            met = name if name in mets else next(iter(mets))
        footprint = {key: data[key] for key in _FOOTPRINT_KEYS if key in data}
        footprint |= {key: changes[key] for key in _FOOTPRINT_KEYS if key in changes}
        if isinstance(changes.get("grid"), dict) and isinstance(data.get("grid"), dict):
            footprint["grid"] = {**data["grid"], **changes["grid"]}
        result[str(name)] = {
            "met": met,
            "transport": {**origin.get("transport", {}), **_transport(changes)},
            "footprint": footprint,
            "realizations": changes.get("realizations"),
        }
    return result


def _first_group(variants: dict[str, dict[str, Any]], migration: Migration) -> str | None:
    """Choose the transport settings that are kept: those of the variants that change none, else the first.

    Variants with others are told as our ``variants`` have them.
    """
    if not variants:
        return None
    base = next((name for name, variant in variants.items() if not variant["transport"]), None)
    base = base or next(iter(variants))
    for name, variant in variants.items():
        if variant["transport"] != variants[base]["transport"]:
            own = dict.fromkeys(variants[base]["transport"], "null") | variant["transport"]
            if "ziscale" in own:
                own["zicontroltf"] = int(own["ziscale"] != "null")
            own = {"met": variant["met"], **own} if variant["met"] else own
            changes = ", ".join(f"{key}: {value}" for key, value in own.items())
            migration.note(
                f"variant {name}: put {name}: {{{changes}}} under variants in config.yaml: "
                "it is run beside the others"
            )
        if variant["realizations"]:
            migration.note(
                f"variant {name}: write realizations: {variant['realizations']} into its project's config.yaml: "
                "as many simulations of each receptor, with random numbers of their own"
            )
    return base


def _footprints_of(
    variants: dict[str, dict[str, Any]], base: str | None, migration: Migration
) -> dict[str, Any]:
    """Return the different footprints of the variants that share the transport settings."""
    found: dict[str, Any] = {}
    for name, variant in variants.items():
        if base is None or variant["transport"] != variants[base]["transport"]:
            continue
        grid = _grid(name, variant["footprint"], migration)
        if grid is not None and grid not in found.values():
            found[name] = grid
    if len(found) > 1 and len({variant["met"] for variant in variants.values()}) > 1:
        migration.note("every footprint is made for every met here")
    return {"default": next(iter(found.values()))} if len(found) == 1 else found


def _named_footprints(data: dict[str, Any], migration: Migration) -> dict[str, Any]:
    given = data.get("footprints")
    grids = data.get("grids") if isinstance(data.get("grids"), dict) else {}
    found: dict[str, Any] = {}
    for name, footprint in (given if isinstance(given, dict) else {}).items():
        settings = dict(footprint) if isinstance(footprint, dict) else {}
        inner = settings.pop("grid", None)
        if isinstance(inner, str):
            inner = (grids or {}).get(inner)
        settings["grid"] = inner if isinstance(inner, dict) else settings
        grid = _grid(str(name), settings, migration)
        if grid is not None:
            found[str(name)] = grid
    return found


def _grid(name: str, settings: dict[str, Any], migration: Migration) -> dict[str, Any] | None:
    """Return a footprint as ours; None if it has no grid."""
    for key in ("transforms", "geometry"):
        if settings.get(key):
            migration.note(f"footprint {name}: {key}: {LEFT_BEHIND[key]}")
    given = settings.get("grid")
    if not isinstance(given, dict) or not any(key in given for key in _BOX):
        return None
    grid = {key: given[key] for key in _BOX if key in given}
    if grid.get("yres") == grid.get("xres"):
        grid.pop("yres", None)
    projection = given.get("projection") or given.get("crs")
    if projection and "longlat" not in str(projection) and str(projection).upper() != "EPSG:4326":
        grid["projection"] = str(projection)
        migration.note(
            f"footprint {name}: check that xmin to ymax are degrees, as they are here on every projection"
        )
    for key, usual in (("smooth_factor", 1), ("time_integrate", False)):
        if settings.get(key) is not None and settings[key] != usual:
            grid[key] = settings[key]
    return grid


def _met(name: str, given: Any, migration: Migration) -> dict[str, Any]:
    """Return a met as ours; PYSTILT takes a folder alone, and reads the rest from the files in it."""
    met = given if isinstance(given, dict) else {"directory": given}
    for key, why in _MET_LEFT.items():
        if met.get(key):
            migration.note(f"met {name}: {key}: {why}")
    directory = found_from(
        str(met.get("directory") or "/path/to/arl/files"), migration.source.parent
    )
    ours: dict[str, Any] = {"directory": directory}
    if met.get("file_format"):
        ours["file_format"] = str(met["file_format"])
    step = file_step(met.get("file_tres"))
    if step:
        ours["file_tres"] = step
    elif met.get("file_tres"):
        migration.note(f"met {name}: file_tres {met['file_tres']!r} is not understood: set it")
    _add_naming(name, ours, migration)
    if isinstance(met.get("n_min"), int) and met["n_min"] > 1:
        ours["n_met_min"] = met["n_min"]
    return ours


def _add_naming(name: str, ours: dict[str, Any], migration: Migration) -> None:
    """Add how files are named, where that is not said, from the names of those there are."""
    missing = [key for key in ("file_format", "file_tres") if key not in ours]
    if not missing:
        return
    found = naming(Path(ours["directory"]))
    if found is None:
        migration.note(
            f"met {name}: {' and '.join(missing)} not given, and no files in {ours['directory']} that tell: what is "
            "left out there is known by the headers of its files"
        )
        return
    both = dict(zip(("file_format", "file_tres"), found, strict=True))
    ours |= {key: both[key] for key in missing}
    told = ", ".join(f"{key} {both[key]}" for key in missing)
    migration.note(f"met {name}: {told}: found from the names of the files in {ours['directory']}")


def _exe_dir(data: dict[str, Any], migration: Migration) -> str | None:
    """Return where ``hycs_std`` is: PYSTILT has named it in three ways, the last by HYSPLIT's whole folder."""
    models = data.get("models")
    models = dict(models) if isinstance(models, dict) else {}
    hysplit = models.pop("hysplit", None)
    for name in models:
        migration.note(f"models.{name}: only hysplit moves over")
    inner = dict(hysplit) if isinstance(hysplit, dict) else {"directory": hysplit}
    whole = inner.pop("directory", None)
    named = (
        inner.pop("exe_dir", None)
        or data.get("exe_dir")
        or (data.get("hysplit") or {}).get("exe_dir")
    )
    for key in inner:
        migration.note(f"models.hysplit.{key}: not known here")
    if named or not whole:
        return str(named) if named else None
    return str(whole) if (Path(whole) / "hycs_std").is_file() else str(Path(whole) / "exec")


def _carry_execution(data: dict[str, Any], migration: Migration) -> None:
    given = data.get("execution")
    given = dict(given) if isinstance(given, dict) else {}
    nested = given.pop("slurm", None)
    given.update(nested if isinstance(nested, dict) else {})
    if "cpus" in given:
        given["cpus_per_task"] = given.pop("cpus")
    timeout = given.pop("timeout", None) or data.get("timeout")
    execution: dict[str, Any] = {}
    if given.get("backend") not in {None, "local", "slurm"}:
        migration.note(f"execution.backend {given.pop('backend')}: only local and slurm are here")
    for key, value in given.items():
        option = key.replace("_", "-")
        if key == "keep_workdir":
            migration.note("execution.keep_workdir: work folders are removed")
        elif option in REFUSED:
            migration.note(f"execution.{key}: {REFUSED[option]}")
        elif value is not None and (key in OWN_KEYS or isinstance(value, str | int | float | bool)):
            execution[key] = value
    if timeout:
        execution["timeout"] = float(timeout)
    if execution.get("backend") == "slurm":
        execution.setdefault("n_workers", 1)
    migration.settings["execution"] = execution
