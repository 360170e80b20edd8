"""Random logs, from a source of randomness: few names and moments, so that events meet."""

import json
import zlib
from pathlib import Path

from stilt.log.events import Done, Started

SIMS = ["a_1", "a_2", "a_3", "b_1"]
BATCHES = [("x", 1), ("y", 2), ("z", 2), ("w", 3)]
MOMENTS = [1, 2.0, 3.5, 4.25]
RECEPTORS = ["00000000000000ab", "f0e1d2c3b4a59687", "ffffffffffffffff"]
FIELDS = {
    kind.__struct_config__.tag: ("event", *kind.__struct_fields__) for kind in (Started, Done)
}
IMPRINTS = ["0001-01-0000000a", "0002-02-0000000b"]


def line(number, *events):
    payload = json.dumps(
        [number, *map(as_written, events)], ensure_ascii=False, separators=(",", ":")
    ).encode()
    return b"%08x %b\n" % (zlib.crc32(payload), payload)


def as_written(event):
    """Return most events with their fields in the order that a writer has, and a few as they are."""
    fields = FIELDS.get(event.get("event"), ())
    if zlib.crc32(repr(event).encode()) % 8 == 0:
        return event
    return {name: event[name] for name in fields if name in event} | event


def header(rng, batch, seq):
    writer = {
        "role": rng.choice(["worker", "worker", "worker", "run", "verify", "archive", "cancel"]),
        "host": "n1",
        "pid": 7,
    }
    if writer["role"] == "worker":
        writer |= {"task": rng.randrange(2), "attempt": rng.randint(1, 3)}
    made_with = {"transport": {"a": "ta", "b": "tb"}, "footprints": {"d": "fd"}}
    if rng.random() < 0.5:
        made_with |= {"imprint": rng.choice(IMPRINTS), "engine": engine(rng)}
    return {"event": "segment", "major": 1, "minor": 2, "batch": batch, "seq": seq, "writer": writer,
            "at": rng.choice(MOMENTS), **made_with}  # fmt: skip


def engine(rng):
    known = {"name": "native", "version": rng.choice("12")}
    return rng.choice([
        None,
        known,
        known | {"setting": "roughness 0.2 m", "inputs": {}},
        known | {"inputs": {"ROUGLEN.ASC": "0" * 32}, "later": [1]},
    ])  # fmt: skip


def of_receptor(rng):
    """Return what events of newer writers say of the receptor, and those of older ones do not."""
    if rng.random() < 0.4:
        return {}
    return {"met": rng.choice(["a", "b"]), "receptor": rng.choice(RECEPTORS)}


def sim_event(rng):
    at, sim = rng.choice(MOMENTS), rng.choice(SIMS)
    match rng.randrange(8):
        case 0 | 1:
            return {"event": "started", "sim": sim, "at": at} | of_receptor(rng)
        case 2 | 3:
            batch, seq = rng.choice(BATCHES)
            return {"event": "identified", "sim": sim, "at": at, "receptor": rng.choice(RECEPTORS), "batch": batch,
                    "seq": seq, "attempt": rng.randint(1, 3)}  # fmt: skip
        case 4:
            batch, seq = rng.choice(BATCHES)
            return {"event": "invalid", "sim": sim, "at": at, "path": "p", "why": "w", "batch": batch,
                    "seq": seq, "attempt": rng.randint(1, 3)}  # fmt: skip
        case _:
            done = {"event": "done", "sim": sim, "at": at} | of_receptor(rng)
            if rng.random() < 0.3:
                done["particles"] = rng.choice(["plain", *IMPRINTS])
            if rng.random() < 0.3:
                done["facts"] = rng.choice([{}, {"lifted_m": 12.5}, {"lifted_m": 3, "b": 1e3}])
            done["outcome"] = rng.choice(["complete", "empty", "failed", "interrupted"])
            if rng.random() < 0.5:
                done |= {
                    "reason": rng.choice(["R1", "R2"]),
                    "message": rng.choice(["wörds", "words", 'quoted "words"']),
                    "wall_s": rng.choice(MOMENTS),
                }
            if rng.random() < 0.5:
                done |= {"outputs": [{"path": "p", "size": 3, "digest": "d"}], "peak_rss_bytes": 9}
            return done


