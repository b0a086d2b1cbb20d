"""Divides an excerpt of a trace into the parts that the rounds of a scenario play."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stampede.core.errors import require
from stampede.scenarios.traffic.resident_entries import MOST_RECORDS
from stampede.scenarios.traffic.trace_playing.entry_history import RequestHistory, left_shares
from stampede.scenarios.traffic.trace_playing.trace_excerpt import MOST_PLAYED, TraceExcerpt
from stampede.scenarios.traffic.trace_playing.trace_traffic import FULL, TracePart, TraceTraffic, encoded, law_name

ENOUGH = 0.99
"""From this share of a TTL on, the requests before a part are taken for all that matter."""


@dataclass(frozen=True, kw_only=True)
class CellShape:
    """What a scenario's cells are like."""

    scenario: str
    span_s: float
    """Warm-up and window."""
    rounds: int
    ttl_s: float
    laws: Collection[tuple[str, float]]
    """Of its contenders: the effect of a write, and the share of a TTL below which a read refreshes."""
    read_only: bool = False
    """Whether its records cannot be written: the trace's writes are left out."""


@dataclass(frozen=True, kw_only=True)
class PlayedTrace:
    """A scenario's part of a trace, and what it is like."""

    traffic: TraceTraffic
    parts: int
    requests: int
    """Of all parts."""
    records: int
    """Distinct keys."""
    rate_per_s: float
    """The mean over all parts."""
    read_share: float
    left_out: int
    """Requests that no scenario plays, and writes of records that cannot be written."""
    unknown_hits: float
    """The share of reads, 0 to 1, of which the trace does not say whether a service would have an entry, because too
    little of it precedes them, or because fewer entries are made: here they miss. So much lower can the hit rate be."""
    size_bytes: float
    """Mean size of the values of these requests; NaN: the trace has no sizes."""


def played_trace(excerpt: TraceExcerpt, shape: CellShape, seed: int) -> PlayedTrace:
    """The parts of the trace that a scenario's rounds play. Raises ConfigError if it is too short or has too many."""
    parts = number_of_parts(excerpt, shape)
    excerpt = excerpt.where(excerpt.time_s < parts * shape.span_s)
    left_out = excerpt.left_out
    if shape.read_only:
        left_out += int(np.count_nonzero(excerpt.writes & (excerpt.time_s >= 0)))
        excerpt = excerpt.where(~excerpt.writes)
    played = excerpt.time_s >= 0
    count = int(np.count_nonzero(played))
    require(count > 0, "trace", "no reads", "a part with reads: these records cannot be written")
    require(count <= MOST_PLAYED, "trace.sample", f"{count:,} requests", f"a smaller one: at most {MOST_PLAYED:,}")
    distinct, requests_of = np.unique(excerpt.key[played], return_counts=True)
    popular = np.lexsort((distinct, -requests_of))
    position_of = np.empty(len(distinct), dtype=np.int64)
    position_of[popular] = np.arange(len(distinct))
    excerpt = excerpt.where(np.isin(excerpt.key, distinct))
    history = RequestHistory(
        time_s=excerpt.time_s,
        key=position_of[np.searchsorted(distinct, excerpt.key)],
        writes=excerpt.writes,
        records=len(distinct),
        begins_s=-excerpt.history_s,
        ends_s=0.0,
    )
    made = [part_of(history, shape, number, seed) for number in range(parts)]
    unknown = sum(unknown_reads(history, shape, number) for number in range(parts))
    reads = int(np.count_nonzero((excerpt.time_s >= 0) & ~excerpt.writes))
    return PlayedTrace(
        traffic=TraceTraffic(parts=tuple(made), counts=encoded(requests_of[popular].astype(np.uint32))),
        parts=parts,
        requests=count,
        records=len(distinct),
        rate_per_s=count / (parts * shape.span_s),
        read_share=reads / count,
        left_out=left_out,
        unknown_hits=unknown / max(reads, 1),
        size_bytes=mean_size(excerpt.size_bytes[excerpt.time_s >= 0]),
    )


def number_of_parts(excerpt: TraceExcerpt, shape: CellShape) -> int:
    """How many parts of a cell's length the trace has, at most one for each round. Raises ConfigError: none."""
    lasts_s = excerpt.ends_s + 1e-9
    if shape.rounds * shape.span_s <= lasts_s * 1.02:
        return shape.rounds
    parts = int(lasts_s * 1.02 / shape.span_s)
    want = f"{shape.span_s:g} s of trace from start_s on, at this speed: a cell of {shape.scenario} plays as much"
    require(parts >= 1, "trace", f"{excerpt.ends_s:.3g} s", want)
    return parts


def part_of(requests: RequestHistory, shape: CellShape, number: int, seed: int) -> TracePart:
    """One part, counted from 0, and the entries from which each contender's cell begins."""
    begins_s = number * shape.span_s
    inside = (requests.time_s >= begins_s) & (requests.time_s < begins_s + shape.span_s)
    history = replace(requests, ends_s=begins_s).recent(shape.ttl_s)
    return TracePart(
        due=encoded(np.round((requests.time_s[inside] - begins_s) * 1e9).astype(np.int64)),
        positions=encoded(requests.key[inside].astype(np.uint32)),
        writes=encoded(requests.writes[inside]),
        left={law_name(*law): encoded(entries(history, shape, law, [seed, number])) for law in shape.laws},
    )


def entries(
    history: RequestHistory, shape: CellShape, law: tuple[str, float], seed: list[int]
) -> npt.NDArray[np.uint16]:
    """The share of its TTL that each position's entry has left, 0 to FULL. All laws use the same random numbers."""
    shares = left_shares(
        history,
        ttl_s=shape.ttl_s,
        on_write=law[0],
        refresh_below_share=law[1],
        rng=np.random.default_rng(seed),
    )
    shares[MOST_RECORDS:] = 0.0
    return np.ceil(shares * FULL).astype(np.uint16)


def unknown_reads(requests: RequestHistory, shape: CellShape, number: int) -> int:
    """How many reads of a part are the first of a record that may have an entry in a service, of which the requests
    before the part say nothing, or that gets none here."""
    begins_s = number * shape.span_s
    inside = (requests.time_s >= begins_s) & (requests.time_s < begins_s + shape.span_s)
    first = np.unique(requests.key[inside & ~requests.writes])
    seen = np.ones(requests.records, dtype=np.bool_)
    if begins_s - requests.begins_s < ENOUGH * shape.ttl_s:
        seen[:] = False
        seen[requests.key[requests.time_s < begins_s]] = True
    return int(np.count_nonzero(~seen[first] | (first >= MOST_RECORDS)))


def mean_size(sizes: npt.NDArray[np.int64]) -> float:
    """The mean of the sizes that are known, in bytes; NaN: none is."""
    known = sizes[sizes >= 0]
    return float(known.mean()) if len(known) else float("nan")
