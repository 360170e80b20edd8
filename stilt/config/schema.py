"""The settings of a project, typed: what ``config.yaml`` may say, and what each key means.

``Config`` is the one table of settings: its annotations say what each means, in which unit, where it goes and what
each engine does with it (``stilt/config/setting.py``). Defaults of transport settings are those of R-STILT's
``run_stilt.r``.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from stilt.config.sections import (
    About,
    Count,
    Execution,
    FootprintGrid,
    HysplitSection,
    JacobianSection,
    Keep,
    Met,
    Positive,
    SbatchValue,
    is_longlat,
)
from stilt.config.setting import (
    DEFAULT,
    FOLLOWS,
    IDLE,
    UNNEEDED,
    Goes,
    Values,
    namelist,
    one_of,
    own,
    settings_of,
)
from stilt.foundations.emission import all_leave

__all__ = [
    "About",
    "Config",
    "Execution",
    "FootprintGrid",
    "HysplitSection",
    "JacobianSection",
    "Keep",
    "Met",
    "SbatchValue",
    "is_longlat",
]

USUAL_VARSIWANT = tuple("time indx long lati zagl foot mlht dens samt sigw tlgr".split())  # noqa: SIM905
"""STILT's columns of the particle table."""

MINIMAL_VARSIWANT = ("time", "indx", "long", "lati", "foot")
"""Columns that a footprint cannot be computed without."""

NEAR_FIELD_VARSIWANT = ("dens", "mlht", "samt", "sigw", "tlgr")
"""Columns that the hyper-near-field correction (``hnf_plume``) needs besides."""

VARSIWANT_NAMES = tuple(
    """
    time indx long lati zagl sigw tlgr zsfc icdx temp samt foot shtf tcld dmas dens rhfr sphu lcld zloc dswf wout mlht
    rain crai pres whtf temz zcfx
    """.split()  # noqa: SIM905 - one a line takes half a page
)
"""Columns that hycs_std can write."""

Flag = Annotated[int, Meta(ge=0, le=1)]
RandomMethod = Annotated[int, Meta(ge=0, le=14)]
Text = Annotated[str, Meta(max_length=4096)]

