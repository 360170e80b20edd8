"""A second reader, from log-format.md and chunk-format.md alone: slow and obvious, standard library only.

    python spec/reader.py LOG_DIRECTORY [UNTIL]

prints as one JSON object what the log says. The tests hold the product's reader against it.
"""

import hashlib
import json
import re
import sys
import zlib
from pathlib import Path

NUMBER = (int, float)
# kind -> the fields that the fold reads: name -> (type, default); a default of ... means required
KINDS = {
    "pending": {"chunk": (str, ...), "count": (int, ...), "batch": (str, ...), "seq": (int, ...), "task": (int, 0)},
    "submitting": {"batch": (str, ...), "token": (str, ...), "first_task": (int, 0), "tasks": (int, 0)},
    "submitted": {"batch": (str, ...), "token": (str, ...), "job": (str, ...), "cluster": (str, ""),
                  "backend": (str, "slurm")},
    "started": {"sim": (str, ...)},
    "done": {"sim": (str, ...), "outcome": (str, ...), "wall_s": (NUMBER, 0.0), "peak_rss_bytes": (int, 0),
             "reason": (str, ""), "message": (str, "")},
    "cancelled": {"batch": (str, ...), "jobs": (list, [])},
    "invalid": {"sim": (str, ...), "path": (str, ...), "why": (str, ...), "batch": (str, ...), "seq": (int, ...),
                "attempt": (int, 0)},
    "archived": {"product": (str, ...), "path": (str, ...), "count": (int, ...), "size": (int, ...),
                 "digest": (str, ...)},
    "closed": {"why": (str, "finished")},
}  # fmt: skip
PHASES = ["running", "interrupted", "failed", "empty", "complete", "invalid"]
OUTCOMES = PHASES[1:5]
NAME = re.compile(r"([a-z]+)-t(\d*)-a(\d+)-s(\d+)-.*-\d+-[0-9a-f]+\.log")


def array_in(line):
    """Return the array of a line, or None if the line does not hold."""
    prefix, payload = line[:9], line[9:]
    if prefix != b"%08x " % zlib.crc32(payload):
        return None
    try:
        array = json.loads(payload)
    except ValueError:
        return None
    holds = isinstance(array, list) and array and type(array[0]) is int
    return array if holds and all(isinstance(event, dict) for event in array[1:]) else None


def understood(event):
    """Return the event with its defaults filled in, or None if its kind or a value is not known."""
    fields = KINDS.get(event.get("event"))
    if fields is None:
        return None
    full = {"event": event["event"], "at": event.get("at")}
    for name, (kind, default) in {"at": (NUMBER, ...), **fields}.items():
        full[name] = event.get(name, default)
        if not isinstance(full[name], kind) or isinstance(full[name], bool):
            return None
    return None if full.get("outcome", "failed") not in OUTCOMES else full


def is_header(event):
    """Return whether a ``segment`` event has what a header needs."""
    writer = event.get("writer")
    fields = [
        (event.get("minor"), int),
        (event.get("seq"), int),
        (event.get("batch"), str),
        (event.get("at"), NUMBER),
    ]
    if isinstance(writer, dict):
        fields += [(writer.get("role"), str), (writer.get("host"), str), (writer.get("pid"), int)]
    return isinstance(writer, dict) and all(isinstance(value, kind) for value, kind in fields)


def take(segment, array, offset):
    """Add the events of a line that holds."""
    for event in array[1:]:
        if event.get("event") == "segment":
            if event["major"] > 1:
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
                "task": writer.get("task"), "attempt": writer.get("attempt", 0)}  # fmt: skip
    folder, _, file = name.rpartition("/")
    life = {"batch": folder, "seq": 0, "at": 0.0, "role": "", "task": None, "attempt": 0}
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
             "outcome": "running", "reason": "", "message": "", "wall_s": 0.0, "peak_rss_bytes": 0,
             "segment": name}  # fmt: skip
    if event["event"] == "done":
        claim |= {
            key: event[key] for key in ("outcome", "reason", "message", "wall_s", "peak_rss_bytes")
        }
    if event["event"] == "invalid":
        claim |= {key: event[key] for key in ("batch", "seq", "attempt")}
        claim |= {"outcome": "invalid", "message": f"{event['path']}: {event['why']}"}
    return claim


def rank(claim):
    """Return what the claims on one simulation are ordered by."""
    phase = PHASES.index(claim["outcome"])
    rest = ("at", "batch", "segment", "reason", "message", "wall_s", "peak_rss_bytes")
    return (
        claim["seq"],
        phase >= PHASES.index("empty"),
        claim["attempt"],
        phase,
        *(claim[key] for key in rest),
    )


def fold(log_dir, until=float("inf")):
    """Return what all segments together say."""
    segments, claims, said, lives, unknown = {}, {}, {}, {}, 0
    for path in sorted(Path(log_dir).glob("*/*.log")):
        name = path.relative_to(log_dir).as_posix()
        segment = read_segment(path.read_bytes())
        life = life_of(name, segment["header"])
        if life["at"] > until:
            continue
        segments[name] = {"verdict": segment["verdict"], "damage": segment["damage"]}
        unknown += segment["unknown"]
        life["closed"] = ""
        for event in segment["events"]:
            if event["at"] > until or event["event"] == "archived":  # no state changes
                continue
            if event["event"] == "closed":
                life["closed"] = max(life["closed"], event["why"])
            elif "sim" in event:
                claim = claim_of(event, life, name)
                claims.setdefault(event["sim"], {}).setdefault(claim["batch"], []).append(claim)
            else:
                said.setdefault(event["batch"], []).append(event)
        if life["role"] != "verify":
            said.setdefault(life["batch"], [])
            lives.setdefault(life["batch"], {})[name] = life
    sims, earlier = {}, {}
    for sim, by_batch in claims.items():
        best = sorted((max(of_batch, key=rank) for of_batch in by_batch.values()), key=rank)
        sims[sim] = best[-1]
        for claim in best[:-1]:
            earlier.setdefault(claim["batch"], {})[sim] = claim
    batches = {batch: batch_of(events, lives.get(batch, {})) for batch, events in said.items()}
    return {
        "segments": segments,
        "unknown": unknown,
        "sims": sims,
        "earlier": earlier,
        "batches": batches,
    }


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


def pending(output, batch):
    """Return the simulations that a batch's chunks list and the log has no claim of this batch on."""
    state = fold(Path(output) / "log")
    claimed = {sim for sim, claim in state["sims"].items() if claim["batch"] == batch}
    claimed |= set(state["earlier"].get(batch, {}))
    folder = Path(output) / "chunks" / batch
    left = []
    for digest, _ in json.loads((folder / "batch.json").read_bytes())["chunks"]:
        data = (folder / f"{digest}.json").read_bytes()
        if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
            raise SystemExit(f"chunk {digest} is damaged")
        left += [entry[0] for entry in json.loads(data)["simulations"] if entry[0] not in claimed]
    return left


if __name__ == "__main__":
    print(json.dumps(fold(sys.argv[1], *map(float, sys.argv[2:])), indent=1, sort_keys=True))
