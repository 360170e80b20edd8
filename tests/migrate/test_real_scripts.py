"""Scripts in the manner of public ones: every statement is accounted for, and receptors are what R makes of them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from stilt.migrate.r_script import read_script
from stilt.migrate.r_stilt import read_r_stilt

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*/**/run_stilt.r"))
NEEDS_R = {"resume"}
"""What cannot be followed without R, and says so."""


def name_of(path: Path) -> str:
    return path.relative_to(Path(__file__).parent / "scripts").parts[0]


@pytest.fixture(autouse=True)
def no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_every_statement_is_accounted_for(path: Path):
    folder = path.parent.parent if path.parent.name == "r" else path.parent
    script = read_script(path, folder)
    migration = read_r_stilt(path)
    reached = [s for s in script.statements if s.outcome != "not reached"]
    lines = {s.where for s in script.statements}
    named = sum(s.outcome == "not followed" for s in reached)
    assert len(lines) > 10
    if name_of(path) in NEEDS_R:
        assert named
        assert migration.unsettled
    else:
        assert migration.unsettled == []
        assert migration.receptors is not None
        assert migration.receptors.count("\n") > 2


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no Rscript on PATH")
@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_r_makes_the_same_of_it(path: Path):
    without, with_r = read_r_stilt(path), read_r_stilt(path, with_r=True)
    assert with_r.unsettled == []
    assert with_r.receptors is not None
    if name_of(path) not in NEEDS_R:
        assert without.receptors == with_r.receptors
        assert without.settings == with_r.settings


def test_the_table_of_them(capsys: pytest.CaptureFixture[str]):
    rows = [
        f"{'script':<16}{'statements':>10} {'done':>6}{'harmless':>10}{'not reached':>13}{'not followed':>14}  receptors"
    ]
    for path in SCRIPTS:
        folder = path.parent.parent if path.parent.name == "r" else path.parent
        script = read_script(path, folder)
        migration = read_r_stilt(path)
        counts = Counter(s.outcome for s in script.statements)
        receptors = migration.receptors.count("\n") - 1 if migration.receptors else "none: named"
        rows.append(
            f"{name_of(path):<16}{len(script.statements):>10} {counts['done']:>6}{counts['harmless']:>10}"
            f"{counts['not reached']:>13}{counts['not followed']:>14}  {receptors}"
        )
        assert sum(counts.values()) == len(script.statements)
    with capsys.disabled():
        print("\n" + "\n".join(rows))  # noqa: T201 - the table is what is asked for
