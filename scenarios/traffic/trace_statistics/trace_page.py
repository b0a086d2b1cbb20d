"""The figures of a trace as a page of text: at most 25 lines of 80 columns."""

import math
from itertools import zip_longest

from stampede.scenarios.traffic.trace_statistics.hit_rates.hit_counts import HitRate
from stampede.scenarios.traffic.trace_statistics.trace_summary import TraceSummary

COLUMNS = 80
LABEL = 13
"""The width of the first column."""
NOT_ESTIMATED = "not estimated"
NORMAL_95 = 1.96
"""Standard errors on each side of an estimate in a 95 % interval."""
BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def page_lines(summary: TraceSummary) -> list[str]:
    """The page of a trace."""
    lines = [
        heading(summary),
        labelled("requests", requests_text(summary)),
        labelled("operations", operations_text(summary)),
        labelled("burstiness", burstiness_text(summary)),
        labelled("gaps", gaps_text(summary)),
        labelled("keys", keys_text(summary)),
        labelled("skew", skew_text(summary)),
        labelled("value sizes", sizes_text(summary)),
        labelled("working set", working_set_text(summary)),
        labelled("TTLs", ttls_text(summary)),
        *noted(summary),
        *curves(summary),
        uncertainty_text(summary),
    ]
    return [line[:COLUMNS].rstrip() for line in lines]


def uncertainty_text(summary: TraceSummary) -> str:
    """Which figures are counts, and how large the error of the others is."""
    if min(summary.keys_share, summary.curve_share, summary.ttl_curve_share) >= 1:
        return "All figures are counts of the whole file; the skew has its 95 % interval."
    if summary.keys_share >= 1:
        return "± is the 95 % interval; figures without it are counts of the whole file."
    points = 100 * NORMAL_95 * 0.5 / math.sqrt(max(summary.keys_counted, 1))
    return f"± is the 95 % interval; shares and quantiles of keys: within {points:.2g} % points."


def labelled(label: str, text: str) -> str:
    """A line of the page."""
    return f"{label:<{LABEL}}{text}"


def heading(summary: TraceSummary) -> str:
    """The file, its format and its length."""
    text = f": format {summary.format}, {summary.lines:,} lines"
    room = COLUMNS - len(text)
    file = summary.file if len(summary.file) <= room else f"…{summary.file[1 - room :]}"
    return file + text


def requests_text(summary: TraceSummary) -> str:
    """How many requests, in which time, at which rate."""
    text = f"{summary.requests:,}"
    if math.isnan(summary.span_s):
        return f"{text}; rate {NOT_ESTIMATED}: the trace has no times"
    text += f" in {duration(summary.span_s)}: "
    if math.isnan(summary.rate_per_s):
        return f"{text}rate {NOT_ESTIMATED}"
    text += f"mean {number(summary.rate_per_s)}/s"
    if math.isnan(summary.peak_per_s):
        return text
    busiest = "busiest second" if summary.bin_s == 1 else f"busiest {duration(summary.bin_s)}"
    return f"{text}, {busiest} {number(summary.peak_per_s)}/s"


def operations_text(summary: TraceSummary) -> str:
    """The shares of the operations."""
    total = sum(summary.by_operation.values())
    parts = [f"{count / total:.1%} {name}s" for name, count in summary.by_operation.items() if name != "other"]
    return spaced(", ".join([*parts, f"{summary.by_operation['other'] / total:.1%} other"]))


