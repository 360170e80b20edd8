"""Keep pyarrow from importing pandas in processes that have no use for it."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType


def spare_pandas() -> None:
    """Have pyarrow believe, for the life of this process, that there is no pandas.

    At the first array that it is given pyarrow imports pandas, only to ask whether that is a pandas object:
    half a second and 60 MB in every process of a pool. Whoever else imports pandas gets it.
    """
    if "pandas" in sys.modules:
        return
    too_old = ModuleType("pandas")
    too_old.__version__ = "0"  # type: ignore[attr-defined]  # what pyarrow looks at, and then does without
    sys.modules["pandas"] = too_old
    try:
        import pyarrow as pa

        with warnings.catch_warnings(action="ignore"):
            pa.array([0.0])
    finally:
        del sys.modules["pandas"]
