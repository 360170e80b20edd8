"""What is up to date: settings, engine by name, and the roughness that the engine has; not its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from stilt.batch.changes import changes
from stilt.batch.manifest import Manifest, encode_manifest
from stilt.batch.today import Match, Today, todays_engine
from stilt.config.digests import (
    accepted_digests,
    config_digest,
    footprint_digest,
    transport_digest,
)
from stilt.config.dump import dump_config
from stilt.config.load import parse_config
from stilt.foundations.identity import EngineIdentity
from stilt.foundations.paths import Layout
from stilt.log.states import Life

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config

TABLE, OTHER_TABLE = "ROUGLEN.ASC 00000001", "ROUGLEN.ASC 00000002"


def config(more: str = "") -> Config:
    text = """
mets: {hrrr: {directory: /m, file_format: "%Y", file_tres: 1d}}
footprints: {near: {xmin: -113, xmax: -110, ymin: 40, ymax: 42, xres: 0.1, yres: 0.1}}
n_hours: -1
model: native
"""
    return parse_config(text + more, "config.yaml")


def made(engine: EngineIdentity, *, is_signed: bool = True) -> Life:
    """Return a life that worked with the settings, in today's format or in an older one."""
    return Life(
        "b1/s",
        "b1",
        1,
        transport={"hrrr": transport_digest(config(), "hrrr", engine.label)},
        footprints={"near": footprint_digest(config(), "near")},
        engine=engine if is_signed else None,
    )


def native(setting: str = TABLE, version: str = "1.2", **inputs: str) -> EngineIdentity:
    return EngineIdentity("native", version, setting, inputs)


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (native(), native(), Match(transport=True, footprints=True, engine=True)),
        (native(), native(version="1.3"), Match(transport=True, footprints=True, engine=False)),
        (native(), native(OTHER_TABLE), Match(transport=True, footprints=True, engine=False)),
        (
            native(),
            native("roughness 0.2 m"),
            Match(transport=False, footprints=True, engine=False),
        ),
        (
            native("roughness 0.2 m"),
            native("roughness 0.3 m"),
            Match(transport=False, footprints=True, engine=False),
        ),
        (
            native(),
            EngineIdentity("hysplit", "v5"),
            Match(transport=False, footprints=True, engine=False),
        ),
    ],
    ids=[
        "the same",
        "newer version",
        "another table",
        "a length for the table",
        "a length",
        "engine",
    ],
)
@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "older record"])
def test_settings_make_stale_and_the_version_of_an_engine_does_not(
    tmp_path: Path, then: EngineIdentity, now: EngineIdentity, expected: Match, *, is_signed: bool
) -> None:
    layout = Layout.of(tmp_path)
    layout.batch_dir("b1").mkdir(parents=True)
    manifest = Manifest(
        batch="b1", seq=1, config="c", engine=then.label, backend="local", chunks=(), total=0
    )
    layout.manifest("b1").write_bytes(encode_manifest(manifest))
    today = Today(layout, config(), now)
    assert today.match(made(then, is_signed=is_signed), "hrrr") == expected


def test_where_the_config_leaves_roughness_out_it_is_that_of_the_newest_results() -> None:
    settled, engine = todays_engine(config(), native("roughness 0.5 m"))
    assert (settled.roughness, engine.setting) == (0.5, "roughness 0.5 m")
    settled, engine = todays_engine(config(), native())
    assert (settled.roughness, engine.setting) == ("hysplit", TABLE)


def test_a_roughness_that_was_edited_is_another_setting() -> None:
    _, engine = todays_engine(config("roughness: 0.3"), native("roughness 0.5 m"))
    assert engine.setting == "roughness 0.3 m"


def test_a_name_with_spaces_is_known_again() -> None:
    engine = EngineIdentity("my own model", "1 beta")
    life = msgspec.structs.replace(made(engine), engine=None)
    today = Today(Layout.of("/nowhere"), config(), engine)
    assert today.match(life, "hrrr") == Match(transport=True, footprints=True, engine=True)


def test_a_result_whose_numbers_are_others_by_now_is_stale_and_the_rule_is_said(
    tmp_path: Path,
) -> None:
    then, settings = native(), config("veght: 5")
    layout = Layout.of(tmp_path)
    layout.batch_dir("b1").mkdir(parents=True)
    signed = {"hrrr": "362a63418829e4e8e533438d2f110648"}  # by the version before
    snapshot = dump_config(settings)
    name = config_digest(settings)
    manifest = Manifest(
        batch="b1",
        seq=1,
        config=name,
        engine=then.label,
        backend="local",
        chunks=(),
        total=0,
        transports=signed,
        identity=then,
    )
    layout.manifest("b1").write_bytes(encode_manifest(manifest))
    layout.config_snapshot("b1", name).write_bytes(snapshot)
    life = msgspec.structs.replace(made(then), transport=signed)
    today = Today(layout, settings, then)
    assert not today.match(life, "hrrr").transport
    said = "since batch b1: veght: 5 is metres now, and was in part taken for mixed layers"
    assert changes(layout, ["b1"], today) == said


def test_settings_that_no_result_depends_on_make_none_stale_whose_record_still_has_them(
    tmp_path: Path,
) -> None:
    """As older versions wrote it: the fewest files count in the digest."""
    layout = Layout.of(tmp_path)
    layout.batch_dir("b1").mkdir(parents=True)
    then = config().mets["hrrr"]
    handed = msgspec.structs.replace(
        config(), mets={"hrrr": msgspec.structs.replace(then, n_met_min=3)}
    )
    settings = dump_config(handed)
    digest = config_digest(handed)
    layout.config_snapshot("b1", digest).write_bytes(settings)
    manifest = Manifest(
        batch="b1", seq=1, config=digest, engine=native().label, backend="local", chunks=(), total=0
    )
    layout.manifest("b1").write_bytes(encode_manifest(manifest))
    (older,) = accepted_digests(handed, "hrrr", native().label) - {
        transport_digest(handed, "hrrr", native().label)
    }
    life = made(native())
    life.transport = {"hrrr": older}
    assert Today(layout, config(), native()).match(life, "hrrr").transport
    other = msgspec.structs.replace(config(), numpar=7)
    assert not Today(layout, other, native()).match(life, "hrrr").transport
