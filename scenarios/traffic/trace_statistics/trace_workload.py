"""The workload file that stands for a trace. Each value has a comment that says where it comes from."""

import math
from typing import NamedTuple

from stampede.scenarios.traffic.trace_statistics.trace_summary import TraceSummary

MISSING_COST = """\
# A trace does not show what a load costs: give the CPU time and the waiting time of one load of yours.
# load_cpu_ms = 1.0
# load_wait_ms = 4.0
"""


class Limits(NamedTuple):
    """The range of a value of a workload."""

    lowest: float
    highest: float


RATE, SKEW, RECORDS = Limits(0.001, 20_000), Limits(0.0, 5.0), Limits(1, 10_000_000)
BYTES, TTL_S = Limits(200, 2000), Limits(0.05, 86_400)


def workload_text(summary: TraceSummary) -> str:
    """The text of the file, in TOML. A value that the trace does not show is left out, with a comment."""
    requests = f"{summary.requests:,} requests in {summary.span_s:,.6g} s"
    deletes = summary.by_operation["delete"]
    others = f"{summary.by_operation['write']:,} writes and {deletes:,} deletes"
    skew = summary.skew
    distinct = f"{summary.distinct_keys:,.0f} distinct keys"
    distinct += "" if summary.distinct_error == 0 else f" ± {1.96 * summary.distinct_error:,.0f}"
    lines = [
        f"# A Stampede workload that stands for the trace {one_line(summary.file)}",
        f"# ({summary.format}, {summary.requests:,} requests). Arrivals and keys are drawn again; bursts, and which",
        "# keys follow which, are not reproduced.",
        "",
        value_line("rate_per_s", summary.rate_per_s, RATE, f"mean of the trace: {requests}"),
        value_line("read_share", summary.read_share, Limits(0.0, 1.0), f"the others are {others}"),
        value_line("records", whole(summary.distinct_keys), RECORDS, distinct),
        value_line("active_records", whole(summary.distinct_keys), RECORDS, "all of them"),
        value_line(
            "key_skew", skew.exponent, SKEW, f"Zipf's exponent of {skew.keys:,} keys, ± {1.96 * skew.error:.2f}"
        ),
        value_line(
            "record_bytes",
            whole(summary.mean_size_bytes),
            BYTES,
            f"mean size of a key's value, of {summary.sized_share:.0%} of the keys",
        ),
        value_line(
            "ttl_s",
            summary.common_ttl_s,
            TTL_S,
            f"the most frequent TTL: {summary.common_ttl_share:.0%} of the {summary.writes_with_ttl:,} writes with one",
        ),
        "",
    ]
    return "\n".join(lines) + MISSING_COST


def value_line(name: str, value: float, limits: Limits, source: str) -> str:
    """A line of the file: the value within the limits of a workload, and its source."""
    if not math.isfinite(value):
        return f"# {name}: not estimated from the trace"
    used = min(max(value, limits.lowest), limits.highest)
    if used != value:
        source = f"the trace has {value:,.6g}, a workload takes {limits.lowest:,g} to {limits.highest:,g}; {source}"
    return f"{name} = {toml_number(used)}  # {source}"


def whole(value: float) -> float:
    """The nearest integer; NaN stays."""
    return float(round(value)) if math.isfinite(value) else value


def toml_number(value: float) -> str:
    """A number as TOML writes it: an integer without a point, others with four significant digits."""
    return f"{int(value)}" if value == int(value) else f"{float(f'{value:.4g}')!r}"


def one_line(text: str) -> str:
    """The text for a comment, without characters that a comment may not have."""
    return "".join(c if c.isprintable() else "?" for c in text)
