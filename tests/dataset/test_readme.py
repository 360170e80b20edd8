"""README's way from a folder of ERA5 files to a footprint runs as written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.house.test_readme import DONE, README, hold
from tests.meteorology.netcdf import write_era5

if TYPE_CHECKING:
    from pathlib import Path


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
    hold(pairs, "".join(f"{command}echo '{DONE}'\n" for command, _ in pairs), tmp_path)
