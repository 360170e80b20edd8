"""Our simulation ids are R-STILT's, with the meteorology's name before them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stilt.receptors import read_receptors
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def cases() -> list[tuple[str, dict[str, Any], str]]:
    found = []
    for path in sorted(shared("reference").glob("*/case.json")):
        facts = json.loads(path.read_text())
        if facts.get("simulation_id") and not facts["settings"]["simulation_id"]:
            found.append((path.parent.name, facts["receptor"], facts["simulation_id"]))
    return found


def test_every_reference_case_has_the_id_that_r_stilt_gave_it(tmp_path: Path):
    compared = 0
    for name, receptor, simulation_id in cases():
        if not {"r_run_time", "r_long", "r_lati", "r_zagl"} <= set(receptor):
            continue
        rows = [
            f"a,{receptor['r_run_time']},{receptor['r_long']},{receptor['r_lati']},{height}"
            for height in several(receptor["r_zagl"])
        ]
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["r_idx,run_time,long,lati,zagl", *rows]) + "\n")
        assert read_receptors(path, ["ngm"]).ids() == [f"ngm_{simulation_id}"], name
        compared += 1
    if not compared:
        pytest.fail("no reference case was compared")
    print(f"\n{compared} ids are R-STILT's")  # noqa: T201
