"""How this engine's kernels are compiled: one decorator, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba

from stilt.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")

_FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}
"""No ``nnan``: a missing value must stay visible."""

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": _FAST_MATH,
    # Without numba's reference counting: it cost 60 % of a run, at each call of a small function. So nothing that
    # is compiled here may make an array; working space is handed in.
    "_nrt": False,
}


def kernel(function: F) -> F:
    """Compile a function with numba on its first call, once for all processes (``stilt.compiled``)."""
    return compiled(**_OPTIONS)(function)


def inline(function: F) -> F:
    """Compile a small function for use inside kernels, always merged into its caller."""
    return cast("F", numba.njit(forceinline=True, **_OPTIONS)(function))


def apart(function: F) -> F:
    """Compile a function for use inside kernels that is seldom called and stays out of the way."""
    return cast("F", numba.njit(**_OPTIONS)(function))
