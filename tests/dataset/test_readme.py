"""README's way from a folder of ERA5 files to a footprint runs as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.house.test_readme import DONE, README, matches
from tests.meteorology.netcdf import write_era5


def test_a_folder_of_era5_files_becomes_a_footprint(arl: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"<!-- transcript: era5 -->\n```console\n(.*?)```", README, re.DOTALL)
    write_era5(tmp_path / "era5", arl)
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    parts = [
        re.match(r"(.*?<<'END'\n.*?^END\n|.*?\n)(.*)", step, re.DOTALL | re.MULTILINE)
        for step in steps
    ]
    pairs = [(part[1], part[2]) for part in parts if part]
    assert len(pairs) == len(steps) == 8
    shown = subprocess.run(
        ["bash", "-c", "".join(f"{command}echo '{DONE}'\n" for command, _ in pairs)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = shown.stdout.split(f"{DONE}\n")
    for (command, expected), text in zip(pairs, printed, strict=False):
        assert matches(text, expected), f"$ {command}\n{text}\n--- README says ---\n{expected}"
