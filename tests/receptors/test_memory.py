"""Memory is a resource like disk: a file that takes more than there is is refused with the figures."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stilt.foundations import memory
from stilt.foundations.errors import EnvironmentFailure
from stilt.receptors import memory as needed
from stilt.receptors import read_receptors

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "time,longitude,latitude,altitude\n"
ROW = "2020-01-01T00:00,{:.4f},40,5\n"

READ = """
import resource, sys
from pathlib import Path
from stilt.foundations.errors import StiltError
from stilt.receptors import memory, read_receptors
import pyarrow.compute, pyarrow.csv, numpy
if sys.argv[2] == "unforeseen":
    memory.ROW_BYTES = 0
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[3]),) * 2)
try:
    print(len(read_receptors(Path(sys.argv[1]), ["hrrr"])))
except StiltError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "receptors.csv"
    with path.open("w") as file:
        file.write(HEAD)
        file.writelines(ROW.format(index / 10_000) for index in range(1_200_000))
    return path


def test_a_file_that_takes_too_much_is_refused_before_it_is_read(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needed, "available_bytes", lambda: 100 << 20)
    with pytest.raises(EnvironmentFailure, match="1,200,001 rows take about") as caught:
        read_receptors(many, ["hrrr"])
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("how", ["foreseen", "unforeseen"])
def test_a_limit_ends_in_words_foreseen_or_not(many: Path, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, many, how, str(150 << 20)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "rows take about" in done.stdout


GROUPS = {
    "version 2": ("0::/a/b\n", {"a/memory.max": "1000000\n", "a/memory.current": "400000\n"}, ""),
    "version 1": (
        "4:cpu:/x\n9:memory:/a/b\n",
        {
            "memory/a/memory.limit_in_bytes": "1000000\n",
            "memory/a/memory.usage_in_bytes": "400000\n",
        },
        "memory/",
    ),
}


@pytest.mark.parametrize("version", GROUPS)
def test_a_limit_on_a_group_above_counts_and_cache_is_no_use(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, files, below = GROUPS[version]
    (tmp_path / below / "a" / "b").mkdir(parents=True)
    for name, text in {**files, f"{below}a/memory.stat": "cache 5\ninactive_file 100000\n"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN_CGROUPS", tmp_path / "own")
    assert memory.available_bytes() == 700_000
    assert memory.limit_bytes() == 1_000_000


def test_a_limit_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 20, 1 << 20))
    assert memory.available_bytes() == 0


ODD = {
    "a comment": ("# 2020,1,2,3\n", 0),
    "an indented comment": ("  # with words\n", 0),
    "blank lines": ("\n   \n\r\n", 0),
    "a short row": ("2020-01-01,1,2\n", 1),
    "a long row": ("2020-01-01,1,2,3,4\n", 1),
    "a row of blanks": (",,,\n", 0),
    "a bad row": ("2020-01-01,1,200,3\n", 1),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_line_is_no_reason_to_read_every_line_by_itself(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, problems = ODD[odd]
    path = tmp_path / "receptors.csv"
    rows = [ROW.format(index) for index in range(4)]
    path.write_bytes(
        (HEAD + rows[0] + rows[1] + text + rows[2] + rows[3] + "2020,1,1,x\n").encode()
    )

    def slow(path: Path) -> None:
        raise AssertionError(f"{path} was read line by line")

    monkeypatch.setattr("stilt.receptors.read.read_careful", slow)
    with pytest.raises(Exception, match="problem") as caught:
        read_receptors(path, ["hrrr"])
    lines = [problem.split(":")[0] for problem in caught.value.problems]  # type: ignore[attr-defined]
    assert lines == ["line 4"] * problems + [f"line {6 + text.count(chr(10))}"]
