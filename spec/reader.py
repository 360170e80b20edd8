"""A second reader, from log-format.md and chunk-format.md alone: slow and obvious, standard library only.

    python spec/reader.py LOG_DIRECTORY [UNTIL]

prints as one JSON object what the log says. The tests hold the product's reader against it.
"""

import hashlib
import itertools
import json
import re
import struct
import sys
import zlib
from decimal import Decimal
from pathlib import Path

from bounds import (
    ELEMENTS,
    FARTHEST,
    IMPRINT,
    LONGEST_LABEL,
    NUMBER,
    OTHER_ELEMENTS,
    TIME,
    all_fit,
    are_numbers,
    is_name,
)

UPWARD = {"height_m": 1, "pressure_hpa": -1}
MOST_OF_A_LEVEL = 1e9

# kind -> the fields that the fold reads: name -> (type, default); a default of ... means required
KINDS = {
    "pending": {"chunk": (str, ...), "count": (int, ...), "batch": (str, ...), "seq": (int, ...), "task": (int, 0)},
    "submitting": {"batch": (str, ...), "token": (str, ...), "first_task": (int, 0), "tasks": (int, 0),
                   "clusters": (str, "")},
    "submitted": {"batch": (str, ...), "token": (str, ...), "job": (str, ...), "cluster": (str, ""),
                  "backend": (str, "slurm")},
    "started": {"sim": (str, ...), "met": (str, ""), "receptor": (str, "")},
    "done": {"sim": (str, ...), "outcome": (str, ...), "wall_s": (NUMBER, 0.0), "peak_rss_bytes": (int, 0),
             "reason": (str, ""), "message": (str, ""), "met": (str, ""), "receptor": (str, ""),
             "particles": (str, ""), "facts": (dict, {})},
    "cancelled": {"batch": (str, ...), "jobs": (list, [])},
    "invalid": {"sim": (str, ...), "path": (str, ...), "why": (str, ...), "batch": (str, ...), "seq": (int, ...),
                "attempt": (int, 0)},
    "identified": {"sim": (str, ...), "receptor": (str, ...), "batch": (str, ...), "seq": (int, ...),
                   "attempt": (int, 0)},
    "archived": {"product": (str, ...), "path": (str, ...), "count": (int, ...), "size": (int, ...),
                 "digest": (str, ...)},
    "closed": {"why": (str, "finished")},
}  # fmt: skip
HEADER = {"minor": (int, ...), "seq": (int, ...), "batch": (str, ...), "at": (NUMBER, ...), "writer": (dict, ...),
          "stilt": (str, ""), "transport": (dict, {}), "footprints": (dict, {}), "engine": ((dict, type(None)), None),
          "imprint": (str, ""), "ahead_s": (NUMBER, 0)}  # fmt: skip
WRITER = {"role": (str, ...), "host": (str, ...), "pid": (int, ...), "user": (str, ""), "node": (str, ""),
          "boot": (str, ""), "pid_start": (int, 0), "task": ((int, type(None)), None), "attempt": (int, 0),
          "job": (str, ""), "restarts": (int, 0), "space": (str, "")}  # fmt: skip
ENGINE = {"name": (str, ...), "version": (str, ...), "setting": (str, ""), "inputs": (dict, {})}
MANIFEST = {"batch": (str, ...), "seq": (int, ...), "config": (str, ...), "engine": (str, ...), "backend": (str, ...),
            "chunks": (list, ...), "total": (int, ...), "cpus": (int, 1), "transports": (dict, {}),
            "footprints": (dict, {}), "project_total": (int, 0), "likely_wall_s": (NUMBER, 0), "max_fails": (int, 0),
            "identity": ((dict, type(None)), None), "programs": (dict, {}), "receptors": (str, ""),
            "levels": (str, ""), "format": (int, 1)}  # fmt: skip
OF_NO_BATCH = ("verify", "archive")
LEAST_PLAIN, EXPONENT_FROM = 1e-5, 1e16
PHASES = ["running", "interrupted", "failed", "empty", "complete", "invalid"]
OUTCOMES = PHASES[1:5]
OWN_NAME = re.compile(r"\.(.+)\.(\d{4,}-\d\d+-[0-9a-f]{8})", re.ASCII)
NAME = re.compile(r"([a-z]+)-t(\d*)-a(\d+)-s(\d+)-.*-\d+-[0-9a-f]+\.log")


