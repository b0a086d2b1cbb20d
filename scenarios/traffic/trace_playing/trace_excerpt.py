"""Reads from a trace what a bench needs: the requests that are played, and those before them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stampede.core.errors import ConfigError, UserError
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation, sampled_keys
from stampede.scenarios.traffic.trace_files.trace_reader import open_trace
from stampede.scenarios.traffic.trace_playing.trace_settings import TraceSettings

Times = npt.NDArray[np.float64]
MOST_REQUESTS = 5_000_000
"""The most requests that are kept: the newest of those before the part that is played are."""
MOST_PLAYED = 2_000_000
"""The most requests that a scenario plays in all its parts."""
FILL_S = 1.0
"""The seconds within which a write after a read of its key may be the fill after a miss."""
COARSE = 100
"""The fewest requests whose times, if all are whole seconds, are taken for rounded ones."""


@dataclass(frozen=True, kw_only=True)
class TraceExcerpt:
    """Consecutive requests of a trace with the sampled keys, by time."""

    time_s: Times
    """In seconds as they are played, from the beginning of the first part; below 0: before it."""
    key: npt.NDArray[np.uint64]
    writes: npt.NDArray[np.bool_]
    size_bytes: npt.NDArray[np.int64]
    """Of the value; -1: not known."""
    start_s: float
    """The recorded time at which the first part begins, in seconds from the trace's first request."""
    history_s: float
    """How much of the trace before the first part is known, in seconds as they are played."""
    ends_s: float
    """Until when the requests are known, in seconds as they are played."""
    format: str
    left_out: int
    """Requests among these that neither read nor write a single record, and fills if the user leaves them out."""
    fill_share: float
    """The share of writes, 0 to 1, that follow a read of the same key within FILL_S, or within the user's limit."""
    reads_after_reads: float
    """The same share of reads: the share of the writes that would follow a read by chance."""
    coarse: bool
    """Whether the trace's times are whole seconds, so that the requests of a second were spread over it."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> "TraceExcerpt":
        """The requests for which the mask is true."""
        columns = {name: getattr(self, name)[chosen] for name in ("time_s", "key", "writes", "size_bytes")}
        return replace(self, **columns)


@dataclass(frozen=True, kw_only=True)
class CollectedRequests:
    """Requests as the file has them, in recorded seconds."""

    requests: TraceChunk
    known_from_s: float
    """From when on all requests are there."""
    last_s: float
    """The latest time that was read: at least the end of what is needed, unless the trace ends before."""
    format: str


def read_excerpt(settings: TraceSettings, *, history_s: float, played_s: float, seed: int) -> TraceExcerpt:
    """Read the requests of up to `played_s` seconds, and those of `history_s` seconds before them, as they are played.

    Raises UserError for a file that cannot be read, and ConfigError if it has no times or no request in that time.
    """
    collected = collect(settings, history_s * settings.speed, played_s * settings.speed)
    found, known_from_s, last_s = collected.requests, collected.known_from_s, collected.last_s
    after_read = follows_read(found, settings.fill_within_s or FILL_S)
    stored, read = (found.operation == each for each in (TraceOperation.WRITE, TraceOperation.READ))
    fills = stored & after_read
    recorded_s = found.time_s
    coarse = len(found) >= COARSE and bool((recorded_s == np.floor(recorded_s)).all())
    if coarse:
        recorded_s = spread_over_seconds(recorded_s, np.random.default_rng(seed))
    start_s = max(known_from_s, start_of(settings, last_s, history_s * settings.speed, played_s * settings.speed))
    due_s = (recorded_s - start_s) / settings.speed
    single = (found.operation != TraceOperation.OTHER) & (due_s < played_s) & ~(fills & (settings.fill_within_s > 0))
    order = np.argsort(due_s[single], kind="stable")
    kept = found.where(single)
    if not (due_s[single] >= 0).any():
        want = "an earlier start_s or a larger sample: no read or write of these keys is due then"
        raise ConfigError("trace.start_s", f"{start_s:g} s (the last request read is at {last_s:g} s)", want)
    return TraceExcerpt(
        time_s=due_s[single][order],
        key=kept.key[order],
        writes=np.asarray(kept.operation[order] != TraceOperation.READ),
        size_bytes=kept.size_bytes[order],
        start_s=start_s,
        history_s=(start_s - known_from_s) / settings.speed,
        ends_s=min(played_s, (last_s - start_s + coarse) / settings.speed),
        format=collected.format,
        left_out=int(np.count_nonzero(~single & (due_s >= 0) & (due_s < played_s))),
        fill_share=int(fills.sum()) / max(1, int(stored.sum())),
        reads_after_reads=int((read & after_read).sum()) / max(1, int(read.sum())),
        coarse=coarse,
    )


def follows_read(requests: TraceChunk, within_s: float) -> npt.NDArray[np.bool_]:
    """Which requests follow a read of the same key within that time, without another request of the key in between."""
    order = np.lexsort((np.arange(len(requests)), requests.time_s, requests.key))
    key, time_s, operation = requests.key[order], requests.time_s[order], requests.operation[order]
    found = np.zeros(len(requests), dtype=np.bool_)
    same = (operation[:-1] == TraceOperation.READ) & (key[1:] == key[:-1])
    found[order[1:]] = same & (time_s[1:] - time_s[:-1] <= within_s)
    return found


def collect(settings: TraceSettings, history_s: float, played_s: float) -> CollectedRequests:
    """Read the sampled requests that may be needed: `played_s` recorded seconds, and `history_s` before them."""
    trace = open_trace(settings.path, settings.format)
    begin_s = 0.0 if settings.start_s is None else max(0.0, settings.start_s - history_s)
    end_s = (history_s if settings.start_s is None else settings.start_s) + played_s
    kept: list[TraceChunk] = []
    count, last_s = 0, 0.0
    for chunk in trace:
        if np.isnan(chunk.time_s).any():
            want = "a trace with a time for each request: a bench makes each request at its time"
            raise UserError(settings.path, "requests without a time", want)
        inside = (chunk.time_s >= begin_s) & (chunk.time_s < end_s)
        kept.append(chunk.where(inside & sampled_keys(chunk.key, settings.sample)))
        count += len(kept[-1])
        while count - len(kept[0]) > MOST_REQUESTS:
            dropped = kept.pop(0)
            count -= len(dropped)
            begin_s = max(begin_s, float(dropped.time_s.max(initial=0.0)))
        last_s = max(last_s, float(chunk.time_s.max(initial=0.0)))
        if len(chunk) and float(chunk.time_s.min()) >= end_s:
            break
    return CollectedRequests(requests=joined(kept), known_from_s=begin_s, last_s=last_s, format=trace.format.name)


def joined(chunks: Sequence[TraceChunk]) -> TraceChunk:
    """One chunk with the requests of all. Raises ConfigError if there are none."""
    names = ("time_s", "key", "operation", "size_bytes", "ttl_s")
    if not chunks:
        raise ConfigError("trace.file", "no requests", "a trace with requests")
    return replace(chunks[0], **{name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names})


def spread_over_seconds(times_s: Times, rng: np.random.Generator) -> Times:
    """The requests of each whole second at random instants within it, in their order."""
    order = np.argsort(times_s, kind="stable")
    seconds, parts = times_s[order], rng.random(len(times_s))
    spread = np.empty_like(times_s)
    spread[order] = seconds + parts[np.lexsort((parts, seconds))]
    return spread


def start_of(settings: TraceSettings, last_s: float, history_s: float, played_s: float) -> float:
    """The recorded time at which the first part begins. `last_s`: the time of the last request that was read."""
    if settings.start_s is not None:
        return settings.start_s
    return history_s if last_s >= history_s + played_s else min(history_s, max(last_s / 2, last_s - played_s))
