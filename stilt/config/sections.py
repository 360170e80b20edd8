"""The sections of ``config.yaml``: meteorology, footprints, a HYSPLIT of one's own, how to run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]
Words = Annotated[str, Meta(min_length=1, max_length=4096)]
FieldName: TypeAlias = Literal[
    "UWND", "VWND", "TEMP", "HGTS", "WWND", "DZDT", "SPHU", "RELH", "PRSS", "SHGT", "T02M", "U10M",
    "V10M", "USTR", "UMOF", "VMOF", "EXCO", "SHTF", "LHTF", "PBLH", "DSWF", "TCLD", "LCLD",
]  # fmt: skip
"""Names of fields, as ARL's files have them."""

SbatchValue = str | int | float | bool

_SECONDS = {"min": 60, "h": 3600, "d": 86400}


class Met(Struct, frozen=True, forbid_unknown_fields=True):
    """One source of meteorology: the ARL files of a folder, by their headers or by their names."""

    directory: Annotated[
        str,
        Meta(
            description="Folder of the files; subfolders are searched too. Of a URL, see source.",
            min_length=1,
        ),
    ]
    file_format: Annotated[
        Text | None,
        Meta(
            description="Name of a file: strftime codes for its time, the rest a regular "
            "expression that is searched for in the path, as in R-STILT. Left out: all ARL files.",
        ),
    ] = None
    file_tres: Annotated[
        Text | None,
        Meta(
            description="Time from one file to the next: 6h, 1d, 30min. Left out: as headers say.",
        ),
    ] = None
    n_met_min: Annotated[Count, Meta(description="Fewest files that a simulation must find.")] = 1
    nested: Annotated[
        bool, Meta(description="Whether several products of the folder for the same hours nest.")
    ] = False

    source: Annotated[
        Text | None,
        Meta(
            description="URL of a folder (https, s3, gs, ...), from which `stilt run` and `stilt met --fetch` fetch "
            "what receptors need into directory; a directory that is a URL is one, whose files go to met/NAME "
            "in the project."
        ),
    ] = None
    fetch_limit_gb: Annotated[
        Positive, Meta(description="Most that is fetched from source, with what is there already.")
    ] = 100.0

    fields: Annotated[
        dict[FieldName, Text] | None,
        Meta(
            description="Of NetCDF and Zarr whose variables are not known by their metadata: the variable "
            "of each field, as {UWND: u_wind}. Units and signs come from the file all the same.",
        ),
    ] = None
    member: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Of NetCDF, Zarr and GRIB with an ensemble: the number of one member."),
    ] = None

    @property
    def step_s(self) -> int:
        """``file_tres`` in seconds; the loader has brought it to the form ``<number><min|h|d>``."""
        match = re.fullmatch(r"(\d+)(min|h|d)", self.file_tres or "")
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
    weight: Annotated[
        Text | None,
        Meta(
            description="kernel: particles weigh as the retrieval of their receptor says. FILE.py:function: "
            "as a function of yours says, of particles (a frame) and their receptor."
        ),
    ] = None
    kernels: Annotated[
        Text | None,
        Meta(description="Table of averaging kernels and pressure weights: CSV, Parquet, NetCDF."),
    ] = None
    missing: Annotated[
        Literal["refused", "unweighted"],
        Meta(description="What becomes of receptors that the table of kernels does not have."),
    ] = "refused"
    lifetime_h: Annotated[
        Positive | None,
        Meta(description="Hours in which the species decays to 1/e on its way; left out: never."),
    ] = None

    @property
    def is_longlat(self) -> bool:
        """Whether the grid is in degrees of longitude and latitude."""
        return is_longlat(self.projection)


def is_longlat(projection: str) -> bool:
    """Tell whether a projection text means plain degrees, without asking pyproj."""
    words = projection.lower().split()
    return bool({"+proj=longlat", "+proj=latlong", "+proj=lonlat", "epsg:4326"} & set(words))


KERNEL = "kernel"
"""The value of ``weight`` that asks for kernels."""


def function_in(weight: str | None) -> tuple[str, str]:
    """Return file and name of the function that a ``weight`` names; empty where it names none."""
    path, mark, name = (weight or "").rpartition(":")
    return (path, name) if mark and path.endswith(".py") and name.isidentifier() else ("", "")


class HysplitSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Where ``hycs_std`` is, when it is not the one that ``stilt hysplit install`` fetched."""

    exe_dir: Annotated[
        str | None, Meta(description="Folder with hycs_std and its tables (*.ASC).")
    ] = None


class About(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What footprint files say of who made them, under the names of ACDD-1.3. Nothing in here makes a result stale."""

    institution: Annotated[Words | None, Meta(description="Where the data were made.")] = None
    creator_name: Annotated[Words | None, Meta(description="Who made them.")] = None
    creator_email: Annotated[Words | None, Meta(description="How to reach the creator.")] = None
    creator_url: Annotated[Words | None, Meta(description="The creator's page, or ORCID.")] = None
    project: Annotated[Words | None, Meta(description="What they were made for.")] = None
    license: Annotated[Words | None, Meta(description="How they may be used, or its URL.")] = None
    references: Annotated[Words | None, Meta(description="What describes them: papers, DOI.")] = (
        None
    )
    acknowledgement: Annotated[Words | None, Meta(description="Whom to thank.")] = None
    summary: Annotated[Words | None, Meta(description="What they are, in a paragraph.")] = None
    keywords: Annotated[Words | None, Meta(description="Words to find them by.")] = None
    comment: Annotated[Words | None, Meta(description="What else is to be said.")] = None


class JacobianSection(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The matrix whose rows workers make, in the words of ``stilt jacobian``. Nothing in here makes a result stale."""

    target: Annotated[
        Positive | Text | None,
        Meta(description="Elements, as --target has them; left out: the footprint's own cells."),
    ] = None
    bins: Annotated[Text, Meta(description="Bins of time, as --bins has them.")] = "run"
    footprint: Annotated[
        Text | None, Meta(description="Name of a footprint product; left out: the first one.")
    ] = None
    weight: Annotated[
        Text | None, Meta(description="FILE[:VARIABLE] of a flux to fold in, as --weight.")
    ] = None
    species: Annotated[Text | None, Meta(description="Of a flux by mass, as --species.")] = None

    @property
    def files(self) -> dict[str, tuple[str, str]]:
        """The files that the matrix is made of, by the key that names them, and what is taken of each."""
        found = {}
        if isinstance(self.target, str) and not is_grid(self.target):
            found["target"] = file_and_part(self.target)
        if self.weight is not None:
            found["weight"] = file_and_part(self.weight)
        return found


HEXAGONS = "h3:"
"""Targets that begin so are cells of H3."""

AT = "@"
"""Between the size of a target's cells and their projection."""


def is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_grid(target: str) -> bool:
    """Tell whether a target's text says by itself what the elements are; else it names a file."""
    size, at, _ = target.partition(AT)
    return target.startswith(HEXAGONS) or is_number(target) or (bool(at) and is_number(size))


def file_and_part(text: str) -> tuple[str, str]:
    """Return the file that FILE or FILE:PART names, and the part: of several the longest that is there."""
    colons = [place for place, char in enumerate(text) if char == ":"]
    for place in (len(text), *reversed(colons)):
        if Path(text[:place]).exists():
            return text[:place], text[place + 1 :]
    file, _, part = text.partition(":")
    return file, part


class Keep(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of a simulation besides its footprints. Nothing in here makes a result stale."""

    particles: Annotated[
        Literal["all", "none"],
        Meta(
            description="none: of particles only where they end; other footprints need transport again."
        ),
    ] = "all"


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
