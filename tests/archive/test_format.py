"""What ``spec/archive-format.md`` says is enough to read an archive, without stilt."""

import hashlib
import json
import struct
import zlib

import netCDF4
import numpy as np
import pyarrow as pa

from tests.archive.reading import archives, loose

ZSTD = pa.Codec("zstd")


def unpacked(data, at, length, size, crc):
    part = data[at : at + length]
    assert zlib.crc32(part) == crc
    return ZSTD.decompress(part, size, asbytes=True)


def index(data):
    """Return what an archive lists."""
    at, length, size, crc, magic = struct.unpack("<QQQI8s", data[-36:])
    assert data.startswith(b"STILTPK2")
    assert magic == b"STILTPK2"
    assert at + length + 36 == len(data)
    return json.loads(unpacked(data, at, length, size, crc))


def same_footprint(original, frame, count, layout, about):
    grid = layout["grid"]
    streams = np.frombuffer(ZSTD.decompress(frame, 8 * count), np.uint8).reshape(2, 4, count)
    steps, bits = (np.ascontiguousarray(each.T).view("<i4")[:, 0] for each in streams)
    values = np.zeros((len(about["times"]), len(grid["y"]), len(grid["x"])), np.float32)
    values.reshape(-1)[np.cumsum(steps)] = bits.view("<f4")
    with netCDF4.Dataset(original) as file:
        file.set_auto_mask(False)
        assert file["foot"][0].tobytes() == values.tobytes()
        assert file["time"][:].tolist() == about["times"]
        starts = np.array(about["times"]) - file["receptor_time"][0]
        assert layout["starts"] == starts.tolist()
        assert file["lon"][:].tolist() == grid["x"]
        assert file["lat"][:].tolist() == grid["y"]
        assert about["is_integrated"] == (file["foot"].cell_methods == "time: sum")
        assert all(file.getncattr(key) == text for key, text in about["provenance"].items())


def test_an_archive_is_read_from_its_specification_alone(project, finished):
    assert project.stilt("archive").code == 0
    seen = []
    for archive in archives(project):
        data = archive.read_bytes()
        listed = index(data)
        blocks = [json.loads(unpacked(data, *block)) for block in listed["blocks"]]
        for path, sim, size, digest, at, length, crc, *facts in listed["outputs"]:
            original = finished.output / path
            whole = original.read_bytes()
            assert (len(whole), hashlib.blake2b(whole, digest_size=16).hexdigest()) == (
                size,
                digest,
            )
            part = data[at : at + length]
            assert zlib.crc32(part) == crc
            if ".nc." in original.name:
                count, layout, _, block, place = facts
                about = blocks[block][place]
                assert about["sim"] == sim
                shared = json.loads(listed["shared"][layout])
                same_footprint(original, part, count, shared, about)
            else:
                assert (
                    ZSTD.decompress(part, facts[0], asbytes=True) if facts[0] else part
                ) == whole
            seen.append(path)
    assert sorted(seen) == loose(finished)
