"""What users met when they moved in: small inputs of the shared folder, each with what should come out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stilt.config.load import parse_config
from tests.shared_data import shared

CASES = {
    "02-init-receptors-changed-after-they-are-made": (
        0,
        ["2019-07-02 02:00,-112,40.5,50", "2019-07-02 03:00,-112,41,50"],
    ),
    "04-init-of-the-train-tutorial": (
        0,
        ["2015-12-10 23:00,-111.84,40.768,5", "2015-12-10 23:00,-111.838,40.767,5"],
    ),
    "23-init-monthly-files-and-two-folders": (
        0,
        [
            "met_file_tres 1 month: 1d stands for it",
            "/data/gfs: a meteorology has one folder here, and /data/nam is taken",
            "directory: /data/nam",
            "file_tres: 1d",
        ],
    ),
    "24-init-from-a-newer-pystilt": (None, ["directory: /data/hrrr", "exe_dir: /opt/hysplit/exec"]),
    "29-init-from-a-table-of-receptors": (0, ["receptors only"]),
}


@pytest.mark.parametrize(("name", "expected"), CASES.items(), ids=[name[:2] for name in CASES])
def test_a_case_gives_what_is_expected_of_it(
    name: str, expected: tuple[int | None, list[str]], tmp_path: Path
):
    script = shared("cases", "users", name, "try.sh")
    code, texts = expected
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", str(script)], env=environment, capture_output=True, text=True, check=True
    )
    for text in texts:
        assert text in done.stdout
    if code is not None:
        assert f"rc={code}" in done.stdout
        (config,) = tmp_path.glob("*/new/config.yaml")
        parse_config(config.read_text(), "config.yaml")
