"""Names of files: two simulations never share one, and a name tells whose result it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stilt.config.load import parse_config
from stilt.foundations.errors import ProblemsError
from stilt.foundations.names import alike, reserved_ending
from stilt.foundations.paths import imprinted, plain_and_imprint
from stilt.receptors.read import read_receptors
from tests.config.settings import MINIMAL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("file", ["a.parquet", "a.error.parquet", "m_x.y-z+1.nc", "ä.nc"])
def test_a_name_with_a_writer_in_it_is_taken_apart_again(file: str) -> None:
    name = imprinted(file, "0012-03-00ff00ff")
    assert name.startswith(".")
    assert not name.endswith((".nc", ".parquet"))
    assert plain_and_imprint(name) == (file, "0012-03-00ff00ff")
    assert plain_and_imprint(file) == (file, "")


@pytest.mark.parametrize("name", [".tmp-0a0a0a-x.nc", ".hidden.nc", "x.0001-01-00000000"])
def test_other_names_carry_no_writer(name: str) -> None:
    assert plain_and_imprint(name) == (name, "")


def test_names_that_one_filesystem_takes_for_one_are_alike() -> None:
    names = ["Mast", "other", "mast", "Stra\u00dfe", "STRASSE", "caf\u00e9", "cafe\u0301"]
    assert list(alike(names)) == [
        ("mast", "Mast"),
        ("STRASSE", "Stra\u00dfe"),
        ("cafe\u0301", "caf\u00e9"),
    ]
    assert reserved_ending("x.ERROR") == ".error"


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (("mast", "Mast"), "the id 'Mast' and the id 'mast' are one file"),
        (("a", "a.error"), "id 'a.error' ends in .error, as the files of error runs do"),
    ],
)
def test_receptors_that_would_share_a_file_are_refused(
    tmp_path: Path, ids: tuple[str, str], said: str
) -> None:
    path = tmp_path / "receptors.csv"
    rows = [f"{name},2024-07-01 0{n}:00,-111.9,40.5,5\n" for n, name in enumerate(ids)]
    path.write_text("id,time,longitude,latitude,altitude\n" + "".join(rows))
    with pytest.raises(ProblemsError) as caught:
        read_receptors(path, ["hrrr"])
    assert said in caught.value.problems[0]


def test_meteorologies_whose_names_differ_in_case_alone_are_refused() -> None:
    twice = MINIMAL.replace(
        "mets:\n", "mets:\n  HRRR: {directory: /d, file_format: '%Y', file_tres: 1d}\n"
    )
    with pytest.raises(ProblemsError) as caught:
        parse_config(twice, "config.yaml")
    assert "where case or Unicode form do not count" in caught.value.problems[0]
