"""Which argument of a call goes to which parameter: R's rules, for its functions and for a script's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.migrate.r_values import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

Given = list[tuple[str | None, Any]]
"""Arguments in their order, each with its label if it has one."""


def matched(formals: Sequence[str], given: Given) -> dict[str, Any]:
    """Return each parameter's argument: by its name, by the beginning of its name, then by its place.

    ``...`` takes what is left, and what follows it is found by its whole name only. Parameters that are not
    given are absent.

    Raises
    ------
    UnreadableError
        If an argument has no place: one that is left out in silence could change what comes out.
    """
    found: dict[str, Any] = {}
    rest: Given = []
    before_dots = formals[: formals.index("...")] if "..." in formals else formals
    for label, value in given:
        name = _named(label, formals, before_dots, found)
        if name is None:
            rest.append((label, value))
        else:
            found[name] = value
    free = [name for name in before_dots if name not in found]
    left: Given = []
    for label, value in rest:
        if label is None and free:
            found[free.pop(0)] = value
        else:
            left.append((label, value))
    if "..." in formals:
        found["..."] = left
    elif left:
        raise UnreadableError(f"the argument {left[0][0] or len(given)} is not followed")
    return found


def _named(
    label: str | None, formals: Sequence[str], before_dots: Sequence[str], found: dict[str, Any]
) -> str | None:
    if not label or label == "...":
        return None
    if label in formals:
        return label
    near = [name for name in before_dots if name.startswith(label) and name not in found]
    return near[0] if len(near) == 1 else None
