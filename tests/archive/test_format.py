"""What ``spec/archive-format.md`` says is enough to read an archive, without stilt."""

import hashlib
import json

import netCDF4
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.archive.reading import archives, loose


def outputs(archive):
    """Yield path, size, digest, ``about``, rows and the shared texts of each output."""
    with pq.ParquetFile(archive) as file:
        texts = file.metadata.metadata
        listed = json.loads(texts[b"stilt.outputs"])
        shared = json.loads(texts[b"stilt.shared"])
        assert len(listed) == file.num_row_groups
        for number, (path, sim, size, digest) in enumerate(listed):
            table = file.read_row_group(number)
            about = table.column("about").to_pylist()
            assert set(table.column("sim").to_pylist()) == {sim}
            assert about[1:] == [None] * (len(about) - 1)
            yield path, size, digest, about[0], table.drop_columns(["sim", "about"]), shared


def same_particles(original, about, rows):
    stored = pq.read_table(original)
    assert pa.ipc.read_schema(pa.py_buffer(about)).equals(stored.schema, check_metadata=True)
    assert rows.replace_schema_metadata().equals(stored.replace_schema_metadata())


def same_footprint(original, about, rows, shared):
    about = json.loads(about)
    grid = json.loads(shared[about["grid"]])
    values = np.zeros((len(about["times"]), len(grid["y"]), len(grid["x"])), np.float32)
    values[tuple(rows.column(name).to_numpy() for name in ("layer", "y", "x"))] = rows["foot"]
    with netCDF4.Dataset(original) as file:
        file.set_auto_mask(False)
        assert file["foot"][0].tobytes() == values.tobytes()
        assert file["time"][:].tolist() == about["times"]
        assert file["lon"][:].tolist() == grid["x"]
        assert file["lat"][:].tolist() == grid["y"]
        assert about["is_integrated"] == (file["foot"].cell_methods == "time: sum")
        assert all(file.getncattr(key) == text for key, text in about["provenance"].items())


def test_an_archive_is_read_from_its_specification_alone(project, finished):
    assert project.stilt("archive").code == 0
    seen = []
    for archive in archives(project):
        for path, size, digest, about, rows, shared in outputs(archive):
            original = finished.output / path
            data = original.read_bytes()
            assert (len(data), hashlib.blake2b(data, digest_size=16).hexdigest()) == (size, digest)
            if ".nc." in original.name:
                same_footprint(original, about, rows, shared)
            else:
                same_particles(original, about, rows)
            seen.append(path)
    assert sorted(seen) == loose(finished)
