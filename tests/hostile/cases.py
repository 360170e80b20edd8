"""Hostile projects by the types of what is read: the fuzzer's cases that are more than changed bytes."""

from __future__ import annotations

import json
import os
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from msgspec import inspect

from stilt.batch.chunks import Chunk, chunk_digest
from stilt.batch.manifest import Manifest
from stilt.config.schema import Config
from stilt.log import checkpoint
from stilt.log.checkpoint import Footer
from stilt.log.events import Event
from stilt.log.frozen import TYPES
from stilt.log.index import OutputIndex
from tests.hostile.checkpoints import rewrite
from tests.hostile.generators import NUMBERS, TEXTS, drawn, encoded, of_type, spoiled
from tests.hostile.logs import header

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

COLUMNS = ["sim", "time", "longitude", "latitude", "height_m", "reference", "group", "label"]
SEGMENTS = (
    "worker-t00000-a01-s00002-h-1-aa.log", "run-t-a00-s00002-h-1-aa.log", "x.log", "\x1b[2J.log", "\udcff.log",
    "worker-t9999999999999999999999-a9999999999999-s99999999999999999999-h-1-aa.log", "cancel-t-a00-s00002-h-1-aa.log",
    "-rf.log", "worker-t\u0663-a\u0663-s\u0663-h-1-aa.log", "n" * 250 + ".log",
)  # fmt: skip
FOLDERS = (
    "0002-b",
    "0009-z",
    "\x1b]0;t\x07",
    "\udcff",
    "-x",
    "99999999999999999999999999-x",
    "\u0663-x",
    "n" * 250,
)


@cache
def strategies() -> dict[str, SearchStrategy[Any]]:
    """Return a strategy for each kind of file."""
    kinds = {"event": Event, "manifest": Manifest, "chunk": Chunk, "config": Config}
    made = {name: spoiled(of_type(inspect.type_info(kind))) for name, kind in kinds.items()}
    cell = st.sampled_from(
        [*map(str, NUMBERS), *TEXTS, "5", "-112", "40.5", "2015-12-10 00:00", '"', "1e999", "0x10"]
    )
    rows = st.lists(st.lists(cell, max_size=6), max_size=4)
    return made | {
        "log": st.lists(made["event"], min_size=1, max_size=6),
        "rows": st.tuples(st.lists(st.sampled_from([*COLUMNS, *TEXTS]), max_size=7), rows),
    }


def seed_of(chance: random.Random) -> int:
    """Return a seed for hypothesis."""
    return chance.randrange(1 << 60)


def make_events(project: Path, chance: random.Random) -> None:
    """Write a segment of any events, under any name."""
    folder = (
        project / "output" / "log" / (chance.choice(FOLDERS) if chance.random() < 0.3 else "0002-b")
    )
    folder.mkdir(parents=True, exist_ok=True)
    events = drawn(strategies()["log"], seed_of(chance))
    if chance.random() < 0.9:
        events = [header(), *events]
    lines = [encoded([n, event]).encode(errors="surrogatepass") for n, event in enumerate(events)]
    name = chance.choice(SEGMENTS) if chance.random() < 0.3 else SEGMENTS[0]
    (folder / name).write_bytes(b"".join(b"%08x %b\n" % (zlib.crc32(x), x) for x in lines))


def make_manifest(project: Path, chance: random.Random) -> None:
    """Replace the manifest of a batch by any other, or by the same with something odd in it."""
    (path,) = project.glob("output/chunks/*/batch.json")
    known = json.loads(path.read_text())
    strategy = strategies()["manifest"] if chance.random() < 0.5 else spoiled(st.just(known))
    value = drawn(strategy, seed_of(chance))
    if isinstance(value, dict) and chance.random() < 0.5:
        value |= {"batch": known["batch"], "seq": known["seq"], "chunks": known["chunks"]}
    path.write_bytes(encoded(value).encode(errors="surrogatepass"))


def make_chunk(project: Path, chance: random.Random) -> None:
    """Replace a chunk by one that has the name that its bytes give it, and is in the manifest under that name."""
    (manifest,) = project.glob("output/chunks/*/batch.json")
    known = json.loads(manifest.read_text())
    old = manifest.with_name(f"{known['chunks'][0][0]}.json")
    strategy = strategies()["chunk"]
    if chance.random() < 0.7:
        strategy = spoiled(st.just(json.loads(old.read_text())))
    data = encoded(drawn(strategy, seed_of(chance))).encode(errors="surrogatepass")
    old.with_name(f"{chunk_digest(data)}.json").write_bytes(data)
    known["chunks"][0][0] = chunk_digest(data)
    manifest.write_text(json.dumps(known))


