"""What an engine refuses of the settings, `check`, `run --dry-run` and `run` refuse alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stilt.check.finding import Weight, from_error
from stilt.check.preflight import preflight
from stilt.commands.run import Request, run
from stilt.foundations.errors import StiltError
from tests.check.conftest import change
from tests.hysplit_at_hand import need_hysplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stilt.check.finding import Finding

NATIVE = (
    "emisshrs: 0.025", "kmixd: 5", "kmix0: -5", "kmix0: 1200", "outdt: 1.5", "hscale: 0", "z_top: 1000",
    "zicontroltf: 1\nziscale: [-1]", "kbls: 3", "nturb: 2", "krand: 4", "w_option: 1", "roughness: nowhere.asc",
)  # fmt: skip
HYSPLIT = ("emisshrs: 0.025", "outdt: 1.5", "hscale: 0")
REFUSED = [*(("native", text) for text in NATIVE), *(("hysplit", text) for text in HYSPLIT)]
TAKEN = [("native", "kmixd: 0"), ("native", "nturb: 1"), ("hysplit", "outdt: 2")]


def set_up(project: Path, model: str, settings: str) -> None:
    if model == "hysplit":
        need_hysplit()
    config = project / "config.yaml"
    lines = config.read_text().splitlines()
    others = [line for line in lines if not line.startswith("model: ")]
    ground = "roughness: 0.1\n" if model == "native" and "roughness" not in settings else ""
    config.write_text("\n".join([*others, f"model: {model}", ground + settings, ""]))


def refusal(project: Path, *, dry_run: bool) -> list[tuple[str, int]]:
    with pytest.raises(StiltError) as caught:
        run(Request(project, dry_run=dry_run), print)
    return told(from_error("", caught.value))


def told(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """Return what problems say, and their exit codes."""
    return [(each.text, each.exit_code) for each in findings if each.weight is Weight.PROBLEM]


@pytest.mark.parametrize(("model", "settings"), REFUSED)
def test_check_dry_run_and_run_refuse_the_same_settings(project, model, settings):
    set_up(project, model, settings)
    before = sorted(project.rglob("*"))
    said = told(preflight(project))
    assert said
    assert refusal(project, dry_run=True) == said
    assert refusal(project, dry_run=False) == said
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(("model", "settings"), TAKEN)
def test_what_an_engine_takes_is_refused_by_none(project, model, settings):
    set_up(project, model, settings)
    assert not told(preflight(project))
    assert run(Request(project, dry_run=True), print) == 0


def test_a_dry_run_for_slurm_asks_for_the_number_of_tasks_as_run_does(project):
    change(project, "numpar: 50", "numpar: 50\nexecution: {backend: slurm}")
    assert refusal(project, dry_run=True) == refusal(project, dry_run=False)
