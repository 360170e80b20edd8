"""Compile functions to machine code, once for all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., object]")


def compiled(signature: object) -> Callable[[Function], Function]:
    """Compile a function for one signature, or load it from the cache, when its module is imported.

    One signature, and so one compilation: arrays that may be read-only are declared so and then also
    accept writable ones.
    """

    def decorate(function: Function) -> Function:
        compile_now = njit(signature, cache=True, nogil=True, error_model="numpy")
        return cast("Function", compile_now(function))

    return decorate
