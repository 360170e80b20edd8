"""Make the golden tables anew: ``python -m tests.golden.make``, in the checkout.

A table changes only with the version of its algorithm: where the numbers are others and the version is the same,
this refuses.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from stilt.example.atmosphere import write_atmosphere
from tests.golden.tables import ENGINES, Table, particles, seeds
from tests.shared_data import REPOSITORY


def main() -> None:
    """Compute all tables, and write those that are new."""
    os.environ.pop("STILT_HYSPLIT", None)
    home = os.environ.setdefault("STILT_HOME", str(REPOSITORY / ".tools"))
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(home, "kernels")))
    with tempfile.TemporaryDirectory() as folder:
        met = Path(folder, "met")
        write_atmosphere(met)
        for engine in ENGINES:
            os.environ["STILT_HOME"] = home if engine == "hysplit" else folder
            replace(engine, particles(engine, met))
            replace(f"{engine}-seeds", seeds(engine))


def replace(name: str, table: Table) -> None:
    """Write a table, unless its version has one; refuse if that has other numbers."""
    try:
        kept = Table.read(name)
    except FileNotFoundError:
        kept = None
    if kept is not None and kept.version == table.version:
        if not kept.agrees(table):
            raise SystemExit(f"{name}: other numbers of the same version {table.version}: raise it")
        return
    table.write(name)
    sys.stdout.write(f"{name}.csv: version {table.version}\n")


if __name__ == "__main__":
    main()
