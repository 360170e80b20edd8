"""The settings of a project, typed: what ``config.yaml`` may say and what each key means.

Ranges and descriptions stand in the types, so that the loader, the JSON Schema and the reader of
this page have one source. Defaults of the transport settings are those of R-STILT's ``run_stilt.r``.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Flag = Annotated[int, Meta(ge=0, le=1)]
RandomMethod = Annotated[int, Meta(ge=0, le=14)]

SbatchValue = str | int | float | bool

MINIMAL_VARSIWANT = ("time", "indx", "long", "lati", "foot")
"""Columns that a footprint cannot be computed without."""

NEAR_FIELD_VARSIWANT = ("dens", "mlht", "samt", "sigw", "tlgr")
"""Columns that the hyper-near-field correction (``hnf_plume``) needs besides."""

VARSIWANT_NAMES = (
    "time",
    "indx",
    "long",
    "lati",
    "zagl",
    "sigw",
    "tlgr",
    "zsfc",
    "icdx",
    "temp",
    "samt",
    "foot",
    "shtf",
    "tcld",
    "dmas",
    "dens",
    "rhfr",
    "sphu",
    "lcld",
    "zloc",
    "dswf",
    "wout",
    "mlht",
    "rain",
    "crai",
    "pres",
    "whtf",
    "temz",
    "zcfx",
)
"""Columns that hycs_std can write."""

_SECONDS = {"min": 60, "h": 3600, "d": 86400}


class Met(Struct, frozen=True, forbid_unknown_fields=True):
    """One source of meteorology: ARL files in a folder, named by their time."""

    directory: Annotated[
        str, Meta(description="Folder of the ARL files; subfolders are searched too.", min_length=1)
    ]
    file_format: Annotated[
        str,
        Meta(
            description="Name of a file: strftime codes for its time, the rest a regular "
            "expression that is searched for in the path, as in R-STILT.",
            min_length=1,
        ),
    ]
    file_tres: Annotated[
        str, Meta(description="Time from one file to the next: 6h, 1d, 30min.", min_length=1)
    ]
    n_met_min: Annotated[Count, Meta(description="Fewest files that a simulation must find.")] = 1

    @property
    def step_s(self) -> int:
        """``file_tres`` in seconds; the loader has brought it to the form ``<number><min|h|d>``."""
        match = re.fullmatch(r"(\d+)(min|h|d)", self.file_tres)
        if match is None:
            raise ValueError(
                f"file_tres {self.file_tres!r} is not a time step like 6h, 1d or 30min"
            )
        return int(match[1]) * _SECONDS[match[2]]


class FootprintGrid(Struct, frozen=True, forbid_unknown_fields=True):
    """One footprint product: its grid and how it is smoothed.

    ``xmin`` to ``ymax`` are degrees also where ``projection`` is not longitude/latitude, as in
    R-STILT; ``xres`` and ``yres`` are in units of the projection.
    """

    xmin: Annotated[float, Meta(description="Western edge, degrees east.")]
    xmax: Annotated[float, Meta(description="Eastern edge, degrees east.")]
    ymin: Annotated[float, Meta(description="Southern edge, degrees north.")]
    ymax: Annotated[float, Meta(description="Northern edge, degrees north.")]
    xres: Annotated[Positive, Meta(description="Cell width, degrees or metres of the projection.")]
    yres: Annotated[Positive, Meta(description="Cell height; like xres where it is left out.")]
    projection: Annotated[
        str, Meta(description="PROJ text or an authority code such as EPSG:5070.", min_length=1)
    ] = "+proj=longlat"
    smooth_factor: Annotated[
        NotNegative, Meta(description="Multiplies the bandwidth of the smoothing; 0 for none.")
    ] = 1.0
    time_integrate: Annotated[bool, Meta(description="One layer for all hours.")] = False

    @property
    def is_longlat(self) -> bool:
        """Whether the grid is in degrees of longitude and latitude."""
        return is_longlat(self.projection)


def is_longlat(projection: str) -> bool:
    """Tell whether a projection text means plain degrees, without asking pyproj."""
    words = projection.lower().split()
    return bool({"+proj=longlat", "+proj=latlong", "+proj=lonlat", "epsg:4326"} & set(words))


class HysplitSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Where ``hycs_std`` is, when it is not the one that ``stilt hysplit install`` fetched."""

    exe_dir: Annotated[
        str | None, Meta(description="Folder with hycs_std and its tables (*.ASC).")
    ] = None


