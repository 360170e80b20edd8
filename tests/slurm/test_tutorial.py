"""README's tutorial on Slurm runs exactly as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hysplit_at_hand import need_hysplit
from tests.shared_data import REPOSITORY
from tests.slurm.cluster import wrapped

if TYPE_CHECKING:
    from tests.slurm.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.hysplit]

FIRST_WAITS = 'case "$*" in */submit_0001-*) set -- --hold "$@" ;; esac'
"""The first job stays in the queue, as on a cluster with much to do: it is there for all that is said of it."""

BLOCK = re.compile(r"<!-- transcript on slurm -->\n```console\n(.*?)```", re.DOTALL)
DONE = "--- done ---"


def steps() -> list[tuple[str, str]]:
    """Return the commands with what they print."""
    text = "".join(BLOCK.findall((REPOSITORY / "README.md").read_text(encoding="utf-8")))
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts)]


def run_as_typed(commands: list[str], folder: Path, env: dict[str, str]) -> list[str]:
    """Type the commands into one shell and return what each printed."""
    # `$?` has to be the typed command's, not that of the echo between two of them
    script = "\n".join(f"(exit $code)\n{line}\ncode=$?\necho '{DONE}'" for line in commands)
    shown = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return shown.stdout.split(f"{DONE}\n")


def test_the_tutorial_runs_as_written(cluster: Cluster, tmp_path: Path):
    need_hysplit()
    slurm = wrapped(tmp_path / "programs", cluster, {"sbatch": FIRST_WAITS}).env["PATH"]
    path = f"{Path(sys.executable).parent}:{slurm}"
    env = {**cluster.env, "PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    written = steps()
    assert len(written) > 10
    folder = tmp_path / "home"
    folder.mkdir()
    printed = run_as_typed([command for command, _ in written], folder, env)
    for (command, expected), text in zip(written, printed, strict=False):
        pattern = ".*?".join(map(re.escape, expected.split("...")))
        assert re.fullmatch(pattern, text, re.DOTALL), (
            f"$ {command}\n{text}\n--- not ---\n{expected}"
        )
