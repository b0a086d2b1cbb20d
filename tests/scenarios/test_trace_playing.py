"""The requests of a trace that a bench makes, and the entries from which its cells begin."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.errors import ConfigError, UserError
from stampede.core.models.closed_forms import steady_state, zipf_shares
from stampede.scenarios.traffic.trace_playing.entry_history import RequestHistory, last_fills_s, left_shares
from stampede.scenarios.traffic.trace_playing.played_parts import CellShape, PlayedTrace, played_trace
from stampede.scenarios.traffic.trace_playing.trace_excerpt import read_excerpt, spread_over_seconds
from stampede.scenarios.traffic.trace_playing.trace_settings import TraceSettings
from stampede.scenarios.traffic.trace_playing.trace_traffic import law_name

LAWS = (("deletes", 0.0), ("fills", 0.0), ("keeps", 0.0), ("keeps", 0.25))


def shape(**changes: object) -> CellShape:
    values = {"scenario": "read-mostly", "span_s": 2.0, "rounds": 2, "ttl_s": 10.0, "laws": LAWS, **changes}
    return CellShape(**values)  # type: ignore[arg-type]


def written(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def played(settings: TraceSettings, of: CellShape) -> PlayedTrace:
    excerpt = read_excerpt(settings, history_s=of.ttl_s, played_s=of.rounds * of.span_s, seed=1)
    return played_trace(excerpt, of, 1)


@pytest.fixture(scope="module")
def long_trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A minute of 500 requests a second to 1,000 keys, of which a tenth write and one in a hundred is a PING."""
    rng = np.random.default_rng(4)
    count = 30_000
    times = np.sort(rng.random(count)) * 60
    keys = rng.choice(1000, count, p=zipf_shares(1000, 1.0))
    words = rng.choice(["get", "set", "ping"], count, p=[0.89, 0.1, 0.01])
    lines = [f"{t:.6f},k{k},{word},{300 + k % 200}" for t, k, word in zip(times, keys, words, strict=True)]
    return written(tmp_path_factory.mktemp("traces") / "long.csv", ["time,key,operation,size", *lines])


def rows_of(path: str) -> tuple[np.ndarray, list[str], list[str]]:
    fields = [line.split(",") for line in Path(path).read_text().splitlines()[1:]]
    return np.array([float(row[0]) for row in fields]), [row[1] for row in fields], [row[2] for row in fields]


def test_a_part_holds_the_requests_of_its_time_in_their_order(long_trace: str) -> None:
    """Arrival times become due times, keys positions by popularity, and get and set reads and writes. The recount is by
    plain Python from the file."""
    traffic = played(TraceSettings(file=long_trace, start_s=30.0), shape()).traffic
    times, keys, words = rows_of(long_trace)
    times = times - times[0]
    inside = [i for i, t in enumerate(times) if 30 <= t < 34 and words[i] != "ping"]
    number = {key: sum(keys[i] == key for i in inside) for key in {keys[i] for i in inside}}
    for part, begins_s in ((traffic.part(1), 30), (traffic.part(2), 32)):
        own = [i for i in inside if begins_s <= times[i] < begins_s + 2]
        np.testing.assert_allclose(part.due_ns / 1e9, times[own] - begins_s, atol=2e-9)
        assert part.is_write.tolist() == [words[i] == "set" for i in own]
        assert traffic.requests_of[part.keys].tolist() == [number[keys[i]] for i in own]
        assert len({(keys[i], int(at)) for i, at in zip(own, part.keys, strict=True)}) == len({keys[i] for i in own})
    assert np.all(np.diff(traffic.requests_of) <= 0)
    assert traffic.part(3) is traffic.part(1)


def test_speed_scales_the_times_and_a_sample_keeps_all_requests_of_its_keys(long_trace: str) -> None:
    whole = played(TraceSettings(file=long_trace, start_s=30.0), shape())
    fast = played(TraceSettings(file=long_trace, start_s=30.0, speed=2.0), shape())
    assert fast.rate_per_s == pytest.approx(2 * whole.rate_per_s, rel=0.1)
    sampled = played(TraceSettings(file=long_trace, start_s=30.0, sample=0.3), shape())
    assert sampled.records == pytest.approx(0.3 * whole.records, rel=0.3)
    counts = whole.traffic.requests_of.tolist()
    assert all(count in counts for count in sampled.traffic.requests_of.tolist())


