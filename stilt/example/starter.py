"""The files of a new project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

STARTER_CONFIG = """\
# Settings of this project. `stilt check` looks them over; `stilt config schema` describes every key.

mets:
  mymet:                          # a name of your choice; it begins the ids of its simulations
    directory: /path/to/arl/files
    file_format: "%Y%m%d_%H"      # how the files are named, by the time they start at
    file_tres: 6h                 # from one file to the next

footprints:                       # any number of grids from one transport run
  default: {xmin: -113, xmax: -110.5, ymin: 40, ymax: 42, xres: 0.01, yres: 0.01}

n_hours: -24                      # backward 24 hours
numpar: 200                       # particles of a simulation

execution:
  backend: local                  # or slurm, with the keys below
  # n_workers: 200                # array tasks, at most
  # cpus-per-task: 2
  # array_parallelism: 50         # at most 50 of them at once
  # partition: mypartition        # this and any further key goes to sbatch as --key=value
  # account: myaccount
  # time: "01:00:00"
  # mem: 2G
"""

STARTER_RECEPTORS = """\
time,longitude,latitude,altitude
2024-07-01 18:00,-111.85,40.77,5
"""

EXAMPLE_CONFIG = """\
# An idealised atmosphere over the western United States: runs as it is, within a minute.

mets:
  jet:
    directory: met                # a relative folder lies in the project
    file_format: jet_%Y%m%d.arl   # one file a day
    file_tres: 1d

footprints:
  default: {xmin: -122, xmax: -110, ymin: 38, ymax: 44, xres: 0.05, yres: 0.05}

model: native                     # stilt's own engine; hysplit is NOAA's, after `stilt hysplit install`
roughness: 0.2                    # metres; hysplit: the table of an installed HYSPLIT
n_hours: -24
numpar: 200
"""

# Two towers in the afternoon, one of them by night too, at two heights, and a far one in the morning: what a
# footprint looks like in a deep mixed layer, in a shallow one, and between.
EXAMPLE_RECEPTORS = """\
time,longitude,latitude,altitude
2026-06-16 10:00,-111.9,40.5,30
2026-06-16 16:00,-111.9,40.5,30
2026-06-16 19:00,-111.9,40.5,30
2026-06-16 22:00,-111.9,40.5,30
2026-06-16 22:00,-111.9,40.5,500
2026-06-16 19:00,-112.6,41.8,10
"""


def is_starter(path: Path) -> bool:
    """Tell whether a file is the receptors of a new project as they were written, which stand for nobody's."""
    starter = STARTER_RECEPTORS.encode()
    return path.is_file() and path.stat().st_size == len(starter) and path.read_bytes() == starter


def refuse_to_overwrite(*paths: Path) -> None:
    """Raise an ``InputError`` if one of these files is there already."""
    there = [path for path in paths if path.exists()]
    if there:
        raise InputError(
            f"{there[0]} exists already; init overwrites nothing",
            "name another folder: stilt init NEW_PROJECT",
            code="FILE_EXISTS",
        )


def write_starter(project: Path, *, example: bool) -> list[Path]:
    """Write ``config.yaml`` and ``receptors.csv`` (and the example's meteorology), and return their paths.

    Where receptors are there already and settings are not, the latter alone are written, unless for the example.

    Raises
    ------
    InputError
        If one of the files is there already; nothing is written then.
    """
    config, receptors = project / "config.yaml", project / "receptors.csv"
    if receptors.is_file() and not example:
        refuse_to_overwrite(config)
        config.write_text(STARTER_CONFIG, encoding="utf-8")
        return [config]
    refuse_to_overwrite(config, receptors)
    project.mkdir(parents=True, exist_ok=True)
    written = _write_example_met(project) if example else []
    texts = (EXAMPLE_CONFIG, EXAMPLE_RECEPTORS) if example else (STARTER_CONFIG, STARTER_RECEPTORS)
    for path, text in zip((receptors, config), reversed(texts), strict=True):
        path.write_text(text, encoding="utf-8")
    return [*written, receptors, config]


def _write_example_met(project: Path) -> list[Path]:
    from stilt.example.atmosphere import write_atmosphere

    return write_atmosphere(project / "met")
