"""What R-STILT and PYSTILT call the same things: names, and settings that cannot move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stilt.config.conversion import types
from stilt.config.rules import time_step
from stilt.config.schema import (
    MIXED_LAYER_ERROR_KEYS,
    NAMELIST_KEYS,
    VARSIWANT_NAMES,
    WIND_ERROR_KEYS,
    Config,
)

if TYPE_CHECKING:
    from stilt.migrate.migration import Migration

TRANSPORT_KEYS = (
    "n_hours",
    "hnf_plume",
    "krand",
    "varsiwant",
    "emisshrs",
    "w_option",
    "z_top",
    "seed",
    *NAMELIST_KEYS,
    *WIND_ERROR_KEYS,
    *MIXED_LAYER_ERROR_KEYS,
)

QUIET = frozenset({"mhrs", "nbptyp", "rm_dat", "run_trajec"})
"""Settings of the others that say nothing here."""

LEFT_BEHIND = {
    "iconvect": "convection is not a setting of HYSPLIT 5",
    "convect": "convection is not a setting of HYSPLIT 5",
    "isot": "turbulence is set by kblt",
    "outfrac": "HYSPLIT 5 has no such setting",
    "random": "use seed, or krand",
    "winderrtf": "give siguverr, tluverr, zcoruverr and horcoruverr for a wind-error run",
    "met_subgrid_enable": "meteorology is not cropped here",
    "subgrid_enable": "meteorology is not cropped here",
    "before_trajec": "there is no hook before the transport",
    "before_footprint": "there is no hook before the footprint: read the particles in Python instead",
    "transforms": "a product here has weight: kernel, with kernels, and lifetime_h: write them under footprints",
    "geometry": "a grid must be given: the footprint was to be made for areas",
}
"""Settings that have no counterpart, and what to do; noted when they are switched on."""


class Unset(str):
    """What stands in a setting that could not be followed: config.yaml is refused until somebody sets it."""

    __slots__ = ()


_OFF: tuple[Any, ...] = (None, False, 0, 0.0, "", [], {})

KNOWN_METS = (
    *("hrrr", "nam12", "nams", "nam", "gdas0p5", "gdas1", "gdas", "gfs0p25", "gfs", "era5"),
    *("edas40", "edas", "narr", "ngm", "rap", "wrf"),
)


def carry_transport(given: dict[str, Any], migration: Migration) -> None:
    """Move transport settings over, each in the type that it has here."""
    for key in TRANSPORT_KEYS:
        if isinstance(given.get(key), Unset):
            migration.settings[key] = str(given[key])
        elif given.get(key) is not None:
            value = _fitting(key, given[key])
            if value is None:
                migration.note(f"{key}: {given[key]!r} is not understood: set it yourself")
            else:
                migration.settings[key] = value
    if migration.settings.get("maxpar") == migration.settings.get("numpar"):
        migration.settings.pop("maxpar", None)  # as it is by default
    _check_krand(migration)
    _check_varsiwant(migration)
    for key, why in LEFT_BEHIND.items():
        if key in given and given[key] not in _OFF:
            migration.note(f"{key}: {why}")
    if given.get("kmsl") == 1:
        migration.note(
            "kmsl 1: heights above sea level are named in receptors.csv, by the column zasl"
        )
    elif given.get("kmsl"):
        migration.note(
            f"kmsl {given['kmsl']}: heights are in metres above ground or sea level only"
        )


def _fitting(key: str, value: Any) -> Any:
    """Return a value in the type of the setting; None if it has none of it."""
    hint = types(Config)[key]
    candidates = [value]
    if isinstance(value, bool):
        candidates.append(int(value))
    elif isinstance(value, float) and value.is_integer():
        candidates.insert(0, int(value))
    elif isinstance(value, int):
        candidates.append(bool(value))
    elif isinstance(value, str) and key == "varsiwant":
        candidates.insert(0, value.split("/"))
    for candidate in candidates:
        try:
            return msgspec.to_builtins(msgspec.convert(candidate, hint))
        except msgspec.ValidationError:
            continue
    return None


def _check_krand(migration: Migration) -> None:
    if migration.settings.get("krand") == 4:  # noqa: PLR2004 - R-STILT's default
        del migration.settings["krand"]
        migration.note(
            "krand 4 is seeded by the clock: without krand every receptor has a random stream of its "
            "own that can be repeated (seed). Set krand: 4 to have it as it was"
        )


def _check_varsiwant(migration: Migration) -> None:
    names = migration.settings.get("varsiwant")
    if not names:
        return
    unknown = [name for name in names if name not in VARSIWANT_NAMES]
    if unknown:
        migration.settings["varsiwant"] = [name for name in names if name in VARSIWANT_NAMES]
        migration.note(f"varsiwant: HYSPLIT 5 does not write {', '.join(unknown)}")


def file_step(text: Any) -> str | None:
    """Return a time step as it stands in our config; None if it is not understood."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return time_step(f"{text:g}h")
    return time_step(str(text)) if text else None


def met_name(*texts: Any) -> str:
    """Guess a name for a meteorology from its folder and file names."""
    words = " ".join(str(text).lower() for text in texts)
    return next((name for name in KNOWN_METS if name in words), "met")