def test_requests_that_are_no_reads_or_writes_are_counted_as_left_out(long_trace: str) -> None:
    times, _, words = rows_of(long_trace)
    times = times - times[0]
    pings = sum(word == "ping" for t, word in zip(times, words, strict=True) if 30 <= t < 34)
    one = played(TraceSettings(file=long_trace, start_s=30.0), shape())
    assert one.left_out == pings
    none_written = played(TraceSettings(file=long_trace, start_s=30.0), shape(read_only=True))
    assert none_written.read_share == 1
    assert none_written.left_out > pings


def test_writes_that_follow_a_read_of_their_key_are_left_out_as_fills_if_the_user_says_so(tmp_path: Path) -> None:
    """Not after the given time, not after another write, not of another key; a delete is never a fill."""
    lines = ["0,a,get", "0.1,a,set", "0.2,a,set", "1,b,get", "1.1,c,set", "1.9,b,set", "2,d,get", "2.1,d,delete"]
    path = written(tmp_path / "t.csv", [*lines, "2.5,a,get"])
    whole = read_excerpt(TraceSettings(file=path, start_s=0.0), history_s=1, played_s=4, seed=1)
    assert whole.writes.tolist() == [word.endswith(("set", "delete")) for word in lines] + [False]
    assert whole.fill_share == pytest.approx(2 / 4)
    left = read_excerpt(TraceSettings(file=path, start_s=0.0, fill_within_s=0.5), history_s=1, played_s=4, seed=1)
    assert left.time_s.tolist() == pytest.approx([0, 0.2, 1, 1.1, 1.9, 2, 2.1, 2.5])
    assert left.left_out == 1
    assert left.fill_share == pytest.approx(1 / 4)


def test_the_part_begins_after_one_ttl_or_in_the_middle_of_a_short_trace(long_trace: str) -> None:
    """With a full TTL before the part nothing about its entries is unknown; at the beginning of a trace it is."""
    excerpt = read_excerpt(TraceSettings(file=long_trace), history_s=10, played_s=4, seed=1)
    assert excerpt.start_s == 10
    assert excerpt.history_s == 10
    assert played_trace(excerpt, shape(), 1).unknown_hits == 0
    short = read_excerpt(TraceSettings(file=long_trace), history_s=300, played_s=4, seed=1)
    assert short.start_s == pytest.approx(56, abs=0.1)
    cold = played(TraceSettings(file=long_trace, start_s=0.0), shape(rounds=1))
    reads = cold.requests * cold.read_share
    part = cold.traffic.part(1)
    assert cold.unknown_hits == pytest.approx(len(np.unique(part.keys[~part.is_write])) / reads)
    assert not part.left_shares(law_name("deletes", 0)).any()


class ModelCache:
    """A cache of one key by the rules of a contender, request by request."""

    def __init__(self, ttl_s: float, on_write: str, refresh_below_share: float) -> None:
        self.ttl_s, self.on_write = ttl_s, on_write
        self.lasts_s = ttl_s * (1 - refresh_below_share)
        self.filled_s: float | None = None

    def request(self, at_s: float, write: bool) -> None:
        if write and self.on_write != "keeps":
            self.filled_s = at_s if self.on_write == "fills" else None
        if not write and (self.filled_s is None or at_s >= self.filled_s + self.lasts_s):
            self.filled_s = at_s


