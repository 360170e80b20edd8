"""The reader under ``spec/``, written from the specification alone, and the product's agree."""

import json
import random
import shutil
import subprocess
import sys

import pytest

from stilt.log.reader import NewerFormatError
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


def test_the_schema_is_that_of_the_structs():
    made = subprocess.run(
        [sys.executable, SPEC / "make_schema.py"], check=True, capture_output=True, text=True
    )
    assert made.stdout == (SPEC / "events.schema.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("part", range(10))
def test_both_readers_agree_on_random_logs(tmp_path, part):
    for seed in range(part * 1000, (part + 1) * 1000):
        rng = random.Random(seed)
        log_dir = write(rng, tmp_path / str(seed))
        until = rng.choice([None, None, *MOMENTS])
        expected = spec_reader.fold(log_dir, *([until] if until else []))
        assert product_says(log_dir, until) == expected, f"seed {seed}"
