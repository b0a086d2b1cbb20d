"""Rows of the answer about serializers, many keys and eviction, from planted experiments."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from stampede.reports.recommend.topic_rows.eviction_row import LONGEST, eviction_row
from stampede.reports.recommend.topic_rows.many_keys_row import many_keys_row
from stampede.reports.recommend.topic_rows.serializer_row import rounded_size, serializer_row
from stampede.reports.topics.experiments.serializer_cost_section import chart
from stampede.reports.topics.serializers.serializer_advice import size_text

COLUMNS = ["experiment", "variant", "round", "parameter", "at", "name", "value", "unit"]
SIZES = (200.0, 700.0, 3_000.0, 11_000.0, 44_000.0, 176_000.0)


def encodings(json_us_per_kb: float, msgpack_us_per_kb: float, *, rounds: int = 8, noise: float = 0.02) -> pd.DataFrame:
    """Objects whose encode and decode times grow with their size."""
    rng = np.random.default_rng(3)
    rows = [("serializer-cost", "JSON", 1, "", float(i), "size", size, "bytes") for i, size in enumerate(SIZES)]
    for r in range(1, rounds + 1):
        for i, size in enumerate(SIZES):
            for codec, slope in (("JSON", json_us_per_kb), ("MessagePack", msgpack_us_per_kb)):
                ms = slope * size / 1e6 * float(rng.lognormal(0, noise))
                rows += [
                    ("serializer-cost", codec, r, way, float(i), "object", ms, "ms") for way in ("encode", "decode")
                ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_messagepack_is_used_from_the_size_at_which_it_saves_a_tenth_of_a_millisecond() -> None:
    """10 µs less per KB for a write and a read: 0.1 ms at 10 KB."""
    row = serializer_row(encodings(10.0, 5.0))
    assert row is not None
    assert row.use == "JSON below about 10 KB, MessagePack above"
    assert row.certainty == "high"
    assert row.effect is not None
    assert row.effect.text.startswith("encode + decode: 0.1 ms less from 9")
    assert len(row.effect.text) <= 90
    assert row.reservations == ("the size is rounded to a power of ten",)
    assert "ms (0." in row.effect.text
    assert row.effect.change == pytest.approx(-0.5, abs=0.03)
    assert row.effect.low < row.effect.change < row.effect.high
    assert any("not human-readable" in price.text for price in row.prices)


def test_json_is_used_if_messagepack_saves_nothing_that_matters() -> None:
    row = serializer_row(encodings(5.0, 4.9))
    assert row is not None
    assert row.use == "JSON"
    assert row.prices


def test_break_even_that_scatters_over_the_rounds_is_of_low_certainty() -> None:
    """If rounds put it at different powers of ten, resamples give different answers."""
    row = serializer_row(encodings(6.5, 5.0, noise=0.3))
    assert row is not None
    assert row.certainty == "low"
    assert row.share is not None
    assert row.share < 0.95


def test_too_few_rounds_give_a_use_without_a_share() -> None:
    row = serializer_row(encodings(10.0, 5.0, rounds=3))
    assert row is not None
    assert (row.certainty, row.share) == ("low", None)
    assert row.basis


def test_one_round_has_no_interval_and_no_empty_brackets() -> None:
    """A single value has no range."""
    row = serializer_row(encodings(10.0, 5.0, rounds=1))
    assert row is not None
    assert row.effect is not None
    assert "(" not in row.effect.text


@pytest.mark.parametrize(
    ("size", "rounded"), [(170, 100), (400, 1_000), (6_000, 10_000), (18_000, 10_000), (1_000, 1_000)]
)
def test_break_even_is_printed_on_a_coarse_scale(size: float, rounded: float) -> None:
    """So that two runs with 12 and 15 KB print the same answer."""
    assert rounded_size(size) == pytest.approx(rounded)


def test_sizes_have_units() -> None:
    assert [size_text(x) for x in (686.2, 3_000.0, 44_001.0, 352_122.0)] == ["686 bytes", "3 KB", "44 KB", "352 KB"]


def reads(
    mget_ms: Callable[[int], float], pipelined_ms: Callable[[int], float], *, rounds: int = 8, noise: float = 0.01
) -> pd.DataFrame:
    """N reads one by one at 1 ms each, and the same by MGET and by a pipeline."""
    rng = np.random.default_rng(4)
    ways = (("one by one", lambda n: 1.0 * n), ("MGET", mget_ms), ("pipelined", pipelined_ms))
    rows = [
        ("pipelining", way, r, "0.5 ms", float(n), "batch", cost(n) * float(rng.lognormal(0, noise)), "ms")
        for r in range(1, rounds + 1)
        for n in (1, 2, 5, 10, 100)
        for way, cost in ways
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_mget_is_used_from_the_number_of_keys_at_which_it_stays_faster() -> None:
    row = many_keys_row(reads(lambda n: 1.0 + 0.01 * n, lambda n: 1.0 + 0.02 * n))
    assert row is not None
    assert row.use == "MGET from 2 keys"
    assert row.certainty == "high"
    assert row.effect is not None
    assert "at 10 keys" in row.effect.text
    assert "times at 100 (" in row.effect.text
    assert row.effect.text.endswith("RTT 0.5 ms")
    assert row.alternative.startswith("a pipeline")


def test_pipeline_is_used_if_it_is_faster_than_mget_by_more_than_the_minimum() -> None:
    row = many_keys_row(reads(lambda n: 1.0 + 0.5 * n, lambda n: 1.0 + 0.01 * n))
    assert row is not None
    assert row.use.startswith("a pipeline from 2 keys")


def test_cost_of_a_single_key_is_a_price() -> None:
    """Half a millisecond more for one key is printed with its interval."""
    row = many_keys_row(reads(lambda n: 1.5 + 0.01 * n, lambda n: 1.5 + 0.02 * n))
    assert row is not None
    assert row.prices[0].kind == "measured"
    assert row.prices[0].text.startswith("+0.5")


def test_there_is_no_answer_if_no_way_is_faster_or_rounds_are_few() -> None:
    slow = many_keys_row(reads(lambda n: 2.0 * n, lambda n: 2.0 * n))
    few = many_keys_row(reads(lambda n: 0.1 * n, lambda n: 0.1 * n, rounds=5))
    assert slow is not None
    assert few is not None
    assert (slow.use, few.use) == ("", "")
    assert "5 rounds, 6 needed" in few.why


def evictions(hit_rates: Mapping[tuple[str, str], float], *, rounds: int = 8, refused: int = 0) -> pd.DataFrame:
    """Policies on sequences of keys with those hit rates; noeviction refuses writes."""
    rng = np.random.default_rng(5)
    rows: list[tuple[object, ...]] = []
    for r in range(1, rounds + 1):
        for (policy, sequence), rate in hit_rates.items():
            facts = {
                "requests": 10_000,
                "hits": round(10_000 * (rate + float(rng.normal(0, 0.002)))),
                "optimum_hits": 9_000,
                "refused": refused if policy == "noeviction" else 0,
                "evictions": 0 if policy == "noeviction" else 5_000,
                "most_entries": 1_000,
                "used_memory": 1e6,
                "maxmemory": 1e6,
                "elapsed": 100.0,
            }
            rows += [("eviction", policy, r, sequence, None, name, value, "1") for name, value in facts.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


LRU, LFU, NONE = "allkeys-lru", "allkeys-lfu", "noeviction"


def test_policy_that_is_better_on_one_sequence_is_named_beside_the_usual_one() -> None:
    row = eviction_row(
        evictions({(LRU, "zipf"): 0.60, (LFU, "zipf"): 0.61, (LRU, "scans"): 0.40, (LFU, "scans"): 0.55})
    )
    assert row is not None
    assert row.use == "allkeys-lru or allkeys-lfu"
    assert row.effect is not None
    assert row.effect.text.startswith("zipf: no policy is 6 points better; scans: LFU +15 points")
    assert len(row.effect.text) <= LONGEST
    assert row.certainty == "high"
    assert any("LFU" in price.text for price in row.prices)


def test_usual_policy_is_used_if_the_others_are_tied_with_it() -> None:
    """One point is less than the minimum."""
    row = eviction_row(evictions({(LRU, "zipf"): 0.60, (LFU, "zipf"): 0.61, ("allkeys-random", "zipf"): 0.50}))
    assert row is not None
    assert row.use == LRU
    assert row.tied == (LFU,)


def test_sequence_that_redis_lru_clock_cannot_order_decides_nothing() -> None:
    """Entries stay for a second there, so the figure of LRU says nothing: LFU is not recommended for it."""
    facts = evictions({(LRU, "zipf"): 0.60, (LFU, "zipf"): 0.61, (LRU, "loop"): 0.10, (LFU, "loop"): 0.40})
    facts.loc[(facts["parameter"] == "loop") & (facts["name"] == "elapsed"), "value"] = 1.0
    row = eviction_row(facts)
    only = eviction_row(facts[facts["parameter"] == "loop"])
    assert row is not None
    assert row.use == LRU
    assert "loop" in row.reservations[0]
    assert only is not None
    assert (only.use, only.certainty) == ("", None)


def test_noeviction_is_never_recommended() -> None:
    """Whatever its hit rate, and however few writes it refuses."""
    row = eviction_row(evictions({(LRU, "zipf"): 0.50, (NONE, "zipf"): 0.90}, refused=700))
    assert row is not None
    assert row.use == LRU
    assert row.excluded == ((NONE, "refused 5,600 writes of 80,000 requests"),)


def test_eviction_in_one_round_is_of_low_certainty() -> None:
    row = eviction_row(evictions({(LRU, "zipf"): 0.50, (LFU, "zipf"): 0.90}, rounds=1))
    assert row is not None
    assert (row.use, row.certainty, row.share) == (LRU, "low", None)
    assert row.basis == "1 round, 6 needed"


def test_chart_of_serializers_has_the_time_of_both_at_every_size() -> None:
    """The data are encode + decode in µs, with the interval over rounds."""
    drawing = chart(encodings(10.0, 5.0))
    assert drawing is not None
    assert len(drawing.rows) == 2 * len(SIZES)
    json_at_3_kb = next(row for row in drawing.rows if row[:2] == ["JSON", "3,000"])
    assert float(json_at_3_kb[2]) == pytest.approx(60, rel=0.05)
    assert chart(encodings(10.0, 5.0).query("at == 0")) is None
