"""Where each quantity of the surface and the boundary layer comes from, and what takes its place: for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.met.analysis import PRESSURE
from stilt.transport.native.fields import BY_ENERGY, BoundaryOptions, FieldSource
from stilt.transport.native.projection import map_grid
from stilt.transport.native.roughness import HYSPLIT, OWN, TABLE, RoughnessSource
from stilt.transport.native.tables import find_terrain
from stilt.transport.native.terrain import terrain_source

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.met.analysis import Analysis

    Rows = list[tuple[str, str]]

_FIXED_FROM = 10
"""From here on ``kmixd`` is a height in metres."""

_NONE = "none: "

_METHODS = {BY_ENERGY: "profile of turbulent energy", 3: "bulk Richardson number"}


def lacking(rows: Rows) -> list[str]:
    """Return in words the quantities that the files do not have, and what takes their place."""
    return [
        f"no {quantity}: {source.removeprefix(_NONE)}"
        for quantity, source in rows
        if source.startswith(_NONE)
    ]


def surface_of(analysis: Analysis, config: Config) -> Rows:
    """Return each quantity, and what is taken for it.

    Raises
    ------
    TransportError
        ``MET_COVERAGE`` if the engine does not compute with the analysis: with what is lacking.
    """
    terrain = terrain_source(find_terrain(config.hysplit.exe_dir, None))
    one = RoughnessSource("any", None).load()  # which one does not matter here
    source = FieldSource(analysis, map_grid(analysis.grid), one, terrain)
    options = BoundaryOptions(config.kbls, config.kmixd, float(config.kmix0))
    roughness = config.roughness if config.roughness is not None else HYSPLIT
    words = f"{roughness:g} m everywhere" if not isinstance(roughness, str) else roughness
    tables = {HYSPLIT: f"HYSPLIT's table {TABLE}", OWN: "by the type of the ground"}
    words = tables.get(words, words)
    return [*sources(source, options), ("roughness", f"{words} (roughness:)")]


def sources(source: FieldSource, options: BoundaryOptions) -> Rows:
    """Return what ``surface_of`` does, but for the roughness, which is no matter of the analysis."""
    reader, origin = source.reader, source.reader.origin
    has_heights = source.index.grid.level_type == PRESSURE
    estimated = "height and temperature" if has_heights else "temperature"
    ground = (
        f"{_NONE}where the levels' heights reach the surface pressure"
        if has_heights
        else f"{_NONE}HYSPLIT's table of terrain"
    )
    wind = [origin("U10M"), origin("V10M")]
    temperature = origin(reader.last_of("T02M", "TMPS") or "")
    return [
        ("surface pressure", origin("PRSS") or f"{_NONE}from the lowest level's {estimated}"),
        ("terrain", origin(reader.first_of("SHGT", "TERR") or "") or ground),
        (
            "temperature",
            temperature or f"{_NONE}the lowest level's, brought down dry-adiabatically",
        ),
        (
            "10 m wind",
            " and ".join(wind) if all(wind) else f"{_NONE}the lowest level's, by the log law",
        ),
        *_fluxes(source, options),
        *_motion(source),
        ("mixed layer", _mixed_layer(source, options)),
    ]


def _fluxes(source: FieldSource, options: BoundaryOptions) -> Rows:
    origin = source.reader.origin
    momentum = " and ".join(filter(None, map(origin, source.momentum_names)))
    heat = origin(source.heat_name or "")
    if options.kbls == 1 and source.has_fluxes:
        return [("momentum flux", momentum), ("heat flux", heat)]
    instead = "from the profiles of wind and temperature"
    if source.has_fluxes:
        return [
            (f"{name} flux", f"{instead} (kbls: {options.kbls})") for name in ("momentum", "heat")
        ]
    there = {"momentum": momentum, "heat": heat}
    return [
        (f"{name} flux", f"{instead}, as {own} is alone" if own else f"{_NONE}{instead}")
        for name, own in there.items()
    ]


def _motion(source: FieldSource) -> Rows:
    """Return a row where it is missing: it is no field of the surface."""
    words = (
        f"{_NONE}from the divergence of the wind, as hycs_std has it (not what continuity asks for)"
    )
    return [] if source.has_motion else [("vertical motion", words)]


def _mixed_layer(source: FieldSource, options: BoundaryOptions) -> str:
    own = source.reader.origin(source.reader.first_of("PBLH", "HPBL", "MXHT") or "")
    if options.kmixd >= _FIXED_FROM:
        return f"{options.kmixd} m (kmixd)"
    if options.kmixd == 0 and own:
        return own
    kmixd = 1 if options.kmixd == BY_ENERGY and not source.reader.has("TKEN", 1) else options.kmixd
    method = _METHODS.get(kmixd, "profile of potential temperature")
    return f"by the {method}" + (f"; kmixd: 0 takes {own}" if own else "")