def array_in(line):
    """Return the array of a line, or None if the line does not hold."""
    prefix, payload = line[:9], line[9:]
    if prefix != b"%08x " % zlib.crc32(payload):
        return None
    try:
        array = json.loads(payload)
        json.dumps(array, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    holds = isinstance(array, list) and array and type(array[0]) is int
    return array if holds and all(isinstance(event, dict) for event in array[1:]) else None


def filled(fields, values):
    """Return the values of these fields, with defaults filled in, or None if one is missing or of another type."""
    full = {}
    for name, (kind, default) in fields.items():
        full[name] = values.get(name, default)
        if not isinstance(full[name], kind) or isinstance(full[name], bool):
            return None
    return full


def understood(event):
    """Return the event with its defaults filled in, or None if its kind or a value is not known."""
    kind = event.get("event")
    fields = KINDS.get(kind) if isinstance(kind, str) else None
    full = None if fields is None else filled({"at": (NUMBER, ...), **fields}, event)
    if full is None or full.get("outcome", "failed") not in OUTCOMES:
        return None
    facts = full.get("facts", {}).values()
    if not all(isinstance(value, NUMBER) and not isinstance(value, bool) for value in facts):
        return None
    if not all(isinstance(job, str) for job in full.get("jobs", [])) or not all_fit(full):
        return None
    return {"event": kind, **full}


def is_header(event):
    """Return whether a ``segment`` event has what a header needs."""
    header = filled(HEADER, event)
    if header is None or filled(WRITER, header["writer"]) is None:
        return False
    engine = {"inputs": {}} if header["engine"] is None else filled(ENGINE, header["engine"])
    if engine is None:
        return False
    texts = [header["transport"], header["footprints"], engine["inputs"]]
    known = {key: value for key, value in header.items() if key not in ("writer", "engine")}
    return (
        all(isinstance(text, str) for mapping in texts for text in mapping.values())
        and isinstance(event.get("major"), int)
        and all(map(all_fit, (known, filled(WRITER, header["writer"]), engine)))
    )


def is_manifest(values):
    """Return whether an object is a manifest that a reader takes."""
    manifest = filled(MANIFEST, values)
    if manifest is None or manifest["format"] > 1:
        return False
    identity = manifest.pop("identity")
    engine = {"inputs": {}} if identity is None else filled(ENGINE, identity)
    if engine is None or not all(map(is_ref, manifest["chunks"])):
        return False
    texts = [manifest[key] for key in ("transports", "footprints", "programs")]
    return (
        all(
            isinstance(text, str)
            for mapping in [*texts, engine["inputs"]]
            for text in mapping.values()
        )
        and len(manifest.pop("chunks")) <= ELEMENTS["chunks"]
        and all_fit(manifest)
        and all_fit(engine)
    )


def is_ref(value):
    """Return whether an element of a manifest's ``chunks`` is one."""
    if not isinstance(value, list) or len(value) < 2:  # noqa: PLR2004
        return False
    pair = filled(
        {"digest": (str, ...), "count": (int, ...)}, {"digest": value[0], "count": value[1]}
    )
    return pair is not None and all_fit(pair)


def is_chunk(values):
    """Return whether an object is a chunk that a reader takes."""
    chunk = (
        filled({"format": (int, ...), "simulations": (list, ...)}, values)
        if isinstance(values, dict)
        else None
    )
    return chunk is not None and chunk["format"] <= 1 and all(map(is_entry, chunk["simulations"]))


def is_entry(entry):
    """Return whether an element of a chunk's ``simulations`` is one that a reader takes."""
    if not isinstance(entry, list) or len(entry) < 6:  # noqa: PLR2004
        return False
    sim, met, time, *places, reference, work, before, labels, kernels = entry[:6] + rest_of(entry)
    if not all(isinstance(text, str) for text in (sim, met, time)) or not isinstance(before, list):
        return False
    return (
        is_name(sim)
        and (not met or is_name(met))
        and TIME.fullmatch(time) is not None
        and all(map(are_numbers, places, FARTHEST))
        and 1 <= len(places[0]) == len(places[1]) == len(places[2]) <= OTHER_ELEMENTS
        and reference in ("agl", "asl")
        and work in ("transport", "footprints")
        and all(
            isinstance(text, str) and (text == "plain" or IMPRINT.fullmatch(text))
            for text in before
        )
        and isinstance(labels, dict)
        and len(labels) <= OTHER_ELEMENTS
        and all(map(is_label, labels, labels.values()))
        and isinstance(kernels, dict)
        and all(map(is_name, kernels))
        and all(map(is_kernel, kernels.values()))
    )


def is_kernel(value):
    """Return whether a value is the kernel of a column that a reader takes."""
    if not isinstance(value, list) or len(value) < 2 or value[0] not in UPWARD:  # noqa: PLR2004
        return False
    levels, *counts = ([*value[1:], [], []])[:3]
    if not all(are_numbers(part, MOST_OF_A_LEVEL) for part in (levels, *counts)):
        return False
    upward = [UPWARD[value[0]] * level for level in levels]
    return (
        1 <= len(levels) <= OTHER_ELEMENTS
        and all(low < high for low, high in itertools.pairwise(upward))
        and all(len(part) in (0, len(levels)) for part in counts)
        and min(counts[1], default=0) >= 0  # weights; averaging kernels may be negative
    )


def is_label(name, value):
    """Return whether a name and a value are a label that a reader takes."""
    if isinstance(value, bool) or not (value is None or isinstance(value, (str, *NUMBER))):
        return False
    return all(len(text) <= LONGEST_LABEL for text in (name, value) if isinstance(text, str))


def rest_of(entry):
    """Return the last five elements of a chunk's entry, which may be absent."""
    return (entry[6:] + ["agl", "transport", [], {}, {}][len(entry) - 6 :])[:5]


def take(segment, array, offset):
    """Add the events of a line that holds."""
    for event in array[1:]:
        if event.get("event") == "segment":
            if isinstance(event.get("major"), int) and event["major"] > 1:
                raise SystemExit("the log was written in a newer format")
            if segment["header"] is None and array[0] == 0 and is_header(event):
                segment["header"] = event
            else:
                segment["damage"].add(offset)
        elif (known := understood(event)) is None:
            segment["unknown"] += 1
        else:
            segment["events"].append(known)
            segment["closed"] |= known["event"] == "closed"


def read_segment(data):
    """Return header, events, unknown, damage (byte offsets) and the verdict."""
    segment = {"header": None, "events": [], "unknown": 0, "damage": set(), "closed": False}
    expected, offset, bad, held = 0, 0, [], False
    *lines, rest = data.split(b"\n")
    for line in lines:
        array = array_in(line)
        if array is None:
            bad.append(offset)
            expected = None
        else:
            segment["damage"].update(bad)
            bad = []
            if segment["closed"] or (expected is not None and array[0] != expected):
                segment["damage"].add(offset)
            take(segment, array, offset)
            expected, held = array[0] + 1, True
        offset += len(line) + 1
    if held and segment["header"] is None and not segment["damage"]:
        segment["damage"].add(0)
    if segment["closed"] and (bad or rest):
        segment["damage"].add(bad[0] if bad else offset)
    segment["damage"] = sorted(segment["damage"])
    segment["verdict"] = (
        "damaged" if segment["damage"] else "clean" if segment["closed"] else "unfinished"
    )
    return segment


def life_of(name, header):
    """Return who wrote the segment, from its header or else from its name."""
    if header:
        writer = header["writer"]
        return {"batch": header["batch"], "seq": header["seq"], "at": header["at"], "role": writer["role"],
                "task": writer.get("task"), "attempt": writer.get("attempt", 0),
                "engine": header.get("engine") and filled(ENGINE, header["engine"]),
                "imprint": header.get("imprint", "")}  # fmt: skip
    folder, _, file = name.rpartition("/")
    life = {"batch": folder, "seq": 0, "at": 0.0, "role": "", "task": None, "attempt": 0}
    life |= {"engine": None, "imprint": ""}
    if match := NAME.fullmatch(file):
        role, task, attempt, seq = match.groups()
        life |= {
            "role": role,
            "task": int(task) if task else None,
            "attempt": int(attempt),
            "seq": int(seq),
        }
    return life


def claim_of(event, life, name):
    """Return what an event says of a simulation."""
    claim = {"batch": life["batch"], "seq": life["seq"], "attempt": life["attempt"], "at": event["at"],
             "outcome": "running", "reason": "", "message": "", "wall_s": 0.0, "peak_rss_bytes": 0, "met": "",
             "receptor": "", "particles": "", "facts": {}, "segment": name, "engine": life["engine"],
             "imprint": life["imprint"]}  # fmt: skip
    if event["event"] == "invalid":
        claim |= {key: event[key] for key in ("batch", "seq", "attempt")}
        claim |= {
            "outcome": "invalid",
            "message": f"{event['path']}: {event['why']}",
            "engine": None,
            "imprint": "",
        }
    else:
        claim |= {key: event[key] for key in claim if key in event}
    return claim


def rank(claim):
    """Return what the claims on one simulation are ordered by."""
    phase = PHASES.index(claim["outcome"])
    rest = (
        "at",
        "batch",
        "segment",
        "reason",
        "message",
        "wall_s",
        "peak_rss_bytes",
        "met",
        "receptor",
        "particles",
    )
    return (
        claim["seq"],
        phase >= PHASES.index("empty"),
        claim["attempt"],
        phase,
        *(claim[key] for key in rest),
        sorted(claim["facts"].items()),
    )


def read(log_dir, until):
    """Return all segments by name, each with its life, and as events those that count up to a moment."""
    found = {}
    for path in sorted(Path(log_dir).glob("*/*.log")):
        name = path.relative_to(log_dir).as_posix()
        segment = read_segment(path.read_bytes())
        segment["life"] = life_of(name, segment["header"])
        segment["events"] = [event for event in segment["events"] if event["at"] <= until]
        if segment["life"]["at"] <= until:
            found[name] = segment
    return found


def fold(log_dir, until=float("inf")):
    """Return what all segments together say."""
    segments, claims, identified, said, lives = read(log_dir, until), {}, {}, {}, {}
    for name, segment in segments.items():
        life = segment["life"] | {"closed": ""}
        if life["role"] not in OF_NO_BATCH:
            said.setdefault(life["batch"], [])
            lives.setdefault(life["batch"], {})[name] = life
        for event in segment["events"]:
            match event["event"]:
                case "closed":
                    life["closed"] = max(life["closed"], event["why"])
                case "started" | "done" | "invalid":
                    claim = claim_of(event, life, name)
                    by_batch = claims.setdefault(event["sim"], {})
                    by_batch.setdefault(claim["batch"], []).append(claim)
                case "identified":
                    key = key_of(event["sim"], event)
                    identified[key] = max(event["receptor"], identified.get(key, ""))
                case "pending" | "submitting" | "submitted" | "cancelled":
                    said.setdefault(event["batch"], []).append(event)
    sims, earlier = states(claims, identified)
    return {
        "segments": {
            name: {"verdict": segment["verdict"], "damage": segment["damage"]}
            for name, segment in segments.items()
        },
        "unknown": sum(segment["unknown"] for segment in segments.values()),
        "sims": sims,
        "earlier": earlier,
        "batches": {name: batch_of(events, lives.get(name, {})) for name, events in said.items()},
    }


def states(claims, identified):
    """Return the state of each simulation, and by batch those that earlier ones left."""
    sims, earlier = {}, {}
    for sim, by_batch in claims.items():
        best = sorted((max(of_batch, key=rank) for of_batch in by_batch.values()), key=rank)
        for claim in best:
            claim["known_receptor"] = claim["receptor"] or identified.get(key_of(sim, claim), "")
        sims[sim] = best[-1]
        for claim in best[:-1]:
            earlier.setdefault(claim["batch"], {})[sim] = claim
    return sims, earlier


def key_of(sim, claim):
    """Return what an ``identified`` event and the claim that it is about have in common."""
    return sim, claim["batch"], claim["seq"], claim["attempt"]


def batch_of(events, lives):
    """Return what was said of a batch."""
    chunks, submissions, latest = {}, {}, {}
    for event in events:
        if event["event"] == "pending":
            key = (event["task"], event["chunk"])
            chunks[key] = max(chunks.get(key, 0), event["count"])
        if event["event"] == "submitted" and event["job"]:
            key = (event["token"], event["job"])
            submissions[key] = max(submissions.get(key, event["at"]), event["at"])
    for name, life in sorted(
        lives.items(), key=lambda item: (item[1]["attempt"], item[1]["at"], item[0])
    ):
        if life["task"] is not None:
            latest[str(life["task"])] = {
                "segment": name,
                "attempt": life["attempt"],
                "closed": life["closed"],
            }
    jobs = [job for at, job in sorted((at, job) for (_, job), at in submissions.items())]
    return {
        "seq": max(
            [e["seq"] for e in events if e["event"] == "pending"]
            + [v["seq"] for v in lives.values()]
            + [0]
        ),
        "total": sum(chunks.values()),
        "jobs": list(dict.fromkeys(jobs)),
        "cancelled": max((e["at"] for e in events if e["event"] == "cancelled"), default=None),
        "tasks": latest,
    }


LINE_POINTS = 2


def number_text(number):
    """Return a number as the digest of a receptor has it: the shortest digits that read back as the same number."""
    number = float(number)
    if number and not LEAST_PLAIN <= abs(number) < EXPONENT_FROM:
        digits, _, exponent = repr(number).partition("e")
        return f"{digits}e{int(exponent)}"
    text = format(Decimal(repr(number)), "f")
    return text if "." in text else f"{text}.0"


def receptor_digest(entry):
    """Return the digest of the receptor that an entry of a chunk lists."""
    time, *places, reference = [*entry, "agl"][2:7]
    arrays = [f"[{','.join(map(number_text, numbers))}]" for numbers in places]
    longitudes, latitudes, heights = places
    one_place = len(set(longitudes)) == len(set(latitudes)) == 1
    descends = len(heights) == LINE_POINTS and heights[0] > heights[1]
    rule = ",2" if one_place and (len(heights) > LINE_POINTS or descends) else ""
    text = f'["{time}",{",".join(arrays)},"{reference}"{rule}]'
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def plain_and_imprint(name):
    """Return the plain name of an output, and the imprint in its name; it is empty in a plain name."""
    match = OWN_NAME.fullmatch(name)
    return match.groups() if match else (name, "")


def claimed(output, batch):
    """Return which of the simulations that a batch claims its file ``claims`` finds, and in which task: all must be."""
    folder = Path(output) / "chunks" / batch
    data = (folder / "claims").read_bytes()
    keys = {key for (key,) in struct.iter_unpack("<Q", data)}
    found = {}
    for task, (digest, _) in enumerate(json.loads((folder / "batch.json").read_bytes())["chunks"]):
        for entry in entries_of(folder, digest):
            if zlib.crc32(entry[0].encode()) << 32 | task in keys:
                found[entry[0]] = task
    return found


def entries_of(folder, digest):
    """Return the entries of a chunk, whose bytes must hash to its name."""
    data = (folder / f"{digest}.json").read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
        raise SystemExit(f"chunk {digest} is damaged")
    return json.loads(data)["simulations"]


def pending(output, batch):
    """Return the simulations that a batch's chunks list and the log has no claim of this batch on."""
    state = fold(Path(output) / "log")
    claimed = {sim for sim, claim in state["sims"].items() if claim["batch"] == batch}
    claimed |= set(state["earlier"].get(batch, {}))
    folder = Path(output) / "chunks" / batch
    left = []
    for digest, _ in json.loads((folder / "batch.json").read_bytes())["chunks"]:
        left += [entry[0] for entry in entries_of(folder, digest) if entry[0] not in claimed]
    return left


if __name__ == "__main__":
    print(json.dumps(fold(sys.argv[1], *map(float, sys.argv[2:])), indent=1, sort_keys=True))