def burstiness_text(summary: TraceSummary) -> str:
    """The index of dispersion of counts."""
    if math.isnan(summary.dispersion_1s):
        return f"{NOT_ESTIMATED}: fewer than ten seconds"
    noise = [poisson_noise(int(summary.span_s // width_s)) for width_s in (1.0, 60.0)]
    text = f"variance/mean {plain(summary.dispersion_1s)}/s"
    if math.isnan(summary.dispersion_60s):
        return f"{text} (Poisson: 1 ± {noise[0]:.2g}); per min {NOT_ESTIMATED}"
    return f"{text}, {plain(summary.dispersion_60s)}/min (Poisson: 1 ± {noise[0]:.2g}, 1 ± {noise[1]:.2g})"


def poisson_noise(intervals: int) -> float:
    """How far variance over mean of Poisson arrivals is from 1 in 95 of 100 cases, for that number of intervals."""
    return NORMAL_95 * math.sqrt(2 / max(intervals - 1, 1))


def gaps_text(summary: TraceSummary) -> str:
    """The variation of the gaps between requests."""
    if math.isnan(summary.gap_variation):
        return f"variation {NOT_ESTIMATED}: the times are too coarse or too few"
    return f"squared coefficient of variation {plain(summary.gap_variation)} (Poisson: 1)"


def keys_text(summary: TraceSummary) -> str:
    """The distinct keys, and the sample of them."""
    if math.isnan(summary.distinct_keys):
        return f"{NOT_ESTIMATED}: none of them is in the sample ({percent(summary.keys_share)} of the keys)"
    text = estimated(summary.distinct_keys, summary.distinct_error)
    if not math.isnan(summary.once_share):
        text += spaced(f", {summary.once_share:.0%} requested once")
    return f"{text}; {sample_text(summary.keys_share)}"


def sample_text(share: float) -> str:
    """The sampling factor."""
    return "all keys counted" if share >= 1 else f"sample: {percent(share)} of the keys"


def skew_text(summary: TraceSummary) -> str:
    """Zipf's exponent."""
    skew = summary.skew
    if math.isnan(skew.exponent):
        return f"{NOT_ESTIMATED}: too few keys with ten requests or more"
    interval = f"{skew.exponent:.2f} ± {NORMAL_95 * skew.error:.2f}"
    return f"Zipf's exponent {interval}, from {skew.keys:,} keys; method ± 5 %"


def sizes_text(summary: TraceSummary) -> str:
    """The quantiles of the sizes."""
    if math.isnan(summary.mean_size_bytes):
        return f"{NOT_ESTIMATED}: no size is known"
    mean = estimated(summary.mean_size_bytes, summary.mean_size_error)
    quantiles = quantile_text([number(q) for q in summary.size_quantiles_bytes])
    return f"mean {mean} bytes; {quantiles}"


def working_set_text(summary: TraceSummary) -> str:
    """The size of all values."""
    if math.isnan(summary.working_set_bytes):
        return NOT_ESTIMATED
    return f"{in_bytes(summary.working_set_bytes)} of values, without keys and overhead"


def ttls_text(summary: TraceSummary) -> str:
    """The most frequent TTL, and the quantiles."""
    if not summary.writes_with_ttl:
        return f"{NOT_ESTIMATED}: no write gives one"
    _, p50, p90, p99 = (duration(quantile) for quantile in summary.ttl_quantiles_s)
    common = f"{duration(summary.common_ttl_s)} in {percent(summary.common_ttl_share)}"
    return f"{common} of {summary.writes_with_ttl:,} writes; p50 {p50}, p90 {p90}, p99 {p99}"


def quantile_text(texts: list[str]) -> str:
    """The median, and the 10th, 90th and 99th percentile."""
    p10, p50, p90, p99 = texts
    return f"p10 {p10}, p50 {p50}, p90 {p90}, p99 {p99}"


def noted(summary: TraceSummary) -> list[str]:
    """What a reader has to know of the file: skipped lines, unknown sizes, other counts. One line or none."""
    notes = [f"{summary.malformed:,} malformed lines skipped"] if summary.malformed else []
    if summary.out_of_order:
        notes.append(f"{summary.out_of_order:,} times out of order")
    if 0 < summary.sized_share < 1:
        notes.append(f"sizes of {percent(summary.sized_share)} of the keys")
    notes += [f"{count:,} {name}" for name, count in sorted(summary.counts.items())]
    return [labelled("notes", "; ".join(notes))] if notes else []


def curves(summary: TraceSummary) -> list[str]:
    """The two hit-rate curves next to each other."""
    left = ["Hit rate by memory (LRU, no expiry)", f"{sample_text(summary.curve_share)}"]
    left += [memory_row(summary, entries, rate) for entries, rate in summary.memory_curve]
    right = ["by TTL (no eviction)", sample_text(summary.ttl_curve_share)]
    if summary.ttl_curve:
        right += [ttl_row(lifetime_s, rate) for lifetime_s, rate in summary.ttl_curve]
    else:
        right = [right[0], f"{NOT_ESTIMATED}: no times"]
    return [f"{a:<47}{b}" for a, b in zip_longest(left, right, fillvalue="")]


def memory_row(summary: TraceSummary, entries: float, rate: HitRate) -> str:
    """A capacity and its hit rate."""
    size = "" if math.isnan(summary.mean_size_bytes) else in_bytes(entries * summary.mean_size_bytes)
    return f"{entries:>13,.0f} keys {size:>8}  {rate_text(rate)}"


def ttl_row(lifetime_s: float, rate: HitRate) -> str:
    """A lifetime and its hit rate."""
    name = "no expiry" if math.isinf(lifetime_s) else duration(lifetime_s)
    return f"{name:>9}  {rate_text(rate)}"


def rate_text(rate: HitRate) -> str:
    """A hit rate with its interval."""
    if math.isnan(rate.rate):
        return NOT_ESTIMATED
    if rate.error == 0:
        return spaced(f"{rate.rate:.1%}")
    return f"{100 * rate.rate:.1f} ± {100 * NORMAL_95 * rate.error:.1f} %"


def estimated(value: float, error: float) -> str:
    """A number with its interval, if it was estimated from a sample."""
    return number(value) if error == 0 else f"{number(value)} ± {number(NORMAL_95 * error)}"


def number(value: float) -> str:
    """A number with as many digits as are of use."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2g}"


def plain(value: float) -> str:
    """A ratio, or that it was not estimated."""
    return NOT_ESTIMATED if math.isnan(value) else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def percent(share: float) -> str:
    """A share in percent."""
    return spaced(f"{100 * share:.3g}%")


def spaced(text: str) -> str:
    """The text with a blank before each percent sign."""
    return text.replace("%", " %")


def in_bytes(value: float) -> str:
    """A size with its unit."""
    unit, name = next(((unit, name) for unit, name in BYTES if value >= unit), (1.0, "B"))
    return f"{value / unit:.3g} {name}" if value / unit < 1000 else f"{value / unit:,.0f} {name}"


def duration(seconds: float) -> str:
    """A time in the largest unit that it has at least once: 90 s, 5 min, 2 h, 7 d."""
    unit, name = next(((u, n) for u, n in SECONDS if seconds >= 2 * u or seconds == u), (1.0, "s"))
    return f"{seconds / unit:,.3g} {name}"
