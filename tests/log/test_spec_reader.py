"""The reader under ``spec/``, written from the specification alone, and the product's agree."""

import random

import pytest

from tests.log.random_logs import MOMENTS, write
from tests.log.spec_state import load_spec_reader, product_says

spec_reader = load_spec_reader()


@pytest.mark.parametrize("part", range(10))
def test_both_readers_agree_on_random_logs(tmp_path, part):
    for seed in range(part * 1000, (part + 1) * 1000):
        rng = random.Random(seed)
        log_dir = write(rng, tmp_path / str(seed))
        until = rng.choice([None, None, *MOMENTS])
        expected = spec_reader.fold(log_dir, *([until] if until else []))
        assert product_says(log_dir, until) == expected, f"seed {seed}"