# Here and not inside the annotations: those are evaluated where a lambda does not see this module's names.
_NATIVE_NAMES = frozenset(VARSIWANT_NAMES) - {"dmas"}
_MIXED_METHODS, _LEAST_HEIGHT_M, _LEAST_TOP_M = (0, 1, 2, 3), 10, 2_000
_ABOVE_0 = Values("above 0", lambda value, _: value > 0)
_MOST_LEAST_M = 999
_KMIX0 = Values("up to 999", lambda value, _: value <= _MOST_LEAST_M, "the height is 999")
_KMIX0_NATIVE = Values("0 to 999", lambda value, _: 0 <= value <= _MOST_LEAST_M)
_EMISSION = Values(
    "up to a minute, or whole minutes",
    lambda hours, config: all_leave(config.numpar, hours),
    "some particles never leave",
)
_NONE_NEGATIVE = Values("0 or more", lambda values, _: min(values, default=0) >= 0)
_WHOLE = Values("a whole number", lambda value, _: value == int(value))
_STEPS = Values("a whole number, 0 or more", lambda value, _: value >= 0 and value == int(value))
_PART = Values("above 0, at most 1", lambda value, _: 0 < value <= 1)
_MIXED_LAYER = Values(
    "0, 1, 2, 3 or a height of 10 or more",
    lambda value, _: value in _MIXED_METHODS or value >= _LEAST_HEIGHT_M,
)
_TOP = Values("2000 or more", lambda value, _: value >= _LEAST_TOP_M)
_ROOM = Values("numpar or more", lambda room, config: room is None or room >= config.numpar)
_ALL_BUT_DMAS = Values("all but dmas", lambda names, _: _NATIVE_NAMES.issuperset(names))


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole ``config.yaml``."""

    def _repr_html_(self) -> str:
        from stilt.config.told import config_html

        return config_html(self)

    mets: Annotated[dict[str, Met], own("Meteorology by name", min_length=1)]
    footprints: Annotated[
        dict[str, FootprintGrid], own("Footprint products by name; none for trajectories only")
    ] = {}
    model: Annotated[
        str, own("Transport engine: hysplit, native, or module:attribute", min_length=1)
    ] = "hysplit"
    hysplit: Annotated[HysplitSection, own("A HYSPLIT of one's own")] = field(
        default_factory=HysplitSection
    )
    roughness: Annotated[
        Annotated[float, Meta(gt=0.0, le=10.0)] | Annotated[str, Meta(min_length=1)] | None,
        own(
            "Roughness length of the ground for native: hysplit (the table of an installed HYSPLIT), own (by the type "
            "of the ground), a length, or a file like that table; left out: as the results so far, else hysplit",
            "m",
            only_for="native",
        ),
    ] = None
    seed: Annotated[
        int,
        own(
            "Seed of the random numbers when krand is not given",
            gives_way_to="krand",
            ge=0,
            le=2**31 - 1,
        ),
    ] = 0
    realizations: Annotated[
        Count,
        own(
            "Simulations of each receptor with each meteorology, with random numbers of their own; never part of what "
            "makes a result stale",
            le=999,
        ),
    ] = 1
    variants: Annotated[
        dict[str, dict[str, Any]] | None,
        own(
            "By name: all simulations once more with these settings in place of the project's; met names one of mets, "
            "else each has them"
        ),
    ] = None
    output: Annotated[
        str | None, own("Folder of results and log; left out: output in the project")
    ] = None
    execution: Annotated[Execution, own("How to run; never part of what makes a result stale")] = (
        field(default_factory=Execution)
    )

    keep: Annotated[Keep, own("What is kept; never part of what makes a result stale")] = field(
        default_factory=Keep
    )
    jacobian: Annotated[
        JacobianSection | None,
        own(
            "The matrix whose rows workers make beside footprints; never part of what makes a result stale"
        ),
    ] = None
    about: Annotated[
        About | None,
        own(
            "Who made this, for the attributes of footprint files; never part of what makes a result stale"
        ),
    ] = None

    # transport
    n_hours: Annotated[int, own("Length of a run; negative is backward in time", "h", Goes.CONTROL)]
    numpar: Annotated[Count, own("Particles of one simulation", "", Goes.SETUP)] = 1000
    hnf_plume: Annotated[bool, own("Correct the dilution in the hyper-near field")] = True
    krand: Annotated[
        RandomMethod | None,
        namelist("HYSPLIT's random numbers; left out: reproducible, from seed", native=DEFAULT),
    ] = None
    varsiwant: Annotated[
        tuple[str, ...],
        namelist(
            "Columns of the particle table",
            takes=_ALL_BUT_DMAS,
            min_length=1,
        ),
    ] = USUAL_VARSIWANT
    emisshrs: Annotated[
        Positive,
        namelist(
            "Time over which particles are released, the same number each minute until all have left",
            "h",
            takes=_EMISSION,
            hysplit=_EMISSION,
            goes=Goes.CONTROL,
        ),
    ] = 0.01
    w_option: Annotated[
        int,
        namelist(
            "Vertical motion: 0 from the data, else a HYSPLIT method",
            native=DEFAULT,
            goes=Goes.CONTROL,
            ge=0,
            le=8,
        ),
    ] = 0
    z_top: Annotated[
        Positive,
        namelist("Top of the model", "m above ground", takes=_TOP, goes=Goes.CONTROL),
    ] = 25000.0
    veght: Annotated[
        Positive,
        own(
            "Height that the surface influences: up to 1 a part of the mixed layer, above 1 in m",
            "",
            Goes.SETUP,
        ),
    ] = 0.5
    ziscale: Annotated[
        tuple[float, ...],
        namelist(
            "Factors on the mixed-layer height: one for all hours, or a list whose first is of analyses less than 1 h "
            "from the start, whose second of those less than 2 h, ...: n_hours and one more; others are not scaled",
            takes=_NONE_NEGATIVE,
            goes=Goes.ZICONTROL,
        ),
    ] = ()
    zicontroltf: Annotated[Flag, own("1: use ziscale", "", Goes.SETUP)] = 0

    # wind error: all four or none
    siguverr: Annotated[
        Positive | None, own("Standard deviation of the wind error", "m s-1", Goes.WINDERR)
    ] = None
    tluverr: Annotated[
        Positive | None, own("Correlation time of the wind error", "min", Goes.WINDERR)
    ] = None
    zcoruverr: Annotated[
        Positive | None, own("Vertical correlation length of the wind error", "m", Goes.WINDERR)
    ] = None
    horcoruverr: Annotated[
        Positive | None, own("Horizontal correlation length of the wind error", "km", Goes.WINDERR)
    ] = None

    # mixed-layer error: all three or none
    sigzierr: Annotated[
        Positive | None, own("Standard deviation of the mixed-layer height error", "%", Goes.ZIERR)
    ] = None
    tlzierr: Annotated[
        Positive | None, own("Correlation time of the mixed-layer error", "min", Goes.ZIERR)
    ] = None
    horcorzierr: Annotated[
        Positive | None, own("Correlation length of the mixed-layer error", "km", Goes.ZIERR)
    ] = None

    # the rest of HYSPLIT's namelist, with R-STILT's defaults
    capemin: Annotated[
        float,
        namelist(
            "Convection: -1 none, -2 Grell, -3 extreme, above 0 mixing where CAPE is more",
            "J kg-1",
            DEFAULT,
        ),
    ] = -1
    cmass: Annotated[int, namelist("Grid output: 0 concentration, 1 mass", native=IDLE)] = 0
    conage: Annotated[
        int, namelist("Age at which particles become puffs", "h", IDLE, wakes_with="initd")
    ] = 48
    cpack: Annotated[
        int, namelist("Packing of the concentration grid", native=IDLE, hysplit=one_of(0, 1, 2))
    ] = 1
    delt: Annotated[float, namelist("Time step; STILT's mode has one minute", "min", IDLE)] = 1
    dxf: Annotated[float, namelist("Shift of ensemble members eastward", "grid cells", IDLE)] = 1
    dyf: Annotated[float, namelist("Shift of ensemble members northward", "grid cells", IDLE)] = 1
    dzf: Annotated[float, namelist("Shift of ensemble members upward", "sigma", IDLE)] = 0.01
    efile: Annotated[
        Text, namelist("File of emissions in time, as EMITIMES", native=DEFAULT, file=True)
    ] = ""
    frhmax: Annotated[
        float,
        namelist(
            "Puffs: most horizontal rounding when they merge", native=IDLE, wakes_with="initd"
        ),
    ] = 3
    frhs: Annotated[
        float,
        namelist("Puffs: horizontal rounding when they merge", native=IDLE, wakes_with="initd"),
    ] = 1
    frme: Annotated[
        float, namelist("Puffs: share of the mass that merges", native=IDLE, wakes_with="initd")
    ] = 0.1
    frmr: Annotated[
        float, namelist("Puffs: share of the mass that is removed", native=IDLE, wakes_with="initd")
    ] = 0
    frts: Annotated[
        float, namelist("Puffs: rounding in time when they merge", native=IDLE, wakes_with="initd")
    ] = 0.1
    frvs: Annotated[
        float, namelist("Puffs: vertical rounding when they merge", native=IDLE, wakes_with="initd")
    ] = 0.01
    hscale: Annotated[
        float,
        namelist("Horizontal Lagrangian time scale", "s", FOLLOWS, _ABOVE_0, hysplit=_ABOVE_0),
    ] = 10800
    ichem: Annotated[int, namelist("Mode: 8 is STILT's", native=DEFAULT, hysplit=one_of(8))] = 8
    idsp: Annotated[
        int, namelist("Dispersion scheme: 2 is STILT's", native=DEFAULT, hysplit=one_of(2))
    ] = 2
    initd: Annotated[
        int, namelist("Particles (0) or puffs (1 to 4, 103 to 109)", native=DEFAULT)
    ] = 0
    k10m: Annotated[
        int, namelist("1: use winds at 10 m and temperature at 2 m", native=DEFAULT)
    ] = 1
    kagl: Annotated[int, namelist("Trajectory output above ground", native=IDLE)] = 1
    kbls: Annotated[
        int, namelist("Stability from 1 fluxes, 2 profiles", native=FOLLOWS, takes=one_of(1, 2))
    ] = 1
    kblt: Annotated[
        int,
        namelist("Turbulence: 1 Beljaars, 2 Kantha, 3 TKE, 4 variances, 5 Hanna", native=DEFAULT),
    ] = 5
    kdef: Annotated[
        int, namelist("Horizontal turbulence from 0 the vertical, 1 deformation", native=DEFAULT)
    ] = 0
    khinp: Annotated[
        int, namelist("Age of particles that are read at the start", "h", IDLE, wakes_with="pinpf")
    ] = 0
    khmax: Annotated[int, namelist("Most age of a particle", "h", IDLE)] = 9999
    kmix0: Annotated[
        int,
        namelist("Least height of the mixed layer", "m", FOLLOWS, _KMIX0_NATIVE, hysplit=_KMIX0),
    ] = 150
    kmixd: Annotated[
        int,
        namelist(
            "Mixed-layer height from 0 data, 1 temperature, 2 TKE, 3 Richardson; from 10 a height in m",
            native=FOLLOWS,
            takes=_MIXED_LAYER,
        ),
    ] = 3
    kpuff: Annotated[int, namelist("Puffs: growth", native=IDLE, wakes_with="initd")] = 0
    krnd: Annotated[int, namelist("Puffs: time between mergers", "h", IDLE, wakes_with="initd")] = 6
    kspl: Annotated[int, namelist("Puffs: time between splits", "h", IDLE, wakes_with="initd")] = 1
    kwet: Annotated[
        int,
        namelist("Wet deposition: precipitation from the data", native=IDLE, hysplit=one_of(0, 1)),
    ] = 1
    kzmix: Annotated[
        int, namelist("Vertical mixing: 0 profile, 1 its mean, 2 scaled by tvmix", native=DEFAULT)
    ] = 0
    maxdim: Annotated[
        int,
        namelist("Pollutants of a particle; more read memory that was never set", native=DEFAULT),
    ] = 1
    maxpar: Annotated[
        Count | None,
        namelist(
            "Room for particles; left out: as many as are needed",
            native=UNNEEDED,
            takes=_ROOM,
        ),
    ] = None
    mgmin: Annotated[
        int, namelist("Least part of the meteorology that is loaded", "grid cells", UNNEEDED)
    ] = 10
    ncycl: Annotated[int, namelist("Time between dumps of particles", "h", IDLE)] = 0
    ndump: Annotated[int, namelist("Time of the first dump of particles", "h", IDLE)] = 0
    ninit: Annotated[
        int,
        namelist(
            "How particles that are read at the start are used", native=IDLE, wakes_with="pinpf"
        ),
    ] = 1
    nstr: Annotated[int, namelist("Time between new trajectories", "h", IDLE)] = 0
    nturb: Annotated[int, namelist("1: no turbulence", native=FOLLOWS, takes=one_of(0, 1))] = 0
    nver: Annotated[int, namelist("Heights of a trajectory", native=IDLE)] = 0
    outdt: Annotated[
        float,
        namelist(
            "Time between rows of a particle; 0 is every step",
            "min",
            FOLLOWS,
            _STEPS,
            hysplit=_WHOLE,
        ),
    ] = 0
    p10f: Annotated[float, namelist("Factor on the threshold of dust emission", native=IDLE)] = 1
    pinbc: Annotated[
        Text, namelist("File of particles at the boundary", native=DEFAULT, file=True)
    ] = ""
    pinpf: Annotated[
        Text, namelist("File of particles at the start", native=DEFAULT, file=True)
    ] = ""
    poutf: Annotated[Text, namelist("Name of the dump of particles", native=IDLE)] = ""
    qcycle: Annotated[
        float, namelist("Time between repeated emissions", "h", IDLE, wakes_with="initd")
    ] = 0
    rhb: Annotated[
        float, namelist("Relative humidity at the bottom of a cloud", "%", IDLE, hysplit=_WHOLE)
    ] = 80
    rht: Annotated[
        float, namelist("Relative humidity at the top of a cloud", "%", IDLE, hysplit=_WHOLE)
    ] = 60
    splitf: Annotated[
        float, namelist("Puffs: size at which they split", native=IDLE, wakes_with="initd")
    ] = 1
    tkerd: Annotated[
        float, namelist("Share of vertical turbulence by day", native=IDLE, wakes_with="kblt")
    ] = 0.18
    tkern: Annotated[
        float, namelist("Share of vertical turbulence by night", native=IDLE, wakes_with="kblt")
    ] = 0.18
    tlfrac: Annotated[
        float,
        namelist(
            "Part of the Lagrangian time scale that a step takes",
            native=FOLLOWS,
            takes=_PART,
        ),
    ] = 0.1
    tout: Annotated[
        float, namelist("Time between rows of a trajectory", "min", IDLE, hysplit=_WHOLE)
    ] = 0
    tratio: Annotated[float, namelist("Part of a grid cell that a step crosses", native=IDLE)] = (
        0.75
    )
    tvmix: Annotated[
        float,
        namelist("Factor on the vertical mixing, for kzmix 2", native=IDLE, wakes_with="kzmix"),
    ] = 1
    vscale: Annotated[float, namelist("Vertical Lagrangian time scale", "s", IDLE)] = 200
    vscaleu: Annotated[
        float, namelist("Vertical Lagrangian time scale, unstable", "s", IDLE, wakes_with="vscales")
    ] = 200
    vscales: Annotated[
        float, namelist("Vertical Lagrangian time scale, stable; -1 by Hanna", "s", DEFAULT)
    ] = -1
    wbbh: Annotated[float, namelist("Balloon: height at which it bursts", "m", IDLE)] = 0
    wbwf: Annotated[float, namelist("Balloon: speed of its fall", "m s-1", IDLE)] = 0
    wbwr: Annotated[float, namelist("Balloon: speed of its rise", "m s-1", IDLE)] = 0
    wvert: Annotated[bool, namelist("WRF's vertical interpolation", native=DEFAULT)] = False

    @property
    def has_wind_error(self) -> bool:
        """Whether a second trajectory with wind errors is asked for."""
        return self.siguverr is not None

    @property
    def has_mixed_layer_error(self) -> bool:
        """Whether a second trajectory with mixed-layer errors is asked for."""
        return self.sigzierr is not None

    @property
    def has_error_run(self) -> bool:
        """Whether there is a second trajectory, with errors of either kind."""
        return self.has_wind_error or self.has_mixed_layer_error


SETTINGS = settings_of(Config)
"""The table of settings, by name."""


def keys_to(*places: Goes) -> tuple[str, ...]:
    """Return the settings that go to these places, in the order of the table."""
    return tuple(name for name, setting in SETTINGS.items() if setting.goes in places)


NAMELIST_KEYS = tuple(sorted(set(keys_to(Goes.SETUP)) - {"krand", "varsiwant"}))
"""Keys that go to SETUP.CFG under their own name as they are; the two others are translated."""

FILE_KEYS = tuple(name for name, setting in SETTINGS.items() if setting.file)
"""Keys that name a file which HYSPLIT reads."""

WIND_ERROR_KEYS = keys_to(Goes.WINDERR)
MIXED_LAYER_ERROR_KEYS = keys_to(Goes.ZIERR)

MOVING_KEYS = ("hnf_plume", "seed", *keys_to(*set(Goes) - {Goes.OWN, Goes.ZICONTROL}))
"""Keys that R-STILT and PYSTILT have under the same name."""