@given(
    requests=st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3), st.booleans()), max_size=60),
    ttl_s=st.sampled_from([3.0, 10.0, 100.0]),
    law=st.sampled_from(LAWS),
)
def test_the_last_fill_equals_that_of_a_cache_that_sees_every_request(
    requests: list[tuple[int, int, bool]], ttl_s: float, law: tuple[str, float]
) -> None:
    """For any history, if no entry exists before it."""
    requests = sorted(requests)
    history = RequestHistory(
        time_s=np.array([t / 4 + n * 1e-6 for n, (t, _, _) in enumerate(requests)], dtype=np.float64),
        key=np.array([key for _, key, _ in requests], dtype=np.int64),
        writes=np.array([write for _, _, write in requests], dtype=np.bool_),
        records=4,
        begins_s=0.0,
        ends_s=101.0,
    )
    caches = [ModelCache(ttl_s, *law) for _ in range(4)]
    for at_s, key, write in zip(history.time_s, history.key, history.writes, strict=True):
        caches[key].request(float(at_s), bool(write))
    earliest_s, filled_s = np.full(4, -np.inf), np.full(4, np.nan)
    if law[0] != "keeps":
        np.maximum.at(earliest_s, history.key[history.writes], history.time_s[history.writes])
        filled_s = np.where(np.isfinite(earliest_s) & (law[0] == "fills"), earliest_s, np.nan)
    found = last_fills_s(history, filled_s, earliest_s, ttl_s * (1 - law[1]))
    expected = [np.nan if cache.filled_s is None else cache.filled_s for cache in caches]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("law", LAWS)
def test_entries_after_a_poisson_history_have_the_closed_form_of_the_steady_state(law: tuple[str, float]) -> None:
    """The number of entries, and the mean share of the TTL that they have left, over 40 histories."""
    shares, ttl_s, rate_per_s = zipf_shares(300, 0.8), 4.0, 100.0
    rng = np.random.default_rng(8)
    found = []
    for _ in range(40):
        times = np.sort(rng.random(rng.poisson(rate_per_s * 12))) * 12
        history = RequestHistory(
            time_s=times,
            key=rng.choice(300, len(times), p=shares),
            writes=rng.random(len(times)) < 0.2,
            records=300,
            begins_s=0.0,
            ends_s=12.0,
        )
        found.append(left_shares(history, ttl_s=ttl_s, on_write=law[0], refresh_below_share=law[1], rng=rng))
    steady = steady_state(
        rate_per_s * 0.8 * shares, rate_per_s * 0.2 * shares, ttl_s=ttl_s, on_write=law[0], refresh_below_share=law[1]
    )
    presence = steady.presence()
    assert np.mean([(left > 0).sum() for left in found]) == pytest.approx(presence.sum(), rel=0.03)
    ages = np.mean([steady.ages_s(np.full(300, q)) for q in (np.arange(100) + 0.5) / 100], axis=0)
    left = float((presence * (1 - ages / ttl_s)).sum() / presence.sum())
    assert np.concatenate([each[each > 0] for each in found]).mean() == pytest.approx(left, abs=0.03)


def test_whole_seconds_are_spread_in_their_order() -> None:
    times = np.repeat(np.arange(5.0), 400)
    spread = spread_over_seconds(times, np.random.default_rng(2))
    assert np.array_equal(np.floor(spread), times)
    assert np.all(np.diff(spread) >= 0)
    assert len(np.unique(spread)) == len(times)


@pytest.mark.parametrize(
    ("lines", "changes", "words"),
    [
        (["0.0,a,get", "9.0,b,get"], {"start_s": 50.0}, "earlier start_s"),
        (["0.0,a,get", "0.5,b,get"], {}, "a cell of read-mostly"),
        (["0.0,a,set", "5.0,b,set", "9.9,b,set"], {"start_s": 4.0}, "a part with reads"),
    ],
    ids=["beyond the end", "too short", "only writes"],
)
def test_a_trace_that_cannot_be_played_is_refused_with_the_remedy(
    tmp_path: Path, lines: list[str], changes: dict[str, float], words: str
) -> None:
    settings = TraceSettings(file=written(tmp_path / "t.csv", lines), **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=words):
        played(settings, shape(read_only=words == "a part with reads", rounds=1))


def test_a_trace_without_times_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", ["key,operation", "a,get", "b,set"])
    with pytest.raises(UserError, match="a time for each request"):
        played(TraceSettings(file=path), shape())
