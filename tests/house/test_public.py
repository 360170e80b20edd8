"""What is public in Python is listed, and nothing of it goes without a deprecation (CONTRIBUTING.md)."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import stilt
from tests.shared_data import REPOSITORY

LIST = REPOSITORY / "tests" / "house" / "public_names.txt"


def arguments_of(function: object) -> str:
    """Names in their order, ``*`` before those that are given by name alone, ``=`` where one may be left out."""
    words, by_name = [], False
    for each in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if each.kind is each.KEYWORD_ONLY and not by_name:
            words, by_name = [*words, "*"], True
        mark = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        words.append(f"{mark}{each.name}{'' if each.default is each.empty else '='}")
    return f"({', '.join(words)})"


def public_names() -> list[str]:
    """A line for each name, method and property that users may build on."""
    lines = []
    for name in stilt.__all__:
        value = getattr(stilt, name)
        if not callable(value):
            lines.append(name)
            continue
        is_error = inspect.isclass(value) and issubclass(value, Exception)
        lines.append(name + ("" if is_error else arguments_of(value)))
        members = vars(value).items() if inspect.isclass(value) else ()
        for own, member in members:
            if own.startswith("_"):
                continue
            plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            is_method = inspect.isfunction(plain)
            lines.append(f"{name}.{own}{arguments_of(plain) if is_method else ''}")
    return sorted(lines)


def is_kept(listed: str, now: str) -> bool:
    """Whether who calls it as it is listed can go on: arguments are only added, with something to leave out."""
    (old_place, old_named), (place, named) = _parted(listed), _parted(now)
    added = place[len(old_place) :] + [each for each in named if each not in old_named]
    return (
        all(old in {new, new.rstrip("=")} for old, new in zip(old_place, place, strict=False))
        and len(place) >= len(old_place)
        and {each.rstrip("=") for each in old_named} <= {each.rstrip("=") for each in named}
        and all(each.endswith("=") or each.startswith("*") for each in added)
    )


def _parted(line: str) -> tuple[list[str], list[str]]:
    """Arguments by place, and by name."""
    words = line.partition("(")[2].rstrip(")").split(", ")
    at = words.index("*") if "*" in words else len(words)
    return words[:at], words[at + 1 :]


def test_no_public_name_or_argument_goes() -> None:
    """``python -m tests.house.test_public`` lists what is new, at each release."""
    now = {line.partition("(")[0]: line for line in public_names()}
    for listed in LIST.read_text(encoding="utf-8").splitlines():
        name = listed.partition("(")[0]
        assert name in now, f"{name} is public: see Deprecation in CONTRIBUTING.md"
        assert is_kept(listed, now[name]), f"{listed} became {now[name]}"


@pytest.mark.parametrize(
    ("listed", "now", "is_fine"),
    [
        ("f(a, b=)", "f(a, b=, c=)", True),
        ("f(a, b=)", "f(a=, b=, *, c=)", True),
        ("f(a, *, b=)", "f(a, *, c=, b=)", True),
        ("f(a, b=)", "f(a, c=, b=)", False),
        ("f(a, b=)", "f(a)", False),
        ("f(a, b=)", "f(a, b)", False),
        ("f(a)", "f(a, *, b)", False),
        ("f(a, *, b=)", "f(a, *, c=)", False),
    ],
)
def test_arguments_are_only_added(listed: str, now: str, is_fine: bool) -> None:
    assert is_kept(listed, now) == is_fine


def test_every_public_name_is_loaded_where_it_is_used_and_told_to_completers() -> None:
    assert set(stilt._HOMES) | {"__version__"} == set(stilt.__all__) == set(dir(stilt))
    star = "import sys; from stilt import *; print(Project.__name__, 'numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", star], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.split() == ["Project", "False"]


if __name__ == "__main__":
    LIST.write_text("\n".join(public_names()) + "\n", encoding="utf-8")
