"""Write the logs under ``vectors/``: each shows one thing that a reader must get right.

    python spec/make_vectors.py

Standard library only and independent of the product. ``expected.json`` beside each log was read over
by a person; it is rewritten only with ``--expect``, by ``reader.py``.
"""

import json
import sys
import zlib
from pathlib import Path

VECTORS = Path(__file__).parent / "vectors"
SIM = "hrrr_202201010000_-112.00_40.50_5"
LIFTED = {"lifted_m": 12.5, "lifted_particles": 200}
OTHER = "hrrr_202201010100_-112.00_40.50_5"
WORKER = "worker-t00000-a01-s00001-n1-100-0000000a.log"
TWIN = "worker-t00000-a02-s00001-n2-200-0000000b.log"
PLANNER = "run-t-a00-s00001-login-50-00000001.log"
CANCEL = "b1/cancel-t-a00-s00001-login-60-00000002.log"
VERIFY = "verify/verify-t-a00-s00000-login-9-00000009.log"
ARCHIVE = "archive/verify-t-a00-s00000-login-8-00000008.log"
PACKED = "archive/archive-t-a00-s00000-login-7-00000007.log"
NEXT = "worker-t00000-a01-s00002-n1-300-0000000c.log"
HERE, THERE = "26f1a9c04d7be853", "d0c4b1a7f6e59328"
ENGINE = {
    "name": "native",
    "version": "2",
    "setting": "roughness 0.2 m",
    "inputs": {"LANDUSE.ASC": "0f" * 16},
}
OUTPUT = {
    "path": f"particles/2022-01-01/.{SIM}.parquet.0001-01-0a0b0c0d",
    "size": 9,
    "digest": "0f" * 16,
}
VERIFIER = {"role": "verify", "task": None, "attempt": 0, "seq": 0, "at": 499.0, "batch": "verify"}


def line(number, *events):
    """Return a line as section 2 of the specification says."""
    payload = json.dumps([number, *events], separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(payload), payload)


def header(role="worker", task=0, attempt=1, seq=1, at=100.0, **more):
    """Return a header."""
    writer = {"role": role, "host": "n1", "pid": 100, "attempt": attempt}
    writer |= {"task": task} if task is not None else {}
    return {"event": "segment", "major": 1, "minor": 0, "batch": f"b{seq}", "seq": seq,
            "writer": writer, "at": at, "stilt": "0.1.0"} | more  # fmt: skip


def started(sim=SIM, at=101.0):
    """Return a ``started``."""
    return {"event": "started", "sim": sim, "at": at}


def done(outcome="complete", sim=SIM, at=120.0, **more):
    """Return a ``done``."""
    return {"event": "done", "sim": sim, "outcome": outcome, "at": at, "wall_s": 19.0} | more


def closed(at=130.0, why="finished"):
    """Return a ``closed``."""
    return {"event": "closed", "at": at, "why": why}


def invalid(**more):
    """Return an ``invalid`` for the ``done`` of batch b1."""
    return {"event": "invalid", "sim": SIM, "path": f"particles/2022-01-01/{SIM}.parquet", "why": "missing",
            "batch": "b1", "seq": 1, "attempt": 1, "at": 500.0} | more  # fmt: skip


def identified(receptor=HERE, at=500.0, **more):
    """Return an ``identified`` for the ``done`` of batch b1."""
    return {"event": "identified", "sim": SIM, "receptor": receptor, "batch": "b1", "seq": 1, "at": at,
            "attempt": 1} | more  # fmt: skip


def archived():
    """Return an ``archived``."""
    return {"event": "archived", "product": "particles", "path": "archive/particles/a.parquet", "count": 2,
            "size": 4096, "digest": "0" * 32, "at": 600.0}  # fmt: skip


def segment(*groups, **head):
    """Return the lines of a segment: the header, then a line for each group of events."""
    groups = [group if isinstance(group, tuple) else (group,) for group in groups]
    return [line(number, *group) for number, group in enumerate([(header(**head),), *groups])]


def flip(data, place):
    """Return the bytes with one bit the other way round."""
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


FULL = segment((started(), started(OTHER)), done(), done("empty", OTHER), closed())
OPEN = FULL[:-1]
MIDDLE = len(FULL[0]) + 30


def joined(*parts):
    """Return one file's bytes."""
    return b"".join(parts)


