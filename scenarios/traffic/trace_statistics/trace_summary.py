"""What a trace is like, computed in one pass and constant memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stampede.core.errors import UserError
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation
from stampede.scenarios.traffic.trace_files.trace_reader import TraceFile
from stampede.scenarios.traffic.trace_statistics.arrival_counts import ArrivalCounts
from stampede.scenarios.traffic.trace_statistics.hit_rates.expiry_curve import LIFETIMES_S, ExpiryCurve
from stampede.scenarios.traffic.trace_statistics.hit_rates.hit_counts import HitRate
from stampede.scenarios.traffic.trace_statistics.hit_rates.reuse_distances import ReuseDistances
from stampede.scenarios.traffic.trace_statistics.sampled_key_table import SampledKeyTable
from stampede.scenarios.traffic.trace_statistics.value_counts import (
    QUANTILES,
    ValueCounts,
    number_or_none,
    quantile_dict,
)
from stampede.scenarios.traffic.trace_statistics.zipf_exponent import ZipfExponent, zipf_exponent

MOST_KEYS = 1 << 17
"""Up to this number of keys, everything about keys is counted; with more, it is estimated from this number."""
CAPACITY_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Capacities of the hit-rate curve, as shares of the distinct keys."""


@dataclass(frozen=True, kw_only=True)
class TraceSummary:
    """The figures of a trace. NaN: not estimated. Those about keys are exact if `keys_share` is 1."""

    file: str
    format: str
    lines: int
    malformed: int
    counts: Mapping[str, int]
    """Other things that the format counts, for example server errors."""
    requests: int
    by_operation: Mapping[str, int]
    """Requests by the name of their operation in lower case."""
    span_s: float
    rate_per_s: float
    peak_per_s: float
    """The busiest second, or the busiest bin of `bin_s`."""
    bin_s: float
    out_of_order: int
    """Requests with a time before that of an earlier line."""
    dispersion_1s: float
    """Variance over mean of the requests per second: 1 for Poisson arrivals."""
    dispersion_60s: float
    gap_variation: float
    """Squared coefficient of variation of the gaps between requests: 1 for Poisson arrivals."""
    keys_share: float
    """The share of the keys behind the figures about keys: the sampling factor of SHARDS."""
    keys_counted: int
    distinct_keys: float
    distinct_error: float
    """Standard error of the distinct keys; 0 if all were counted."""
    once_share: float
    """Keys with a single read or write, as a share of the keys."""
    skew: ZipfExponent
    size_quantiles_bytes: list[float]
    """QUANTILES of the size of a key's value, each key once."""
    mean_size_bytes: float
    mean_size_error: float
    sized_share: float
    """Keys whose size is known, as a share of the keys."""
    ttl_quantiles_s: list[float]
    """QUANTILES of the TTLs of the writes that give one."""
    common_ttl_s: float
    common_ttl_share: float
    writes_with_ttl: int
    memory_curve: list[tuple[float, HitRate]]
    """Entries that the cache has room for, and the hit rate with LRU eviction and no expiry."""
    curve_share: float
    """The share of the keys behind the memory curve."""
    ttl_curve: list[tuple[float, HitRate]]
    """Lifetime in seconds, and the hit rate without eviction. Empty: the trace has no times."""
    ttl_curve_share: float

    @property
    def read_share(self) -> float:
        """Reads over reads, writes and deletes; NaN without any."""
        reads = self.by_operation["read"]
        keyed = reads + self.by_operation["write"] + self.by_operation["delete"]
        return reads / keyed if keyed else math.nan

    @property
    def working_set_bytes(self) -> float:
        """The values of all distinct keys together, without keys and overhead."""
        return self.distinct_keys * self.mean_size_bytes

    def as_dict(self) -> dict[str, Any]:
        """Everything, for --json. Units are part of the names; null: not estimated."""
        plain = {name: getattr(self, name) for name in PLAIN_FIELDS}
        return {
            **{name: number_or_none(v) if isinstance(v, float) else v for name, v in plain.items()},
            "counts": dict(self.counts),
            "by_operation": dict(self.by_operation),
            "read_share": number_or_none(self.read_share),
            "working_set_bytes": number_or_none(self.working_set_bytes),
            "key_skew": number_or_none(self.skew.exponent),
            "key_skew_error": number_or_none(self.skew.error),
            "size_bytes": quantile_dict(self.size_quantiles_bytes),
            "ttl_s": quantile_dict(self.ttl_quantiles_s),
            "memory_curve": [
                {"entries": n, "bytes": number_or_none(n * self.mean_size_bytes), **r.as_dict()}
                for n, r in self.memory_curve
            ],
            "ttl_curve": [{"ttl_s": number_or_none(t), **r.as_dict()} for t, r in self.ttl_curve],
        }


PLAIN_FIELDS = (
    *("file", "format", "lines", "malformed", "requests", "span_s", "rate_per_s", "peak_per_s", "bin_s"),
    *("out_of_order", "dispersion_1s", "dispersion_60s", "gap_variation", "keys_share", "keys_counted"),
    *("distinct_keys", "distinct_error", "once_share", "mean_size_bytes", "mean_size_error", "sized_share"),
    *("common_ttl_s", "common_ttl_share", "writes_with_ttl", "curve_share", "ttl_curve_share"),
)