class Execution(Struct, frozen=True):
    """How simulations are run. Nothing in here changes a result or makes one stale."""

    backend: Annotated[Literal["local", "slurm"], Meta(description="Where workers run.")] = "local"
    n_workers: Annotated[
        Count | None,
        Meta(
            description="Chunks the simulations are dealt to, so the most array tasks. "
            "Needed for slurm; local: as many as there are cores."
        ),
    ] = None
    cpus_per_task: Annotated[
        Count, Meta(description="Simulations that one worker runs at the same time.")
    ] = 1
    array_parallelism: Annotated[
        Count | None, Meta(description="Most array tasks at once (--array=...%N).")
    ] = None
    setup: Annotated[
        tuple[str, ...], Meta(description="Shell lines before the worker, such as module load.")
    ] = ()
    scratch: Annotated[
        str | None, Meta(description="Node-local folder for work directories; default $TMPDIR.")
    ] = None
    timeout: Annotated[
        Positive, Meta(description="Seconds after which one transport run is stopped and failed.")
    ] = 3600.0
    max_requeues: Annotated[
        int,
        Meta(description="How often a task puts itself back in the queue at its time limit.", ge=0),
    ] = 5
    sbatch: Annotated[
        dict[str, SbatchValue],
        Meta(description="What goes to sbatch as --key=value, keys as sbatch writes them."),
    ] = {}


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole ``config.yaml``."""

    mets: Annotated[dict[str, Met], Meta(description="Meteorology by name.", min_length=1)]
    footprints: Annotated[
        dict[str, FootprintGrid],
        Meta(description="Footprint products by name; none for trajectories only."),
    ] = {}
    model: Annotated[
        str,
        Meta(description="Transport engine: hysplit, native, or module:attribute.", min_length=1),
    ] = "hysplit"
    hysplit: HysplitSection = field(default_factory=HysplitSection)
    roughness: Annotated[
        Annotated[float, Meta(gt=0.0, le=10.0)] | Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description="Roughness length of the ground for model native: hysplit (the table of an installed HYSPLIT), "
            "metres, or a file like that table. Default: as the project's results so far, else hysplit."
        ),
    ] = None
    seed: Annotated[
        int,
        Meta(description="Seed of the random numbers when krand is not given.", ge=0, le=2**31 - 1),
    ] = 0
    output: Annotated[
        str | None, Meta(description="Folder of results and log; default <project>/output.")
    ] = None
    execution: Execution = field(default_factory=Execution)

    # transport
    n_hours: Annotated[
        int, Meta(description="Length of a run in hours; negative is backward in time.")
    ]
    numpar: Annotated[Count, Meta(description="Particles of one simulation.")] = 1000
    hnf_plume: Annotated[
        bool, Meta(description="Correct the dilution in the hyper-near field.")
    ] = True
    krand: Annotated[
        RandomMethod | None,
        Meta(description="HYSPLIT's random numbers; left out: reproducible, from seed."),
    ] = None
    varsiwant: Annotated[
        tuple[str, ...], Meta(description="Columns of the particle table.", min_length=1)
    ] = (
        "time",
        "indx",
        "long",
        "lati",
        "zagl",
        "foot",
        "mlht",
        "dens",
        "samt",
        "sigw",
        "tlgr",
    )
    emisshrs: Annotated[Positive, Meta(description="Hours over which particles are released.")] = (
        0.01
    )
    w_option: Annotated[
        int,
        Meta(description="Vertical motion: 0 from the data, else a HYSPLIT method.", ge=0, le=8),
    ] = 0
    z_top: Annotated[Positive, Meta(description="Top of the model, metres above ground.")] = 25000.0
    veght: Annotated[
        Positive, Meta(description="Fraction of the mixed layer that the surface influences.")
    ] = 0.5
    ziscale: Annotated[
        tuple[float, ...],
        Meta(description="Factors on the mixed-layer height: one for all hours, or one for each."),
    ] = ()
    zicontroltf: Annotated[Flag, Meta(description="1: use ziscale.")] = 0

    # wind error: all four or none
    siguverr: Annotated[
        Positive | None, Meta(description="Standard deviation of the wind error, m s-1.")
    ] = None
    tluverr: Annotated[
        Positive | None, Meta(description="Correlation time of the wind error, minutes.")
    ] = None
    zcoruverr: Annotated[
        Positive | None, Meta(description="Vertical correlation length of the wind error, m.")
    ] = None
    horcoruverr: Annotated[
        Positive | None, Meta(description="Horizontal correlation length of the wind error, km.")
    ] = None

    # mixed-layer error: all three or none
    sigzierr: Annotated[
        Positive | None, Meta(description="Standard deviation of the mixed-layer height error, %.")
    ] = None
    tlzierr: Annotated[
        Positive | None, Meta(description="Correlation time of the mixed-layer error, minutes.")
    ] = None
    horcorzierr: Annotated[
        Positive | None, Meta(description="Correlation length of the mixed-layer error, km.")
    ] = None

    # the rest of HYSPLIT's namelist, with R-STILT's defaults
    capemin: float = -1
    cmass: int = 0
    conage: int = 48
    cpack: int = 1
    delt: float = 1
    dxf: float = 1
    dyf: float = 1
    dzf: float = 0.01
    efile: str = ""
    frhmax: float = 3
    frhs: float = 1
    frme: float = 0.1
    frmr: float = 0
    frts: float = 0.1
    frvs: float = 0.01
    hscale: float = 10800
    ichem: int = 8
    idsp: int = 2
    initd: int = 0
    k10m: int = 1
    kagl: int = 1
    kbls: int = 1
    kblt: int = 5
    kdef: int = 0
    khinp: int = 0
    khmax: int = 9999
    kmix0: int = 150
    kmixd: int = 3
    kpuff: int = 0
    krnd: int = 6
    kspl: int = 1
    kwet: int = 1
    kzmix: int = 0
    maxdim: int = 1
    maxpar: Count | None = None
    mgmin: int = 10
    ncycl: int = 0
    ndump: int = 0
    ninit: int = 1
    nstr: int = 0
    nturb: int = 0
    nver: int = 0
    outdt: float = 0
    p10f: float = 1
    pinbc: str = ""
    pinpf: str = ""
    poutf: str = ""
    qcycle: float = 0
    rhb: float = 80
    rht: float = 60
    splitf: float = 1
    tkerd: float = 0.18
    tkern: float = 0.18
    tlfrac: float = 0.1
    tout: float = 0
    tratio: float = 0.75
    tvmix: float = 1
    vscale: float = 200
    vscaleu: float = 200
    vscales: float = -1
    wbbh: float = 0
    wbwf: float = 0
    wbwr: float = 0
    wvert: bool = False

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


WIND_ERROR_KEYS = ("siguverr", "tluverr", "zcoruverr", "horcoruverr")
MIXED_LAYER_ERROR_KEYS = ("sigzierr", "tlzierr", "horcorzierr")

NAMELIST_KEYS = (
    "capemin",
    "cmass",
    "conage",
    "cpack",
    "delt",
    "dxf",
    "dyf",
    "dzf",
    "efile",
    "frhmax",
    "frhs",
    "frme",
    "frmr",
    "frts",
    "frvs",
    "hscale",
    "ichem",
    "idsp",
    "initd",
    "k10m",
    "kagl",
    "kbls",
    "kblt",
    "kdef",
    "khinp",
    "khmax",
    "kmix0",
    "kmixd",
    "kpuff",
    "krnd",
    "kspl",
    "kwet",
    "kzmix",
    "maxdim",
    "maxpar",
    "mgmin",
    "ncycl",
    "ndump",
    "ninit",
    "nstr",
    "nturb",
    "numpar",
    "nver",
    "outdt",
    "p10f",
    "pinbc",
    "pinpf",
    "poutf",
    "qcycle",
    "rhb",
    "rht",
    "splitf",
    "tkerd",
    "tkern",
    "tlfrac",
    "tout",
    "tratio",
    "tvmix",
    "veght",
    "vscale",
    "vscaleu",
    "vscales",
    "wbbh",
    "wbwf",
    "wbwr",
    "wvert",
    "zicontroltf",
)
"""Keys of ``Config`` that go to SETUP.CFG under their own name.

Not among them: ``krand`` (with ``seed``), ``varsiwant``, the error settings, KMSL (from the
receptor's height reference), MHRS=9999 and NBPTYP=1 (always).
"""
