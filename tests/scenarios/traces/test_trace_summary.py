"""The figures of traces equal an independent computation in plain Python, on published lines and on many drawn ones."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from stampede.core.errors import UserError
from stampede.scenarios.traffic.trace_files.trace_reader import open_trace
from stampede.scenarios.traffic.trace_statistics import trace_summary
from stampede.scenarios.traffic.trace_statistics.arrival_counts import ArrivalCounts
from stampede.scenarios.traffic.trace_statistics.hit_rates.expiry_curve import LIFETIMES_S
from stampede.scenarios.traffic.trace_statistics.trace_page import COLUMNS, page_lines
from stampede.scenarios.traffic.trace_statistics.trace_summary import TraceSummary, summarize
from stampede.scenarios.traffic.trace_statistics.trace_workload import workload_text
from stampede.scenarios.traffic.trace_statistics.value_counts import MOST_VALUES, QUANTILES, ValueCounts
from stampede.scenarios.traffic.trace_statistics.zipf_exponent import zipf_exponent
from stampede.scenarios.workload import read_workload
from tests.scenarios.traces import plain_computation as plain

PUBLISHED = Path(__file__).parent / "published"


def drawn_trace(path: Path, count: int = 20_000, keys: int = 3_000) -> Path:
    """A trace in Twitter's format: Zipf 1.0, about 50 requests/s with a burst, a tenth writes with two TTLs."""
    rng = np.random.default_rng(3)
    shares = 1 / np.arange(1, keys + 1)
    drawn = rng.choice(keys, size=count, p=shares / shares.sum())
    times = np.sort(np.concatenate([rng.uniform(0, 400, count - count // 10), rng.uniform(100, 110, count // 10)]))
    lines = []
    for time_s, key, kind in zip(times.tolist(), drawn.tolist(), rng.random(count).tolist(), strict=True):
        word = "get" if kind < 0.9 else "set"
        ttl = 0 if word == "get" else (60 if key % 5 == 0 else 3_600)
        lines.append(f"{math.floor(time_s) + 1_000_000},key:{key},6,{100 + key % 900},7,{word},{ttl}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def assert_equal(found: TraceSummary, requests: list[plain.Request]) -> None:
    """Every figure that is a count equals that of the plain computation."""
    operations = Counter(each.operation for each in requests)
    assert {name: n for name, n in found.by_operation.items() if n} == operations
    assert found.requests == len(requests)
    assert found.read_share == operations["read"] / len(requests)
    span_s = requests[-1].time_s - requests[0].time_s + 1
    assert found.span_s == span_s
    assert found.rate_per_s == pytest.approx(len(requests) / span_s)
    assert found.peak_per_s == max(Counter(int(each.time_s) for each in requests).values())
    counts = Counter(each.key for each in requests if each.operation != "delete")
    assert found.distinct_keys == len(counts)
    assert found.once_share == sum(count == 1 for count in counts.values()) / len(counts)
    assert found.skew.exponent == pytest.approx(plain.zipf_exponent([*counts.values()]), nan_ok=True)
    sizes = [*plain.sizes_by_key(requests).values()]
    assert found.mean_size_bytes == pytest.approx(sum(sizes) / len(sizes))
    assert found.working_set_bytes == pytest.approx(len(counts) * sum(sizes) / len(sizes))
    assert found.size_quantiles_bytes == [plain.quantile(sizes, share) for share in QUANTILES]
    ttls = [each.ttl_s for each in requests if each.ttl_s is not None]
    assert found.ttl_quantiles_s == [plain.quantile(ttls, share) for share in QUANTILES]
    (common, often), *_ = Counter(ttls).most_common(1)
    assert (found.common_ttl_s, found.common_ttl_share) == (common, often / len(ttls))
    if not operations["delete"]:
        for entries, rate in found.memory_curve:
            assert rate.rate == pytest.approx(plain.lru_hit_rate(requests, round(entries)))
            assert rate.error == 0
    for lifetime_s, rate in found.ttl_curve:
        assert rate.rate == pytest.approx(plain.expiry_hit_rate(requests, lifetime_s))
        assert rate.error == 0


def test_figures_of_twitters_published_lines_equal_a_plain_computation() -> None:
    """Lines of Twitter's cluster 52 have the figures that plain Python computes."""
    file = PUBLISHED / "twitter_cluster52.csv"
    found = summarize(open_trace(file))
    assert_equal(found, plain.twitter_requests(file))
    assert found.format == "twitter"
    assert found.read_share == 6 / 9


def test_figures_of_metas_published_lines_equal_a_plain_computation() -> None:
    """Lines of Meta's kvcache/202401 have the figures that plain Python computes: 12 requests in 4 lines."""
    file = PUBLISHED / "meta_kvcache_202401.csv"
    found = summarize(open_trace(file))
    assert_equal(found, plain.meta_requests(file))
    assert (found.requests, found.lines) == (12, 5)


def test_figures_of_drawn_lines_equal_a_plain_computation(tmp_path: Path) -> None:
    """Twenty thousand drawn lines have the figures that plain Python computes, and the skew that they were drawn by."""
    file = drawn_trace(tmp_path / "trace.csv")
    found = summarize(open_trace(file))
    requests = plain.twitter_requests(file)
    assert_equal(found, requests)
    assert len(found.memory_curve) == len(trace_summary.CAPACITY_SHARES)
    assert [lifetime_s for lifetime_s, _ in found.ttl_curve] == [*LIFETIMES_S[:6], math.inf]
    assert found.dispersion_1s == pytest.approx(plain.dispersion(requests, int(found.span_s)))
    assert found.dispersion_1s > 2  # it has a burst
    assert abs(found.skew.exponent - 1.0) < 3 * found.skew.error + 0.05


def test_sampled_figures_are_near_those_of_all_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bounded number of keys, distinct keys, sizes and skew lie within four errors, and the factor is stated."""
    file = drawn_trace(tmp_path / "trace.csv")
    exact = summarize(open_trace(file))
    monkeypatch.setattr(trace_summary, "MOST_KEYS", 900)
    for found in (summarize(open_trace(file)), summarize(open_trace(file), share=0.3)):
        assert 0.2 < found.keys_share < 0.45
        assert found.keys_counted <= 1_000
        assert abs(found.distinct_keys - exact.distinct_keys) < 4 * found.distinct_error
        assert abs(found.mean_size_bytes - exact.mean_size_bytes) < 4 * found.mean_size_error
        assert abs(found.skew.exponent - exact.skew.exponent) < 4 * found.skew.error
        assert found.requests == exact.requests


@pytest.mark.parametrize("share", [0.0001, 0.02])
def test_too_small_a_sample_estimates_nothing(share: float, tmp_path: Path) -> None:
    """With fewer than a hundred keys in the sample, no hit rate is stated, and no page, JSON or workload breaks."""
    found = summarize(open_trace(drawn_trace(tmp_path / "trace.csv")), share)
    assert found.keys_counted < 100
    assert all(math.isnan(rate.rate) for _, rate in [*found.memory_curve, *found.ttl_curve])
    text = "\n".join(page_lines(found))
    assert "not estimated" in text
    assert "nan" not in text
    assert "NaN" not in json.dumps(found.as_dict())
    assert "nan" not in workload_text(found)


@pytest.mark.parametrize("skew", [0.5, 0.99, 1.2, 1.5])
@pytest.mark.parametrize("share", [1.0, 0.2])
def test_skew_of_drawn_keys_is_found(skew: float, share: float) -> None:
    """The exponent of keys drawn by Zipf's law is found from all keys and from a sample of them, whichever it is."""
    rng = np.random.default_rng(1)
    shares = np.arange(1, 50_001) ** -skew
    counts = rng.multinomial(2_000_000, shares / shares.sum())
    counts = counts[(counts > 0) & (rng.random(len(counts)) < share)]
    found = zipf_exponent(counts)
    assert abs(found.exponent - skew) < 4 * found.error + 0.05 * skew
    assert found.error < 0.2


def test_skew_of_too_few_keys_is_not_estimated() -> None:
    """Fewer than thirty keys with ten requests give no exponent."""
    assert math.isnan(zipf_exponent(np.array([100] * 29 + [1] * 100)).exponent)
    assert math.isnan(zipf_exponent(np.array([], dtype=np.int64)).exponent)


def test_bins_of_long_traces_get_wider() -> None:
    """A trace of a year keeps its counts and its rate; the busiest bin is stated with its width."""
    arrivals = ArrivalCounts()
    times = np.arange(0.0, 365 * 86_400, 3_600)
    for begin in range(0, len(times), 1_000):
        arrivals.add(times[begin : begin + 1_000])
    assert arrivals.width_s == 32
    assert arrivals.bins.sum() == len(times) == arrivals.count
    assert arrivals.rate_per_s == pytest.approx(1 / 3_600, rel=1e-3)
    assert math.isnan(arrivals.dispersion(1.0))
    assert arrivals.dispersion(64.0) == pytest.approx(1, abs=0.05)


def test_poisson_arrivals_have_ratios_of_one() -> None:
    """Variance over mean and the variation of gaps are near one for Poisson arrivals, and zero for even ones."""
    rng = np.random.default_rng(4)
    poisson, even = ArrivalCounts(), ArrivalCounts()
    times = np.cumsum(rng.exponential(0.01, 200_000))
    for begin in range(0, len(times), 9_999):
        poisson.add(times[begin : begin + 9_999] - times[0])
    even.add(np.arange(0, 2_000, 0.01))
    assert poisson.dispersion(1.0) == pytest.approx(1, abs=0.15)
    assert poisson.gap_variation == pytest.approx(1, abs=0.05)
    assert even.gap_variation == pytest.approx(0, abs=1e-6)
    assert even.dispersion(10.0) == pytest.approx(0, abs=1e-3)


def test_times_out_of_order_are_counted() -> None:
    """A time before that of an earlier line is counted, also across chunks, and harms nothing."""
    arrivals = ArrivalCounts()
    for times in ([0.0, 5.0, 4.0], [4.5, 6.0, -1.0]):
        arrivals.add(np.array(times))
    assert arrivals.out_of_order == 3
    assert arrivals.bins[:7].tolist() == [2, 0, 0, 0, 2, 1, 1]


def test_many_different_ttls_keep_their_quantiles() -> None:
    """Beyond the bound of different values, quantiles are right to two digits."""
    ttls = ValueCounts()
    ttls.add(np.arange(1.0, 3 * MOST_VALUES))
    ttls.add(np.arange(1.0, 3 * MOST_VALUES))
    assert len(ttls.counts) < 1_000
    assert ttls.quantiles([0.5]) == [pytest.approx(1.5 * MOST_VALUES, rel=0.05)]


def test_page_has_at_most_25_lines_of_80_columns(tmp_path: Path) -> None:
    """The page fits the terminal, shows each figure, and cuts nothing."""
    file = drawn_trace(tmp_path / ("long-name-" * 20 + ".csv"))
    for summary in (summarize(open_trace(file)), summarize(open_trace(file), share=0.3)):
        lines = page_lines(summary)
        assert len(lines) <= 25
        assert max(map(len, lines)) <= COLUMNS
        text = "\n".join(lines)
        assert "mean 50/s" in text
        assert "(Poisson: 1 ± 0.14); per min not estimated" in text
        assert "…" in lines[0]
        assert all(not line.endswith(("(Poisso", "of t", ",")) for line in lines)


def test_workload_of_a_trace_can_be_read(tmp_path: Path) -> None:
    """The workload file has the trace's values, each with a comment, and passes the checks of a workload."""
    found = summarize(open_trace(drawn_trace(tmp_path / "trace.csv")))
    file = tmp_path / "workload.toml"
    file.write_text(workload_text(found), encoding="utf-8")
    workload = read_workload(file, frozenset()).applied("read-mostly", {})
    assert workload.rate_per_s == pytest.approx(found.rate_per_s, rel=1e-3)
    assert workload.read_share == pytest.approx(found.read_share, rel=1e-3)
    assert workload.key_skew == pytest.approx(found.skew.exponent, rel=1e-3)
    assert workload.records == workload.active_records == found.distinct_keys
    assert workload.record_bytes == round(found.mean_size_bytes)
    assert workload.ttl_s == 3_600
    values = [line for line in file.read_text(encoding="utf-8").splitlines() if " = " in line and line[0] != "#"]
    assert all("  # " in line for line in values)


def test_values_outside_a_workloads_range_are_limited_and_named(tmp_path: Path) -> None:
    """A size that no record can have becomes the nearest one, with the trace's own in the comment."""
    file = PUBLISHED / "twitter_cluster52.csv"
    text = workload_text(summarize(open_trace(file)))
    assert "record_bytes = 200  # the trace has 165, a workload takes 200 to 2,000" in text
    assert "# key_skew: not estimated from the trace" in text
    written = tmp_path / "workload.toml"
    written.write_text(text, encoding="utf-8")
    assert read_workload(written, frozenset()).common["record_bytes"] == 200


def test_a_trace_without_reads_and_writes_is_refused(tmp_path: Path) -> None:
    """A log of PINGs has no figures."""
    file = tmp_path / "monitor.txt"
    file.write_text('1339518083.107412 [0 127.0.0.1:60866] "PING"\n', encoding="utf-8")
    with pytest.raises(UserError, match="no reads and writes"):
        summarize(open_trace(file))