@dataclass
class TraceStatistics:
    """What is counted while a trace is read."""

    share: float = 1.0
    """The largest share of the keys to look at, above 0 to 1."""
    operations: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(TraceOperation), dtype=np.int64))
    has_times: bool = True

    def __post_init__(self) -> None:
        columns = {"requests": np.zeros(1, dtype=np.int64), "size": np.full(1, -1, dtype=np.int64)}
        self.table = SampledKeyTable(MOST_KEYS, columns, self.share)
        self.arrivals = ArrivalCounts()
        self.ttls = ValueCounts()
        self.reuse = ReuseDistances(self.share)
        self.expiry = ExpiryCurve(self.share)

    def add(self, chunk: TraceChunk) -> None:
        """Count the requests of a chunk."""
        self.operations += np.bincount(chunk.operation, minlength=len(TraceOperation))
        keyed = chunk.where(chunk.operation != TraceOperation.OTHER)
        self.has_times = self.has_times and not np.isnan(chunk.time_s).any()
        if self.has_times:
            self.arrivals.add(chunk.time_s)
            self.expiry.add(keyed)
        self.ttls.add(keyed.ttl_s[keyed.ttl_s > 0])
        self.count_keys(keyed)
        self.reuse.add(keyed)

    def count_keys(self, keyed: TraceChunk) -> None:
        """Count the reads and writes of each key of the sample, and note its size."""
        chosen = self.table.belong(keyed.key) & (keyed.operation != TraceOperation.DELETE)
        keys, sizes = keyed.key[chosen], keyed.size_bytes[chosen]
        distinct, owners, counts = np.unique(keys, return_inverse=True, return_counts=True)
        slots = self.table.slots(distinct)
        self.table.columns["requests"][slots] += counts
        known = sizes >= 0
        self.table.columns["size"][slots[owners[known]]] = sizes[known]  # the last of equal places stays
        self.table.shrink()

    def summary(self, trace: TraceFile) -> TraceSummary:
        """The figures. Raises UserError for a trace without requests that concern a key."""
        if not self.operations[: TraceOperation.OTHER].sum():
            raise UserError(trace.path, "no reads and writes", f"requests of the format {trace.format.name}")
        table, arrivals, timed = self.table, self.arrivals, self.has_times
        requests, sizes = table.columns["requests"], table.columns["size"]
        sizes = sizes[sizes >= 0]
        exact = table.share >= 1
        common_ttl_s, common_ttl_share = self.ttls.commonest()
        return TraceSummary(
            file=str(trace.path),
            format=trace.format.name,
            lines=trace.lines,
            malformed=trace.malformed,
            counts=trace.counts,
            requests=int(self.operations.sum()),
            by_operation={each.name.lower(): int(self.operations[each]) for each in TraceOperation},
            span_s=arrivals.span_s if timed else math.nan,
            rate_per_s=arrivals.rate_per_s if timed else math.nan,
            peak_per_s=arrivals.peak_per_s if timed else math.nan,
            bin_s=arrivals.width_s,
            out_of_order=arrivals.out_of_order,
            dispersion_1s=arrivals.dispersion(1.0) if timed else math.nan,
            dispersion_60s=arrivals.dispersion(60.0) if timed else math.nan,
            gap_variation=arrivals.gap_variation if timed else math.nan,
            keys_share=table.share,
            keys_counted=len(table),
            distinct_keys=table.distinct,
            distinct_error=0.0 if exact else table.distinct / math.sqrt(max(len(table), 1)),
            once_share=float((requests == 1).mean()) if len(table) else math.nan,
            skew=zipf_exponent(requests),
            size_quantiles_bytes=[float(q) for q in np.quantile(sizes, QUANTILES, method="inverted_cdf")]
            if len(sizes)
            else [math.nan] * len(QUANTILES),
            mean_size_bytes=float(sizes.mean()) if len(sizes) else math.nan,
            mean_size_error=0.0 if exact else float(sizes.std() / math.sqrt(len(sizes))) if len(sizes) else math.nan,
            sized_share=len(sizes) / max(len(table), 1),
            ttl_quantiles_s=self.ttls.quantiles(),
            common_ttl_s=common_ttl_s,
            common_ttl_share=common_ttl_share,
            writes_with_ttl=self.ttls.total,
            memory_curve=self.memory_curve(),
            curve_share=self.reuse.share,
            ttl_curve=self.ttl_curve() if timed else [],
            ttl_curve_share=self.expiry.share,
        )

    def memory_curve(self) -> list[tuple[float, HitRate]]:
        """The hit rate for capacities up to all keys. Empty if the sample has no keys."""
        if not len(self.table):
            return []
        capacities = sorted({max(round(share * self.table.distinct), 1) for share in CAPACITY_SHARES})
        return [(float(entries), self.reuse.hit_rate(entries)) for entries in capacities]

    def ttl_curve(self) -> list[tuple[float, HitRate]]:
        """The hit rate for lifetimes up to the length of the trace, and without expiry."""
        return [
            (lifetime_s, self.expiry.hit_rate(number))
            for number, lifetime_s in enumerate(LIFETIMES_S)
            if lifetime_s < self.arrivals.span_s or math.isinf(lifetime_s)
        ]


def summarize(trace: TraceFile, share: float = 1.0) -> TraceSummary:
    """Read a trace to its end. `share`: the largest share of the keys to look at, above 0 to 1. Raises UserError."""
    statistics = TraceStatistics(share=share)
    for chunk in trace:
        statistics.add(chunk)
    return statistics.summary(trace)
