"""SETUP.CFG: HYSPLIT's namelist. Byte for byte what R-STILT writes where the settings are the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.config.schema import FILE_KEYS, NAMELIST_KEYS
from stilt.transport.hysplit.control import number

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.foundations.simulation import Receptor, Simulation

_COMPUTED = ("ivmax", "kmsl", "krand", "mhrs", "nbptyp", "seed", "varsiwant", "winderrtf")
_OUT_OF_ORDER = {"vscaleu": "vscaler", "winderrtf": "wz"}

KEYS = tuple(sorted((*NAMELIST_KEYS, *_COMPUTED), key=lambda key: _OUT_OF_ORDER.get(key, key)))
"""Every key in R-STILT's order, which is by name but for two, and ``seed``, which R-STILT does not have."""

REPEATABLE = 2
"""The KRAND of HYSPLIT's own generator, seeded by SEED alone."""

SEEDS = 2**31 - 2
"""hycs_std starts its generator from -1+SEED, a 32-bit integer, and only when that is negative."""


def render_setup(simulation: Simulation, config: Config, *, error_kind: int = 0) -> str:
    """Return the text of SETUP.CFG.

    Parameters
    ----------
    simulation
        Its id gives the seed, its receptor says what heights refer to.
    config
        The settings.
    error_kind
        WINDERRTF: 0 for the main run, 1 for wind errors, 2 for mixed-layer errors, 3 for both.
    """
    computed = {
        "ivmax": len(config.varsiwant),
        "kmsl": int(simulation.receptor.reference == "asl"),
        "krand": REPEATABLE if config.krand is None else config.krand,
        "maxpar": config.maxpar or _room(simulation.receptor, config.numpar),
        "mhrs": 9999,
        "nbptyp": 1,
        "seed": -seed(simulation.sim, config.seed) if config.krand is None else None,
        "varsiwant": config.varsiwant,
        "winderrtf": error_kind,
        **{key: link_name(key) for key in FILE_KEYS if getattr(config, key)},
    }
    lines = [
        f"{key.upper()}={_value(computed[key] if key in computed else getattr(config, key))},"
        for key in KEYS
        if key not in computed or computed[key] is not None
    ]
    return "\n".join(["$SETUP", *lines, "$END", ""])


def link_name(key: str) -> str:
    """Return what a file that a setting names is called in the work folder: HYSPLIT takes short names only."""
    return f"given_{key}"


def seed(sim: str, project_seed: int) -> int:
    """Return the seed of a simulation: the same for a rerun, another for each receptor and ``seed``."""
    digest = blake2b(f"{project_seed}:{sim}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % SEEDS


def _room(receptor: Receptor, particles: int) -> int:
    """Return MAXPAR where the config has none: ``numpar``, as R-STILT writes it, and more for several places.

    hycs_std releases the same number at each place, rounded up, until MAXPAR is reached: without room for the
    rounding the last places get fewer particles, or none (20 particles at 30 places: none at ten of them).
    """
    places = len(set(zip(receptor.longitudes, receptor.latitudes, strict=True)))
    return particles if places == 1 else particles + 2 * places


def _value(value: object) -> str:
    """Write a value as a namelist has it; nothing at all for no text, as R-STILT does."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, tuple):
        return ", ".join(f"'{name}'" for name in value)
    return f"'{value}'" if value else ""
