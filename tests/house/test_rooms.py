"""Each room of the package is in spec/architecture.md, on the floor that its imports allow; equations have numbers."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = REPOSITORY / "stilt"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
ARCHITECTURE = (REPOSITORY / "spec" / "architecture.md").read_text(encoding="utf-8")
FLOORS = {
    name: int(floor)
    for floor, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", ARCHITECTURE, re.MULTILINE)
}
EQUATIONS = (REPOSITORY / "spec" / "transport.md").read_text(encoding="utf-8")


def imported(path: Path) -> Iterator[str]:
    """Yield the rooms that a module imports from when it runs, in functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            parts = node.module.split(".")
            if parts[0] == "stilt" and len(parts) > 1 and parts[1] in FLOORS:
                yield parts[1]


def test_every_room_is_on_a_floor_and_says_what_it_is_for() -> None:
    assert sorted(FLOORS) == ROOMS
    for room in ROOMS:
        assert len((import_module(f"stilt.{room}").__doc__ or "").split()) > 3, room


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_lower_floors_only(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        for other in set(imported(path)) - {room}:
            assert FLOORS[other] < FLOORS[room], f"{path} imports from {other}"


def test_the_modules_that_answer_a_question_exist() -> None:
    _, _, table = ARCHITECTURE.partition("## Who answers")
    for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", table):
        if not name.endswith(".md"):
            place = PACKAGE.joinpath(*name.split("."))
            assert place.with_suffix(".py").is_file() or place.is_dir(), name


def test_equations_are_numbered_in_order_and_those_that_are_cited_exist() -> None:
    numbers = [
        int(number) for number in re.findall(r"^\*\*\(T(\d+)\)\*\*", EQUATIONS, re.MULTILINE)
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    cited: dict[str, set[int]] = {}
    for folder in ("transport/native", "footprint"):
        for path in (PACKAGE / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            spans = re.findall(r"\((T\d+(?:(?:, | to )T\d+)*)\)", text)
            cited[path.name] = {int(each) for span in spans for each in re.findall(r"T(\d+)", span)}
    assert set().union(*cited.values()) <= set(numbers)
    for name in ("boundary_layer.py", "dispersion.py", "interpolation.py", "remap.py", "hnf.py"):
        assert cited[name], f"{name} cites no equation"


def test_links_within_the_equations_lead_to_headings() -> None:
    headings = re.findall(r"^#+ (.*)$", EQUATIONS, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", EQUATIONS)) <= anchors