def planner(*refused):
    """Return the planner's segment of a batch of two chunks, and of simulations that it refused."""
    return joined(*segment(
        ({"event": "pending", "chunk": "c0", "count": 3, "batch": "b1", "seq": 1, "at": 90.0},
         {"event": "pending", "chunk": "c1", "count": 2, "batch": "b1", "seq": 1, "at": 90.0, "task": 1}),
        *refused, {"event": "submitting", "batch": "b1", "token": "stilt-b1", "at": 91.0, "tasks": 2},
        {"event": "submitted", "batch": "b1", "token": "stilt-b1", "job": "4711", "cluster": "cl", "at": 92.0},
        closed(93.0), role="run", task=None, attempt=0, at=89.0))  # fmt: skip


def damage_cases():
    """Return name -> (what it shows, segments by path): lines, damage, verdicts."""
    b1 = f"b1/{WORKER}"
    shouted = FULL[1][:8].upper() + FULL[1][8:]
    return {
        "clean": ("a segment that its writer ended", {b1: joined(*FULL)}),
        "unfinished": ("no closed: the writer lives or was killed", {b1: joined(*OPEN)}),
        "empty-file": ("created, nothing written yet", {b1: b""}),
        "header-only": ("nothing but a header", {b1: FULL[0]}),
        "torn-header": ("killed while the header was written", {b1: FULL[0][:40]}),
        "torn-line": ("killed within a write", {b1: joined(*OPEN)[:-25]}),
        "torn-before-newline": ("all but the newline was written", {b1: joined(*OPEN)[:-1]}),
        "zeros-at-the-end": ("what a power cut leaves", {b1: joined(*OPEN, b"\0" * 64)}),
        "bad-last-line": ("a line at the end that does not hold is a tail", {b1: joined(*OPEN, b"00000000 [4]\n")}),
        "flipped-bit": ("one line does not hold, good ones follow", {b1: flip(joined(*FULL), MIDDLE)}),
        "flipped-newline": ("two lines became one", {b1: flip(joined(*FULL), len(joined(*FULL[:2])) - 1)}),
        "flipped-header": ("batch, task and attempt from the names", {b1: flip(joined(*FULL), 12)}),
        "upper-case-checksum": ("hex digits are lower-case", {b1: joined(FULL[0], shouted, *FULL[2:])}),
        "zeros-in-the-middle": ("a block that was never written", {b1: joined(*FULL[:2], b"\0" * 64, *FULL[2:])}),
        "garbage-line": ("somebody wrote into the file", {b1: joined(*FULL[:2], b"hello\n", *FULL[2:])}),
        "empty-array-line": ("the checksum is right, the array is not there", {
            b1: joined(*FULL[:2], b"00000000 \n", *FULL[2:])}),
        "lost-line": ("a gap in the numbers", {b1: joined(*FULL[:2], *FULL[3:])}),
        "repeated-line": ("a number comes twice", {b1: joined(*FULL[:3], *FULL[2:])}),
        "lost-header": ("the first line is missing", {b1: joined(*FULL[1:])}),
        "no-header": ("line 0 holds something else", {b1: joined(line(0, started()), line(1, done()))}),
        "two-headers": ("another writer's line", {b1: joined(*OPEN, line(4, header()))}),
        "line-after-closed": ("a good line after the end", {b1: joined(*FULL, line(5, started()))}),
        "rest-after-closed": ("bytes after the end", {b1: joined(*FULL, b"x")}),
        "odd-name": ("any name that ends in .log is a segment", {"b1/notes.log": joined(*FULL)}),
        "unknown-events": ("kept and counted, the rest of the line counts", {b1: joined(*segment(
            ({"event": "novelty", "at": 1.0}, started(), {"event": "done", "sim": SIM, "outcome": "?", "at": 1.0}),
            {"event": "started", "sim": 5, "at": 1.0}, minor=9))}),
        "newer-major": ("refused", {b1: joined(*segment(started(), major=2))}),
    }  # fmt: skip