def batch_event(rng):
    (batch, seq), at = rng.choice(BATCHES), rng.choice(MOMENTS)
    token, job = rng.choice(["t1", "t2"]), rng.choice(["77", "78", ""])
    return rng.choice([
        {"event": "pending", "batch": batch, "seq": seq, "at": at, "chunk": rng.choice("cd"),
         "count": rng.randrange(9), "task": rng.randrange(2)},
        {"event": "submitting", "batch": batch, "token": token, "at": at},
        {"event": "submitted", "batch": batch, "token": token, "job": job, "at": at},
        {"event": "cancelled", "batch": batch, "at": at},
    ])  # fmt: skip


def odd_event(rng):
    return rng.choice([
        {"event": "novelty", "sim": "a_1", "at": 1.0},
        {"event": "done", "sim": "a_1", "at": 1.0, "outcome": "dreamt"},
        {"event": "started", "sim": "a_1"},
        {"event": "started", "sim": 5, "at": 1.0},
        {"event": "pending", "batch": "x", "seq": 1.5, "at": 1.0, "chunk": "c", "count": 2},
        {"sim": "a_1"},
        {"event": "segment", "major": 1, "minor": 0},
        {"event": "started", "sim": "a_1", "at": 1.0, "receptor": 7},
        {"event": "done", "sim": "a_1", "at": 1.0, "outcome": "empty", "particles": None},
        {"event": "done", "sim": "a_1", "at": 1.0, "outcome": "empty", "facts": {"lifted_m": True}},
        {"event": "done", "sim": "a_1", "at": 1.0, "outcome": "empty", "facts": {"a/b": 1}},
        {"event": "done", "sim": "a_1", "at": 1.0, "outcome": "empty", "facts": [1]},
        {"event": "identified", "sim": "a_1", "at": 1.0, "batch": "x", "seq": 1},
        {"event": "identified", "sim": "a_2", "at": 1.0, "batch": "x", "seq": 1, "receptor": "r", "attempt": "1"},
        {"event": "closed", "at": 1.0},
        {"event": "archived", "at": 1.0, "product": "particles", "path": "p", "count": 3, "size": 9, "digest": "d"},
        {"event": "archived", "at": 1.0, "product": "particles", "path": "p", "count": "3", "size": 9, "digest": "d"},
    ])  # fmt: skip


def event(rng):
    kind = rng.random()
    return sim_event(rng) if kind < 0.75 else batch_event(rng) if kind < 0.95 else odd_event(rng)


def lines(rng):
    """Return the lines of a segment as its writer would write them."""
    batch, seq = rng.choice(BATCHES)
    head = header(rng, batch, seq)
    if rng.random() < 0.05:
        head |= rng.choice([
            {"engine": "native"}, {"engine": {"name": "native"}}, {"imprint": 5}, {"transport": {"a": 1}},
            {"engine": {"name": "native", "version": "1", "inputs": {"table": 1}}},
        ])  # fmt: skip
    found = [line(0, head)]
    for number in range(1, 1 + rng.randrange(6)):
        found.append(line(number, *(event(rng) for _ in range(rng.randrange(1, 4)))))  # noqa: PERF401
    if rng.random() < 0.5:
        found.append(
            line(len(found), {"event": "closed", "at": rng.choice(MOMENTS), "why": "finished"})
        )
    return found


def injured(rng, found):
    """Return the bytes of a segment after one of the things that happen to files."""
    found = list(found)
    place = rng.randrange(len(found))
    data = b"".join(found)
    byte = rng.randrange(len(data))
    match rng.randrange(12):
        case 0:
            return data[:byte]
        case 1:
            return data[:byte] + bytes([data[byte] ^ (1 << rng.randrange(8))]) + data[byte + 1 :]
        case 2:
            del found[place]
        case 3:
            found.insert(place, found[place])
        case 4:
            found[place] = found[place][: rng.randrange(len(found[place]))]
        case 5:
            found.insert(
                place, rng.choice([b"\n", b"garbage\n", b"\x00" * 9, b"\r\n", b"00000000 []\n"])
            )
        case 6:
            return data + rng.choice([b"\x00" * 40, b"torn", b"\n", found[-1]])
        case 7:
            found[place], found[-1] = found[-1], found[place]
    return b"".join(found)


def write(rng, folder):
    """Write a random log of up to four segments into ``folder`` and return it."""
    log_dir = Path(folder)
    for serial in range(rng.randrange(1, 5)):
        batch, seq = rng.choice(BATCHES)
        (log_dir / batch).mkdir(parents=True, exist_ok=True)
        names = [f"worker-t00001-a02-s{seq:05d}-n-1-7-{serial:08x}.log", f"odd{serial}.log"]
        path = log_dir / batch / rng.choice(names)
        path.write_bytes(injured(rng, lines(rng)))
    return log_dir
