"""Every error of ours has a code that the guide explains, and every code that the guide explains is in use.

An error has a code where it is made (``code=...``), or by its class. An exception of ours that never reaches a
person is listed as a signal.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest

from stilt.foundations.failures import Reason
from stilt.guide.topics import FOLDER, PAGES_OF_CODES, explained
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELEASED = REPOSITORY / "spec" / "error-codes.txt"

SIGNALS = {
    "ClaimedError": "a worker leaves the simulation to a newer batch",
    "CutOffError": "native's reader ends the file there",
    "DumpError": "the engine's verdict says TRUNCATED or MODEL_ERROR",
    "LeaveError": "`next`, `break` and `return` of an R script",
    "_EndError": "`stop` and `quit` of an R script",
    "_NothingToWriteError": "packing goes on with the next archive",
}
"""Exceptions that are always caught, and what comes of them."""

FINDINGS = {"warning", "wrong_input", "wrong_surroundings"}
"""What makes a finding of ``stilt check`` and ``stilt doctor`` that is not as it should be."""


def called(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


@cache
def trees() -> dict[Path, ast.Module]:
    files = sorted((REPOSITORY / "stilt").rglob("*.py"))
    return {path: ast.parse(path.read_text("utf-8")) for path in files}


@cache
def classes() -> dict[str, ast.ClassDef]:
    """Return the definition of each class of the package that is raised, by its name."""
    found = {
        node.name: node
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    errors = {"Exception", "ValueError"}
    while (
        more := {name for name, node in found.items() if errors & set(map(called, node.bases))}
        - errors
    ):
        errors |= more
    return {name: found[name] for name in errors & set(found)}


def code_of_class(name: str) -> ast.expr | None:
    """Return what a class, or one that it derives from, has as its code."""
    node = classes().get(name)
    if node is None:
        return None
    for line in node.body:
        if isinstance(line, ast.Assign) and called(line.targets[0]) == "code":
            return line.value
        if isinstance(line, ast.FunctionDef) and line.name == "code":
            return ast.Constant("")  # of each by itself
    return next(filter(None, (code_of_class(called(base)) for base in node.bases)), None)


def made() -> Iterator[tuple[str, ast.expr | None]]:
    """Yield place and code of all errors and findings that are made in the package."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
                name, code = node.exc.id, None  # raised without arguments
                if name not in classes():
                    continue
            elif isinstance(node, ast.Call) and called(node.func) in {*classes(), *FINDINGS}:
                name = called(node.func)
                code = next((word.value for word in node.keywords if word.arg == "code"), None)
            else:
                continue
            if name not in SIGNALS:
                where = f"{path.relative_to(REPOSITORY)}:{node.lineno} {name}"
                yield where, code or code_of_class(name)


def used() -> set[str]:
    """Return each code that stands anywhere as one, and all reasons of failed simulations."""
    codes = {str(reason) for reason in Reason}
    for _, code in made():
        texts = ast.walk(code) if code is not None else ()
        codes |= {text.value for text in texts if isinstance(text, ast.Constant) and text.value}
    for name in classes():
        of_class = code_of_class(name)
        codes |= {of_class.value} - {""} if isinstance(of_class, ast.Constant) else set()
    return codes


def released() -> dict[str, bool]:
    """Return each code that was ever released, and whether it is retired."""
    lines = [line.split() for line in RELEASED.read_text("utf-8").splitlines()]
    return {words[0]: words[1:] == ["retired"] for words in lines if words and words[0] != "#"}


def test_every_error_has_a_code() -> None:
    assert len(list(made())) > 500
    assert not [where for where, code in made() if code is None]


def test_every_code_is_explained_and_every_explained_code_is_used() -> None:
    assert set(explained()) == used()


def test_codes_stay() -> None:
    assert {code for code, is_retired in released().items() if not is_retired} == set(explained())
    assert list(released()) == sorted(released())
    assert not {code for code, is_retired in released().items() if is_retired} & used()


def test_codes_are_words_that_nothing_else_is_named_by() -> None:
    for code in explained():
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+){0,3}", code)
        assert 6 <= len(code) <= 24


@pytest.mark.parametrize("name", PAGES_OF_CODES)
def test_a_page_of_codes_has_short_paragraphs_in_order(name: str) -> None:
    parts = (FOLDER / f"{name}.md").read_text("utf-8").split("\n## ")[1:]
    codes = [part.partition("\n")[0] for part in parts]
    assert codes == sorted(codes)
    for code, part in zip(codes, parts, strict=True):
        lines = part.strip().splitlines()[2:]
        assert 1 <= len(lines) <= 7, code
        assert all(len(line) <= 130 for line in lines), code


def test_no_code_is_explained_twice() -> None:
    codes: dict[str, list[str]] = defaultdict(list)
    for page in PAGES_OF_CODES:
        for code in re.findall(
            r"^## (\w+)$", (FOLDER / f"{page}.md").read_text("utf-8"), re.MULTILINE
        ):
            codes[code].append(page)
    assert not {code: pages for code, pages in codes.items() if len(pages) > 1}
