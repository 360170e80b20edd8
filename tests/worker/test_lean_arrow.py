"""pyarrow works without importing pandas, and pandas is there for whoever wants it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from stilt.worker.lean_arrow import spare_pandas
spare_pandas()
import numpy as np, pyarrow as pa
assert pa.array(np.arange(3.0)).to_numpy().sum() == 3
assert "pandas" not in sys.modules
import pandas
assert pa.table({"a": [1]}).to_pandas()["a"][0] == 1
"""


def test_pandas_is_imported_only_by_whoever_asks() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=True)