def fold_cases():
    """Return name -> (what it shows, segments by path): what several segments say together."""
    b1 = f"b1/{WORKER}"
    failed = done("failed", at=95.0, reason="KILLED")
    twin = segment(started(at=90.0), failed, closed(), attempt=2, at=89.0)
    verified = joined(*segment(invalid(), closed(501.0), **VERIFIER))
    return {
        "requeued": ("a later attempt's start counts more than a failure", {
            b1: joined(*segment(started(), done("interrupted"), closed(why="SIGTERM"))),
            f"b1/{TWIN}": joined(*segment(started(at=300.0), attempt=2, at=299.0))}),
        "twins": ("two lives of a task at once: the success stays", {b1: joined(*FULL), f"b1/{TWIN}": joined(*twin)}),
        "appended-again": ("the same events after a failed fsync", {
            b1: joined(*OPEN[:3]), b1.replace("0a.", "0d."): joined(*segment((started(), done()), closed()))}),
        "newer-batch": ("started again: it is running", {
            b1: joined(*FULL), f"b2/{NEXT}": joined(*segment(started(at=50.0), seq=2))}),
        "skewed-clocks": ("the moment does not count, the attempt does", {
            b1: joined(*segment(done("failed", at=9e9, reason="KILLED"))),
            f"b1/{TWIN}": joined(*segment(done("failed", at=1.0, reason="TIMEOUT"), attempt=2))}),
        "invalid": ("verify found the particles missing", {
            b1: joined(*FULL), VERIFY: verified}),
        "invalid-then-rerun": ("a newer success counts", {
            b1: joined(*FULL), f"b2/{NEXT}": joined(*segment(done(), seq=2)),
            VERIFY: verified}),
        "archived": ("outputs moved into an archive: no state changes", {
            b1: joined(*FULL), ARCHIVE: joined(*segment(
                archived(), closed(601.0), **VERIFIER | {"batch": "archive", "at": 599.0}))}),
        "batch": ("registered, submitted, half begun", {f"b1/{PLANNER}": planner(), b1: joined(*OPEN)}),
        "cancelled": ("the batch was cancelled", {
            f"b1/{PLANNER}": planner(), CANCEL: joined(*segment(
                {"event": "cancelled", "batch": "b1", "jobs": ["4711"], "at": 200.0}, closed(),
                role="cancel", task=None, attempt=0))}),
        "until": ("up to 110: begun, not ended", {
            b1: joined(*FULL), f"b2/{NEXT}": joined(*segment(started(), seq=2, at=111.0))}),
    }  # fmt: skip


def identity_cases():
    """Return name -> (what it shows, segments by path): what results are, who made them, and what they are called."""
    b1 = f"b1/{WORKER}"
    found = joined(*segment(identified(), closed(501.0), **VERIFIER, minor=2))
    named = {"met": "hrrr", "receptor": THERE}
    return {
        "receptor": ("of started and done, each for itself", {b1: joined(*segment(
            (started() | named, started(OTHER) | {"met": "hrrr", "receptor": HERE}), done(**named), minor=2))}),
        "engine-and-imprint": ("who made it, and what names of outputs carry", {b1: joined(*segment(
            started() | named, done(outputs=[OUTPUT], **named),
            minor=2, engine=ENGINE, imprint="0001-01-0a0b0c0d"))}),
        "engine-of-another-type": ("then the header is not valid", {b1: joined(*segment(
            started(), minor=2, engine="native 2"))}),
        "particles-of-another-life": ("one with a plain name, one with an imprint", {b1: joined(*segment(
            done(particles="plain", **named), done(sim=OTHER, particles="0001-01-00000001", **named),
            minor=2, imprint="0002-01-0a0b0c0d"))}),
        "identified": ("what was found out later of a done without a receptor", {b1: joined(*FULL), VERIFY: found}),
        "identified-before": ("neither the order of reading nor the moment counts", {
            f"b0/{Path(VERIFY).name}": joined(*segment(identified(at=1.0), **VERIFIER | {"at": 1.0}, minor=2)),
            b1: joined(*FULL)}),
        "identified-twice": ("the greatest counts, wherever it stands", {
            b1: joined(*FULL), VERIFY: joined(*segment(identified(THERE), identified(HERE), **VERIFIER, minor=2))}),
        "identified-needlessly": ("what a done says itself counts more", {
            b1: joined(*segment(done(**named | {"receptor": HERE}), minor=2)),
            VERIFY: joined(*segment(identified(THERE), **VERIFIER, minor=2))}),
        "identified-another": ("another attempt, batch, seq or simulation is another one", {
            b1: joined(*FULL), VERIFY: joined(*segment(
                identified(attempt=2), identified(batch="b2"), identified(seq=2), identified(sim="x"),
                **VERIFIER, minor=2))}),
        "identified-alone": ("is no claim: nothing is known of the simulation", {VERIFY: found}),
        "same-but-for-the-receptor": ("the greater holds, so that the order of reading does not count", {
            b1: joined(*segment((done(**named), done(met="hrrr", receptor=HERE)), minor=2))}),
        "facts": ("what happened to a receptor; of equals that with the greater facts holds", {
            b1: joined(*segment((done(facts=LIFTED), done(facts=LIFTED | {"lifted_m": 13})),
                                done(sim=OTHER, facts={"of-later-writers": 1}), minor=3))}),
        "clock-ahead": ("of the file server's: moments stay as they were written", {b1: joined(*segment(
            started(), done(), minor=4, ahead_s=172800.0))}),
        "refused": ("by the run that handed over: failed, and nobody has begun it", {
            f"b1/{PLANNER}": planner(done("failed", OTHER, reason="BAD_RECEPTOR"))}),
        "role-archive": ("belongs to no batch, as verify", {b1: joined(*FULL), PACKED: joined(*segment(
            archived(), closed(601.0),
            **VERIFIER | {"role": "archive", "batch": "archive", "at": 599.0}, minor=2))}),
    }  # fmt: skip


