"""SETUP.CFG: HYSPLIT's namelist. Byte for byte what R-STILT writes where the settings are the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.config.schema import FILE_KEYS, NAMELIST_KEYS
from stilt.transport.hysplit.control import number
from stilt.transport.hysplit.sources import particle_limits

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation

_COMPUTED = ("ivmax", "kmsl", "krand", "mhrs", "nbptyp", "seed", "varsiwant", "winderrtf")
_OUT_OF_ORDER = {"vscaleu": "vscaler", "winderrtf": "wz"}

KEYS = tuple(sorted((*NAMELIST_KEYS, *_COMPUTED), key=lambda key: _OUT_OF_ORDER.get(key, key)))
"""Every key in R-STILT's order, which is by name but for two, and ``seed``, which R-STILT does not have."""

REPEATABLE = 2
"""The KRAND of HYSPLIT's own generator, seeded by SEED alone."""

SEEDING = 1
"""The version of the rule from simulation and seed to SEED; raise it with the rule: other seeds, other particles."""

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
    numpar, maxpar = particle_limits(simulation.receptor, config)
    computed = {
        "ivmax": len(config.varsiwant),
        "kmsl": int(simulation.receptor.reference == "asl"),
        "krand": REPEATABLE if config.krand is None else config.krand,
        "maxpar": maxpar,
        "mhrs": 9999,
        "nbptyp": 1,
        "numpar": numpar,
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


def _value(value: object) -> str:
    """Write a value as a namelist has it; nothing at all for no text, as R-STILT does."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, tuple):
        return ", ".join(f"'{name}'" for name in value)
    return f"'{value}'" if value else ""
