"""The reader under ``spec/``, written from the specification alone, and the product's agree."""

import json
import random
import shutil
import subprocess
import sys
from array import array

import msgspec
import pytest

from stilt.batch.chunks import Chunk, ChunkEntry, chunk_digest, encode_chunk, read_chunk
from stilt.batch.claims import ClaimsWriter
from stilt.batch.manifest import ChunkRef, Manifest, encode_manifest
from stilt.foundations.durable import publish
from stilt.foundations.errors import DamagedError
from stilt.foundations.paths import Layout, imprinted, plain_and_imprint
from stilt.foundations.simulation import Receptor
from stilt.foundations.writers import this_writer
from stilt.log.events import Started
from stilt.log.reader import NewerFormatError
from stilt.log.writer import SegmentWriter
from tests.log.random_logs import MOMENTS, write
from tests.log.spec_state import SPEC, load_spec_reader, product_says

spec_reader = load_spec_reader()
VECTORS = sorted(path.parent for path in SPEC.glob("vectors/*/expected.json"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.name)
def test_both_readers_say_of_a_vector_what_is_expected(vector):
    case = json.loads((vector / "expected.json").read_text(encoding="utf-8"))
    if case["refused"]:
        with pytest.raises(NewerFormatError):
            product_says(vector / "log")
        with pytest.raises(SystemExit):
            spec_reader.fold(vector / "log")
        return
    assert product_says(vector / "log", case["until"]) == case["expected"]
    assert spec_reader.fold(vector / "log", case["until"] or float("inf")) == case["expected"]


def test_vectors_are_those_of_the_script(tmp_path):
    shutil.copytree(SPEC, tmp_path / "spec", ignore=shutil.ignore_patterns("vectors"))
    subprocess.run([sys.executable, tmp_path / "spec" / "make_vectors.py"], check=True)
    made, kept = tmp_path / "spec" / "vectors", SPEC / "vectors"
    assert {p.relative_to(made): p.read_bytes() for p in made.glob("*/log/*/*.log")} == {
        p.relative_to(kept): p.read_bytes() for p in kept.glob("*/log/*/*.log")
    }


def test_the_schemas_are_those_of_the_structs(tmp_path):
    subprocess.run([sys.executable, SPEC / "make_schema.py", tmp_path], check=True)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert made == {
        path.name: path.read_text(encoding="utf-8") for path in SPEC.glob("*.schema.json")
    }
    assert len(made) == 3


def test_the_spec_reader_lists_what_a_batch_has_left_to_do(tmp_path):
    layout = Layout.of(tmp_path)
    sims = [f"hrrr_20220101000{n}_-112_40.5_5" for n in range(7)]
    entries = [ChunkEntry(sim, "hrrr", "202201010000", (-112.0,), (40.5,), (5.0,)) for sim in sims]
    parts = [encode_chunk(entries[:4]), encode_chunk(entries[4:])]
    refs = tuple(ChunkRef(chunk_digest(data), n) for data, n in zip(parts, (4, 3), strict=True))
    manifest = Manifest(
        batch="b1", seq=1, config="c", engine="e", backend="local", chunks=refs, total=7
    )
    publish(layout.manifest("b1"), encode_manifest(manifest))
    for ref, data in zip(refs, parts, strict=True):
        publish(layout.chunk("b1", ref.digest), data)
    for batch, sim in (("b1", sims[0]), ("b1", sims[5]), ("b0", sims[6])):
        writer = SegmentWriter(layout.log_dir, batch, int(batch[1]), this_writer("worker", 0, 1))
        writer.append(Started(sim, 1.0))
        writer.close()
    assert spec_reader.pending(layout.output, "b1") == [sims[n] for n in (1, 2, 3, 4, 6)]

    layout.chunk("b1", refs[0].digest).write_bytes(parts[0].replace(b"40.5", b"41.5"))
    with pytest.raises(SystemExit):
        spec_reader.pending(layout.output, "b1")


def random_receptor(rng):
    def number():
        size = 10 ** rng.uniform(-9, 18)
        return rng.choice(
            [0, 5, -112.5, size, -size, round(size, 2), round(rng.uniform(-180, 180), 6)]
        )

    many = rng.randint(1, 4)
    places = [tuple(number() for _ in range(many)) for _ in range(3)]
    if rng.random() < 0.5:  # at one place: a column
        places[:2] = [many * (number(),), many * (number(),)]
    return ("202201010000", *places, rng.choice(["agl", "asl"]))


def test_both_readers_have_the_same_digest_of_a_receptor():
    for seed in range(2000):
        fields = random_receptor(random.Random(seed))
        data = encode_chunk([ChunkEntry("s", "hrrr", *fields)])
        entry = msgspec.json.decode(data)["simulations"][0]
        product = msgspec.json.decode(data, type=Chunk).simulations[0].receptor.digest
        assert spec_reader.receptor_digest(entry) == product, fields


KERNELS = [
    ["height_m", [1]],
    ["height_m", [0, 5.5], [1, 0.5], [0, 2]],
    ["height_m", [0, 5], [], [0.5, 0.5]],
    ["pressure_hpa", [900, 100], [1, 1]],
    ["height_m", [1, 2], [1, -1]],
    ["height_m", []],
    ["height_m", [5, 0]],
    ["height_m", [5, 5]],
    ["pressure_hpa", [100, 900]],
    ["height_m", [1, 2], [1]],
    ["height_m", [1, 2], [1, 1], [1, -1]],
    ["height_m", [1, 2], [1, -1e10]],
    ["height_m", [1, 1e10]],
    ["sigma", [1]],
    ["height_m", ["1"]],
    ["height_m"],
    "height_m",
]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_both_readers_take_the_same_kernels(tmp_path, kernel):
    entry = [
        "s",
        "m",
        "202201010000",
        [0.0],
        [0.0],
        [5.0],
        "agl",
        "transport",
        [],
        {},
        {"x": kernel},
    ]
    data = msgspec.json.encode({"format": 1, "simulations": [entry]}) + b"\n"
    path = tmp_path / f"{chunk_digest(data)}.json"
    path.write_bytes(data)
    if spec_reader.is_entry(entry):
        assert KERNELS.index(kernel) < 5
        assert read_chunk(path).simulations[0].kernels["x"].levels == tuple(kernel[1])
    else:
        assert KERNELS.index(kernel) >= 5
        with pytest.raises(DamagedError):
            read_chunk(path)


def test_the_digest_of_a_receptor_is_the_one_on_the_page():
    fields = ("202201010000", (-112.0,), (40.5,), (5.0,))
    assert Receptor(*fields).digest == "3af01b9b0ebe8f4a"
    assert "3af01b9b0ebe8f4a" in (SPEC / "log-format.md").read_text(encoding="utf-8")
    assert (
        spec_reader.receptor_digest(["s", "hrrr", "202201010000", [-112], [40.5], [5]])
        == "3af01b9b0ebe8f4a"
    )


@pytest.mark.parametrize(
    "name",
    [
        ".hrrr_1.nc.0001-01-0a0b0c0d",
        ".x.error.parquet.12345-123-00000000",
        "hrrr_1.nc",
        "hrrr_1.nc.0001-01-0a0b0c0d",
        ".hrrr_1.nc.001-01-0a0b0c0d",
        ".hrrr_1.nc.0001-01-0A0B0C0D",
        ".tmp-0a0b0c0d0e0f",
    ],
)
def test_both_readers_take_the_name_of_an_output_apart_alike(name):
    plain, imprint = plain_and_imprint(name)
    assert spec_reader.plain_and_imprint(name) == (plain, imprint)
    assert imprinted(plain, imprint) == name


def test_the_file_of_what_a_batch_claims_finds_each_of_its_simulations(tmp_path):
    layout = Layout.of(tmp_path)
    writer, refs = ClaimsWriter(), []
    for task in range(5):
        sims = [f"m_{task}_{n}" for n in range(100)]
        entries = [ChunkEntry(sim, "m", "202201010000", (0.0,), (0.0,), (5.0,)) for sim in sims]
        data = encode_chunk(entries)
        refs.append(ChunkRef(chunk_digest(data), len(sims)))
        publish(layout.chunk("b1", refs[-1].digest), data)
        writer.add(sims)
    manifest = Manifest(
        batch="b1", seq=1, config="c", engine="e", backend="local", chunks=tuple(refs), total=500
    )
    publish(layout.manifest("b1"), encode_manifest(manifest))
    publish(layout.claims("b1"), writer.encode())
    found = spec_reader.claimed(layout.output, "b1")
    assert found == {f"m_{task}_{n}": task for task in range(5) for n in range(100)}
    keys = array("Q", layout.claims("b1").read_bytes())
    assert list(keys) == sorted(keys)


@pytest.mark.parametrize("part", range(10))
def test_both_readers_agree_on_random_logs(tmp_path, part):
    for seed in range(part * 1000, (part + 1) * 1000):
        rng = random.Random(seed)
        log_dir = write(rng, tmp_path / str(seed))
        until = rng.choice([None, None, *MOMENTS])
        expected = spec_reader.fold(log_dir, *([until] if until else []))
        assert product_says(log_dir, until) == expected, f"seed {seed}"