def make_footer(project: Path, chance: random.Random) -> None:
    """Leave a checkpoint whose checksums hold, with anything in its footer or its columns."""
    path = project / "output" / "log" / "checkpoint"
    checkpoint.save(path, OutputIndex(path.parent).fold(use_checkpoint=False))
    if chance.random() < 0.5:
        name = chance.choice([*TYPES, "ids", "texts"])
        bits = chance.choice([b"\0", b"\xff", b"\x7f\xe1", b"/", b"\x1b", chance.randbytes(8)])
        rewrite(path, columns={name: lambda data: (bits * len(data))[: len(data)]})
        return
    part = chance.choice(Footer.__struct_fields__)
    kinds = {field.name: field.type for field in inspect.type_info(Footer).fields}  # type: ignore[attr-defined]

    def change(footer: dict[str, Any]) -> dict[str, Any]:
        of_known = spoiled(st.just(footer[part]))
        strategy = of_known if chance.random() < 0.6 else spoiled(of_type(kinds[part], part))
        return footer | {part: drawn(strategy, seed_of(chance))}

    rewrite(path, change, encode=encoded)


def make_config(project: Path, chance: random.Random) -> None:
    """Write settings of any values, as JSON: that is YAML too."""
    path = project / "config.yaml"
    value = drawn(strategies()["config"], seed_of(chance))
    if isinstance(value, dict) and chance.random() < 0.7:
        import yaml

        known = yaml.safe_load(path.read_text())
        keys = chance.sample(sorted(value), min(len(value), 2))
        value = known | {key: value[key] for key in keys}
    path.write_bytes(encoded(value).encode(errors="surrogatepass"))


def make_receptors(project: Path, chance: random.Random) -> None:
    """Write a table of any columns and rows."""
    head, rows = drawn(strategies()["rows"], seed_of(chance))
    path = project / "receptors.csv"
    if chance.random() < 0.6:
        known = [line.split(",") for line in path.read_text().splitlines()]
        head = known[0] + head[: chance.randrange(3)]
        rows = [[*known[1][: chance.randrange(6)], *row][: len(head)] for row in rows]
    ends = chance.choice(["\n", "\r\n", "\r", ""])
    text = ends.join(",".join(row) for row in [head, *rows])
    path.write_bytes(
        chance.choice([b"", b"\xef\xbb\xbf", b"\xff\xfe"]) + text.encode(errors="surrogatepass")
    )


def make_huge(project: Path, chance: random.Random) -> None:
    """Put files that announce more than any memory has in the place of outputs, or beside them."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from netCDF4 import Dataset

    foot = chance.choice(sorted(project.glob("output/footprints/*/*/.*.nc.*")))
    size = chance.choice([2**31, 10**6, 10**5])
    with Dataset(foot, "a") as file:
        for name in ("a", "b"):
            file.createDimension(name, size)
        file.createVariable("more", "f4", ("a", "b"), zlib=True, chunksizes=(1, 1000))
        file.createVariable("b", "f8", ("b",))
    particles = chance.choice(sorted(project.glob("output/particles/*/.*.parquet.*")))
    rows = chance.choice([200_000, 2_000_000])
    names = chance.choice([("time", "indx", "foot"), ("sim", "about")])
    table = pa.table({name: pa.nulls(rows, pa.float64()) for name in names})
    pq.write_table(table, particles, compression="zstd", row_group_size=rows)
    footer, one = pq.read_metadata(particles), pq.read_metadata(particles)
    for _ in range(chance.choice([10, 1000])):
        footer.append_row_groups(one)
    more = particles.with_name("more")
    footer.write_metadata_file(more)
    particles.write_bytes(particles.read_bytes() + more.read_bytes()[4:])
    more.unlink()
    if chance.random() < 0.3:
        segment = chance.choice(sorted(project.glob("output/log/*/*.log")))
        os.truncate(segment, chance.choice([1 << 42, 1 << 26]))


MAKERS: dict[str, Callable[[Path, random.Random], None]] = {
    "events": make_events,
    "manifest values": make_manifest,
    "chunk values": make_chunk,
    "footer": make_footer,
    "config values": make_config,
    "receptor values": make_receptors,
    "huge": make_huge,
}
