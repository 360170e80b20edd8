"""Who made a result: what is compared, and what is said of a difference."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stilt.foundations.identity import EngineIdentity, parse_label

HYSPLIT = EngineIdentity(
    "hysplit", "v5.1.0", inputs={"hycs_std": "aa" * 16, "ROUGLEN.ASC": "bb" * 16}
)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (HYSPLIT, []),
        (EngineIdentity("hysplit", "v5.1.0"), []),
        (EngineIdentity("hysplit", "v5.3.0"), ["engine was hysplit v5.1.0, is hysplit v5.3.0"]),
        (
            EngineIdentity(
                "hysplit", "v5.1.0", inputs={"hycs_std": "cc" * 16, "ROUGLEN.ASC": "bb" * 16}
            ),
            ["engine input hycs_std was aaaaaaaa, is cccccccc"],
        ),
        (
            EngineIdentity("hysplit", "v5.1.0", inputs={"hycs_std": "aa" * 16}),
            ["engine input ROUGLEN.ASC was bbbbbbbb, is absent"],
        ),
        (replace(HYSPLIT, inputs={**HYSPLIT.inputs, "TERRAIN.ASC": "dd" * 16}), []),
    ],
    ids=[
        *("the same", "a record that knows no inputs", "a version", "an input", "an input gone"),
        "an input that only some meteorology needs",
    ],
)
def test_a_difference_is_named(other: EngineIdentity, said: list[str]) -> None:
    assert HYSPLIT.differences(other) == said


def test_another_table_of_the_terrain_is_a_difference() -> None:
    one, other = (replace(HYSPLIT, inputs={"TERRAIN.ASC": 16 * kind}) for kind in ("dd", "ee"))
    assert one.differences(other) == ["engine input TERRAIN.ASC was dddddddd, is eeeeeeee"]


@pytest.mark.parametrize(
    "label",
    [
        "hysplit v5.1.0",
        "native 1.2 (roughness 0.2 m)",
        "native 1.2 (ROUGLEN.ASC 1a2b3c4d)",
        "fake 1",
    ],
)
def test_the_label_of_an_older_record_is_read_and_written_alike(label: str) -> None:
    assert parse_label(label).label == label
