"""Which settings this engine can follow, and which it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.config.schema import Config
from stilt.foundations.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_MODEL = "use model: hysplit"

_NAMES = """
    time indx long lati zagl foot mlht dens samt sigw tlgr
    pres temp temz rhfr sphu wout zsfc shtf whtf dswf rain crai tcld lcld icdx zcfx zloc
"""
COLUMNS = frozenset(_NAMES.split())
"""Names of ``varsiwant`` that this engine can give; of HYSPLIT's only ``dmas`` is missing."""

_AS_DEFAULT = (
    "w_option",
    "capemin",
    "cmass",
    "efile",
    "ichem",
    "idsp",
    "initd",
    "k10m",
    "kagl",
    "kblt",
    "kdef",
    "khinp",
    "kzmix",
    "ninit",
    "pinbc",
    "pinpf",
    "qcycle",
    "tvmix",
    "wvert",
)
"""Keys whose other values choose something that the specification does not cover."""

_MIXED_LAYER_METHODS = (0, 1, 3)
_FIRST_FIXED_HEIGHT = 10
_SURFACE_METHODS = (1, 2)
_DEGENERATE_TLFRAC = 1.0


def check_settings(config: Config) -> None:
    """Refuse every setting that this engine would silently not follow.

    Raises
    ------
    ProblemsError
        Naming each of them.
    """
    problems = tuple(_problems(config))
    if problems:
        raise ProblemsError("model: native cannot follow these settings", problems, OTHER_MODEL)


def _problems(config: Config) -> Iterator[str]:
    standard = Config(mets=config.mets, n_hours=config.n_hours)
    for key in _AS_DEFAULT:
        value = getattr(config, key)
        if value != getattr(standard, key):
            yield f"{key}: {value!r} is not supported by model: native; {OTHER_MODEL}"
    for name in config.varsiwant:
        if name not in COLUMNS:
            yield f"varsiwant: {name} is not known to model: native; {OTHER_MODEL}"
    yield from _methods(config)
    if config.krand is not None:
        yield f"krand: chooses HYSPLIT's random numbers; leave it out, or {OTHER_MODEL}"
    if config.khmax < abs(config.n_hours):
        yield f"khmax: {config.khmax} h, less than n_hours, is not supported; {OTHER_MODEL}"
    if config.maxpar is not None and config.maxpar < config.numpar:
        yield f"maxpar: {config.maxpar}, less than numpar, is not supported; {OTHER_MODEL}"


def _methods(config: Config) -> Iterator[str]:
    if config.kmixd not in _MIXED_LAYER_METHODS and config.kmixd < _FIRST_FIXED_HEIGHT:
        yield f"kmixd: {config.kmixd} is not supported (0, 1, 3 or a height in m are); {OTHER_MODEL}"
    if config.kbls not in _SURFACE_METHODS:
        yield f"kbls: {config.kbls} is not supported (1 and 2 are); {OTHER_MODEL}"
    if config.nturb not in (0, 1):
        yield f"nturb: {config.nturb} is not supported (0 and 1 are); {OTHER_MODEL}"
    if not 0.0 < config.tlfrac <= _DEGENERATE_TLFRAC:
        yield f"tlfrac: {config.tlfrac:g} is not within 0 and 1"
    if config.hscale <= 0.0:
        yield f"hscale: {config.hscale:g} is not above 0"
    if config.outdt < 0 or config.outdt != int(config.outdt):
        yield f"outdt: {config.outdt:g} is not a whole number of minutes; {OTHER_MODEL}"
    if config.zicontroltf and any(factor < 0 for factor in config.ziscale):
        yield f"ziscale: a negative factor is not supported; {OTHER_MODEL}"
