"""What `stilt config reference` says of keys within sections."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from stilt.cli.config import command
from stilt.config.reference import sections_with
from stilt.config.sections import FootprintGrid, Met


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (["weight"], ["footprints.NAME.weight: text; default none"]),
        (["missing"], ["footprints.NAME.missing: refused or unweighted; default refused"]),
        (["nested"], ["mets.NAME.nested: true or false; default false"]),
        (
            ["numpar", "yres"],
            [
                "numpar: whole number from 1; default 1000",
                "footprints.NAME.yres: number above 0; may be left out",
            ],
        ),
    ],
)
def test_the_reference_has_the_keys_within_sections(keys, lines):
    done = CliRunner().invoke(command, ["reference", *keys])
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if line[:1].strip()] == lines


def test_every_key_within_sections_is_in_the_reference():
    for kind, section in ((Met, "mets"), (FootprintGrid, "footprints")):
        for key in kind.__struct_fields__:
            assert any(block.startswith(f"{section}.NAME.{key}: ") for block in sections_with(key))