def value_cases():
    """Return name -> (what it shows, segments by path): values at and beyond their bounds."""
    b1 = f"b1/{WORKER}"
    odd = (
        started("../../x"), started("n" * 256), started("a\u202eb"), started(at=-1.0), done(wall_s=1e300),
        done(peak_rss_bytes=10**17), done(met="a/b"), done(particles="of mine"), identified("a/b"), invalid(seq=-1),
        done("failed", reason="r" * 4097), done(facts={"a/b": 1}), done(facts={"a": 1e20}), done(facts={"a": True}),
        done(facts={str(n): n for n in range(65)}), archived() | {"size": -1}, closed(1e300),
        {"event": "pending", "chunk": "..", "count": 1, "batch": "b1", "seq": 1, "at": 90.0},
        {"event": "submitting", "batch": "b1", "token": "t", "at": 91.0, "tasks": 10**12},
        {"event": "submitted", "batch": "b1", "token": "t", "job": "--user=root", "at": 92.0},
        {"event": "cancelled", "batch": "b1", "jobs": ["1", "-u"], "at": 200.0},
    )  # fmt: skip
    edges = (
        started("n" * 255, at=0), done("failed", reason="r" * 4096, at=10**11),
        done(sim=OTHER, wall_s=10**9, peak_rss_bytes=10**16, particles="plain",
             facts={str(n): n * 1e17 for n in range(64)}),
    )  # fmt: skip
    deep = json.loads("[" * 60 + "]" * 60)
    return {
        "odd-values": ("unknown, each of them, and the rest counts", {b1: joined(*segment(
            *odd, started(), closed()))}),
        "values-at-their-edges": ("known", {b1: joined(*segment(*edges, closed()))}),
        "odd-header": ("is not valid: damage", {b1: joined(*segment(started(), closed(), seq=-1))}),
        "odd-name-in-the-header": ("is not valid: damage", {b1: joined(*segment(
            started(), closed(), footprints={"../x": "d"}))}),
        "odd-outputs": ("the fold reads none", {b1: joined(*segment(
            done(outputs=[OUTPUT | {"path": "../x", "size": -1}]), closed()))}),
        "half-of-a-pair": ("a line with half of a surrogate pair does not hold", {b1: joined(*segment(
            started(), done("failed", message="\ud800"), closed()))}),
        "deep": ("60 deep: what is not known is ignored", {b1: joined(*segment(
            started() | {"later": deep}, {"event": "later", "deep": deep}, closed()))}),
    }  # fmt: skip


def main():
    """Write every case."""
    cases = damage_cases() | fold_cases() | identity_cases() | value_cases()
    for name, (what, files) in cases.items():
        folder = VECTORS / name
        for path, data in files.items():
            (folder / "log" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "log" / path).write_bytes(data)
        if "--expect" in sys.argv:
            expect(folder, what, 110.0 if name == "until" else None)


def expect(folder, what, until):
    """Write what ``reader.py`` says."""
    import reader

    case = {"what": what, "until": until, "refused": False, "expected": None}
    try:
        case["expected"] = reader.fold(folder / "log", *([until] if until else []))
    except SystemExit:
        case["refused"] = True
    (folder / "expected.json").write_text(
        json.dumps(case, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
