"""A small configuration that is right, for tests that make it wrong."""

from __future__ import annotations

MINIMAL = """\
mets:
  hrrr: {directory: /data/hrrr, file_format: "%Y%m%d_%H", file_tres: 6h}
n_hours: -24
"""

TYPICAL = """\
mets:
  hrrr: {directory: /data/hrrr, file_format: "%Y%m%d_%H", file_tres: 6h}
footprints:
  default: {xmin: -113, xmax: -110.5, ymin: 40, ymax: 42, xres: 0.01, yres: 0.01}
n_hours: -24
numpar: 200
execution:
  backend: slurm
  n_workers: 200          # chunks, so the most array tasks
  cpus-per-task: 2        # also push-worker --cpus
  array_parallelism: 50   # --array=0-199%50
  partition: mypartition
  account: myaccount
  time: "00:20:00"
  mem: 2G
"""


def with_line(line: str) -> str:
    """Return the typical settings with one more line at the top level."""
    return TYPICAL + line + "\n"


def with_grid(grid: str) -> str:
    """Return the minimal settings with one footprint named g."""
    return f"{MINIMAL}footprints:\n  g: {{{grid}}}\n"


def with_execution(line: str) -> str:
    """Return the typical settings with one more line under execution."""
    return f"{TYPICAL}  {line}\n"
