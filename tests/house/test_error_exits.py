"""Every place in the code that ends a command with an error has a test that reads what it says.

A place is an error of ours that is made in a function. It is read where a text in the tests shares a phrase with its
message or hint. Messages that are put together elsewhere have their phrase in ``READ_BY``.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PHRASE = 10
"""Characters that a test and a message must share."""

READ_BY: dict[str, tuple[str, str]] = {
    "backends/slurm/commands.py:sbatch": (
        "slurm/test_submission.py",
        "Resource temporarily unavailable; trying again in 2 s",
    ),
    "batch/lock.py:_still_held": ("batch/test_lock.py", r"pid {other.pid}\) since"),
    "matrix/flux.py:_shares": ("house/test_flux.py", "does not cover 2015-12-09T23:00"),
    "matrix/regridding.py:_edges": ("house/test_flux.py", '"one cell"'),
    "config/document.py:_decode": ("config/test_problems.py", "byte 0xfc is not UTF-8"),
    "transport/engines.py:prepare": (
        "local/test_variants.py",
        "cannot follow these settings, variant",
    ),
    "receptors/read.py:_read": ("receptors/test_columns.py", "altitude, in metres"),
    "met/supply.py:download": ("met/test_supply.py", "shelf can't be downloaded"),
    "soundings/instruments.py:read_soundings": (
        "soundings/test_hostile.py",
        'startswith(f"{path}: ")',
    ),
    "foundations/paths.py:local_path": (
        "config/test_paths.py",
        "there is no user ~nobody-of-that-name",
    ),
    "foundations/paths.py:_refuse_unprintable": ("config/test_paths.py", "empty|control character"),
    "backends/slurm/refusals.py:_limit": ("slurm/test_limits.py", "lower execution.n_workers"),
    "outputs/store.py:vouched": ("identity/test_store.py", "its transport digest is another one"),
    "receptors/table.py:_decode": ("receptors/test_read.py", "this is not a text file"),
    "worker/loop.py:_take": ("worker/test_push_worker.py", "the fake engine is broken"),
}
"""Place, to the test file that reads it and a phrase that stands there."""

HINT_ELSEWHERE: dict[str, str] = {
    "backends/slurm/commands.py:sbatch": "refusals.refusal says what to do about sbatch's words",
    "commands/pack.py:add": "a reason in the list of what was left as it is",
}
"""Places without a next command, and why."""


@dataclass(frozen=True)
class Place:
    """A call that makes an error."""

    name: str
    line: int
    texts: tuple[str, ...]
    has_hint: bool


def trees(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def texts_in(node: ast.AST) -> list[str]:
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


@cache
def our_errors() -> frozenset[str]:
    """Return the names of all classes that derive from ``StiltError``."""
    bases = defaultdict(set)
    for _, tree in trees("stilt"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] |= {called(base) for base in node.bases}
    found = {"StiltError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return frozenset(found)


def called(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def places() -> list[Place]:
    found = []
    for path, tree in trees("stilt"):
        constants = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                where = f"{path.relative_to(REPOSITORY / 'stilt')}:{function.name}"
                found += [
                    place(where, node, constants)
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and called(node.func) in our_errors()
                ]
    return found


def place(where: str, node: ast.Call, constants: dict[str, ast.expr]) -> Place:
    arguments = [*node.args, *(word.value for word in node.keywords if word.arg == "hint")]
    texts = [text for argument in arguments for text in texts_in(argument)]
    for argument in arguments:
        if isinstance(argument, ast.Name) and argument.id in constants:
            texts += texts_in(constants[argument.id])
    hint = 2 if called(node.func) == "ProblemsError" else 1
    has_hint = len(node.args) > hint or any(word.arg == "hint" for word in node.keywords)
    return Place(where, node.lineno, tuple(texts), has_hint)


@cache
def texts_of_tests() -> tuple[str, ...]:
    own = REPOSITORY / "tests" / "house" / "test_error_exits.py"
    return tuple(
        text.strip()
        for path, tree in trees("tests")
        if path != own
        for text in texts_in(tree)
        if len(text.strip()) >= PHRASE
    )


def is_read(place: Place) -> bool:
    said = [text.strip() for text in place.texts if len(text.strip()) >= PHRASE]
    return any(read in text or text in read for text in said for read in texts_of_tests())


def test_there_are_as_many_places_as_the_code_suggests():
    assert len(places()) > 100


@pytest.mark.parametrize("place", places(), ids=lambda place: f"{place.name}:{place.line}")
def test_every_error_exit_has_a_test_that_reads_its_message(place: Place):
    if place.name in READ_BY:
        file, phrase = READ_BY[place.name]
        assert phrase in (REPOSITORY / "tests" / file).read_text("utf-8")
    else:
        assert is_read(place), f"no test reads what {place.name} says: {place.texts}"


@pytest.mark.parametrize("place", places(), ids=lambda place: f"{place.name}:{place.line}")
def test_every_error_exit_says_what_to_do_next(place: Place):
    assert place.has_hint or place.name in HINT_ELSEWHERE, place


def test_no_place_is_excused_that_is_not_there():
    names = {place.name for place in places()}
    assert not READ_BY.keys() - names
    assert not HINT_ELSEWHERE.keys() - names
