"""The worked example from soundings to modelled and observed mole fractions runs, and finds what was put in."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.shared_data import REPOSITORY


def test_the_worked_example_finds_the_city_that_emits_more_than_the_inventory_says(tmp_path):
    shown = subprocess.run(
        [
            *(sys.executable, REPOSITORY / "tools" / "satellite.py", tmp_path / "sat"),
            *("--n-hours", "-8", "--numpar", "130"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "16 of 16 complete" in shown.stdout
    assert "to do after the observations came: 0" in shown.stdout
    scale = float(re.search(r"emits ([0-9.]+) times", shown.stdout)[1])
    assert 1.3 < scale < 1.8, shown.stdout
    assert (tmp_path / "sat" / "modelled.png").read_bytes().startswith(b"\x89PNG")
