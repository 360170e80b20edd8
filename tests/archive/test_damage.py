"""A damaged or lost archive is found out, and what was in it is made anew."""

import errno
import json
import os

import pytest
from netCDF4 import Dataset

import stilt
import stilt.commands.verify
from stilt.archive.bundle import BundleWriter, read_index
from stilt.archive.container import Entry
from stilt.commands.pack import Intake
from stilt.commands.verify import MISSING, verify
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import DamagedError
from stilt.foundations.paths import plain_and_imprint
from tests.archive.reading import archives, everything, loose, simulations_of


def of_product(project, product):
    return next(path for path in archives(project) if f"/{product}/" in str(path))


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def packed(project):
    assert project.stilt("archive").code == 0
    return project


@pytest.mark.parametrize("product", ["particles", "near"])
def test_one_damaged_output_is_named_and_only_its_simulation_is_run_again(packed, product):
    before = everything(packed)
    path = of_product(packed, product)
    _, member = list(read_index(path).entries.values())[2]
    flip(path, member.at + member.length // 2)

    with pytest.raises(DamagedError, match="stilt verify"):
        everything(packed)

    answer = packed.stilt("verify", "--json")
    said = json.loads(answer.out)
    assert answer.code == 5
    (broken,) = said["broken"]
    assert product in broken["path"]
    assert "is damaged" in broken["why"]
    assert packed.stilt("run").code == 1
    assert simulations_of(loose(packed)) == {broken["sim"]}
    assert everything(packed) == before
    assert packed.stilt("verify").code == 0
    assert packed.stilt("archive").code == 0
    assert loose(packed) == []
    assert everything(packed) == before


@pytest.mark.parametrize("injury", ["lost", "footer", "cut"])
def test_an_archive_that_cannot_be_opened_is_work_again(packed, injury):
    before = everything(packed)
    path = of_product(packed, "particles")
    if injury == "lost":
        path.unlink()
    elif injury == "footer":
        flip(path, -1)
    else:
        path.write_bytes(path.read_bytes()[:1000])
    said = json.loads(packed.stilt("verify", "--json").out)
    assert {broken["path"].split("/")[0] for broken in said["broken"]} == {"particles"}
    assert len(said["broken"]) == 9
    why = MISSING if injury == "lost" else f"the archive {path} can't be read"
    assert {broken["why"] for broken in said["broken"]} == {why}
    assert packed.stilt("run").code == 1
    assert packed.stilt("archive").code == 0
    assert everything(packed) == before
    assert packed.stilt("verify").code == 0


def test_what_footprints_say_that_is_damaged_is_found_out(packed):
    before = everything(packed)
    path = of_product(packed, "near")
    (block,) = read_index(path).blocks
    flip(path, block.at + 3)
    with pytest.raises(DamagedError, match="not as it was written"):
        stilt.Project(packed.path)[0].footprint("near")

    answer = packed.stilt("verify", "--json")
    assert answer.code == 5
    assert len(json.loads(answer.out)["broken"]) == 8
    assert packed.stilt("run").code == 1
    assert everything(packed) == before
    assert packed.stilt("verify").code == 0


@pytest.mark.parametrize("product", ["particles", "near"])
def test_no_flipped_bit_of_the_index_ends_verify(packed, product):
    path = of_product(packed, product)
    whole = path.read_bytes()
    layout = stilt.Project(packed.path).layout
    for place in range(-150, 0, 5):
        flip(path, place)
        assert verify(layout).broken
        path.write_bytes(whole)


def test_an_archive_that_the_filesystem_refuses_to_read_is_not_called_damaged(packed, monkeypatch):
    def refused(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(stilt.commands.verify, "digest_file", refused)
    findings = verify(stilt.Project(packed.path).layout)
    assert findings.broken == []
    assert len(findings.unreadable) == 9 + 2 * 8


def test_what_is_archived_while_a_verification_runs_is_not_missing(project, monkeypatch):
    layout = stilt.Project(project.path).layout
    promised = stilt.commands.verify.promised

    def archived_meanwhile(*arguments):
        first, *others = promised(*arguments)
        # so that it looks for archives before there are any
        published = layout.output / first.outputs[0].path
        published.unlink()
        published.with_name(plain_and_imprint(published.name)[0]).unlink()
        yield first
        assert project.stilt("archive").code == 0
        yield from others

    monkeypatch.setattr(stilt.commands.verify, "_BLOCK", 1)
    monkeypatch.setattr(stilt.commands.verify, "promised", archived_meanwhile)
    findings = verify(layout)
    assert [broken.why for _, broken in findings.broken] == [MISSING]


def test_a_user_is_told_of_a_damaged_archive(packed):
    flip(of_product(packed, "near"), -1)
    with pytest.raises(DamagedError, match="can't be read"):
        stilt.Project(packed.path)[0].footprint("near")


def test_a_footprint_with_more_in_it_than_an_archive_keeps_is_not_packed(project):
    (path, *_) = sorted((project.output / "footprints" / "near").rglob("*.nc"))
    with Dataset(path, "a") as file:
        file["foot"].remark = "added by hand"
    layout = stilt.Project(project.path).layout
    entry = Entry(layout.relative(path), "sim", *digest_file(path))
    with (
        BundleWriter(project.path / "x.pack") as writer,
        pytest.raises(DamagedError, match="it has more in it than stilt writes"),
    ):
        Intake(layout).add(writer, entry)
