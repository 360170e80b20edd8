"""SETUP.CFG: HYSPLIT's namelist. Byte for byte what R-STILT writes where the settings are the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.transport.hysplit.control import number
from stilt.transport.hysplit.sources import particle_limits

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation

KEYS = tuple(
    """
    capemin cmass conage cpack delt dxf dyf dzf efile frhmax frhs frme frmr frts frvs hscale ichem idsp initd ivmax
    k10m kagl kbls kblt kdef khinp khmax kmix0 kmixd kmsl kpuff krand krnd kspl kwet kzmix maxdim maxpar mgmin mhrs
    nbptyp ncycl ndump ninit nstr nturb numpar nver outdt p10f pinbc pinpf poutf qcycle rhb rht seed splitf tkerd
    tkern tlfrac tout tratio tvmix varsiwant veght vscale vscaleu vscales wbbh wbwf wbwr wvert winderrtf zicontroltf
    """.split()  # noqa: SIM905 - 73 quoted words would hide the order
)
"""Every key in R-STILT's order, and ``seed``, which R-STILT does not have."""

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
    }
    lines = [
        f"{key.upper()}={_value(computed[key] if key in computed else getattr(config, key))},"
        for key in KEYS
        if key not in computed or computed[key] is not None
    ]
    return "\n".join(["$SETUP", *lines, "$END", ""])


def seed(sim: str, project_seed: int) -> int:
    """Return the seed of a simulation: the same for a rerun, another for each receptor and ``seed``."""
    digest = blake2b(f"{project_seed}:{sim}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % SEEDS


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, tuple):
        return ", ".join(f"'{name}'" for name in value)
    return str(value)
