"""Meteorology in an object store: a bucket on this machine, with keys and without."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import fsspec
import pytest

from stilt.foundations.errors import EnvironmentFailure
from stilt.met.distant.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN")


def test_without_s3fs_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    fsspec.get_filesystem_class.__globals__["_registry"].pop("s3", None)
    with pytest.raises(
        EnvironmentFailure, match="is fetched with s3fs, which is not inst"
    ) as caught:
        Place("s3://noaa-hrrr-bdp-pds/hrrr")
    assert (caught.value.code, caught.value.hint) == ("PACKAGE_MISSING", "pip install s3fs")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A bucket that holds two files, one of them below a folder; no keys are there."""
    s3fs = pytest.importorskip(
        "s3fs", reason="an extra of the tests: pip install s3fs moto[server]"
    )
    server = pytest.importorskip("moto.server", reason="as s3fs").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    s3fs.S3FileSystem.clear_instance_cache()
    filler = s3fs.S3FileSystem(key="a", secret="b", endpoint_url=f"http://{host}:{port}")  # noqa: S106
    filler.makedirs("air", exist_ok=True)
    filler.pipe("air/hrrr/20210601_00.arl", b"x" * 1000)
    filler.pipe("air/hrrr/more/20210601_06.arl", b"y" * 10)
    s3fs.S3FileSystem.clear_instance_cache()
    yield "s3://air/hrrr"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_with_keys_from_the_environment_files_come(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    place = Place(bucket)
    found = place.everything()
    assert [(file.name, file.size) for file in found] == [
        ("20210601_00.arl", 1000),
        ("more/20210601_06.arl", 10),
    ]
    assert all(file.mark for file in found)
    assert [file.name for file in place.search(f"{datetime(2021, 6, 1):%Y%m%d_06}")] == [  # noqa: DTZ001
        "more/20210601_06.arl"
    ]
    place.fetch(found[0], tmp_path / "x", lambda _: None)
    assert (tmp_path / "x").read_bytes() == b"x" * 1000
    assert place.look("20210601_05.arl") is None


def test_a_public_bucket_needs_no_keys(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentFailure, match=r"s3://air/hrrr: .*redentials") as caught:
        Place(bucket).everything()
    assert "a public bucket needs none: FSSPEC_S3_ANON=true" in caught.value.hint
    monkeypatch.setitem(fsspec.config.conf, "s3", {"anon": "true"})  # as the variable is read
    assert len(Place(bucket).everything()) == 2


def test_a_bucket_that_is_not_there_is_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(EnvironmentFailure, match=r"s3://water/hrrr: .*bucket does not exist"):
        Place(bucket.replace("air", "water")).look("20210601_00.arl")
