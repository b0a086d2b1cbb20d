"""Offset between two monotonic clocks, its uncertainty, and the conversion of instants from one clock to the other.

A message is sent at t1 and its reply arrives at t3, both by this machine's clock; the other machine's clock reads t2 in
between. The other clock is therefore ahead by a value between t2 − t3 and t2 − t1: the interval is as wide as the round
trip, however the time divides between the two directions. The shortest of several round trips gives the best estimate.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stampede.run_folder.schema import SAMPLES

INSTANTS = (
    *(
        "due_ns",
        "thread_free_ns",
        "start_ns",
        "end_ns",
        "load_start_ns",
        "load_end_ns",
        "commit_start_ns",
        "commit_end_ns",
    ),
    *("served_start_ns", "served_end_ns"),
)
"""The columns of samples that are instants; all other columns in nanoseconds are durations."""


@dataclass(frozen=True, kw_only=True)
class ClockOffset:
    """How far another machine's clock is ahead of this machine's: `offset_ns` ± `uncertainty_ns`."""

    offset_ns: int
    uncertainty_ns: int


@dataclass(frozen=True, kw_only=True)
class Ping:
    """One message and its reply."""

    sent_ns: int
    remote_ns: int
    """When the other machine replied, by its own clock."""
    received_ns: int

    @property
    def round_trip_ns(self) -> int:
        return self.received_ns - self.sent_ns


def estimate_offset(pings: Iterable[Ping]) -> ClockOffset:
    """The offset according to the shortest round trip. The uncertainty is half of that round trip, rounded up."""
    best = min(pings, key=lambda ping: ping.round_trip_ns)
    middle_ns = (best.sent_ns + best.received_ns) // 2
    return ClockOffset(offset_ns=best.remote_ns - middle_ns, uncertainty_ns=-(-best.round_trip_ns // 2) + 1)


def uncertainty_between(used: ClockOffset, after: ClockOffset) -> int:
    """The largest error of `used` at any instant until `after` was read, if the clocks drift at a constant rate."""
    return max(used.uncertainty_ns, abs(after.offset_ns - used.offset_ns) + after.uncertainty_ns)


def to_our_clock(samples: pa.Table, ahead_ns: int) -> pa.Table:
    """Convert samples whose instants were read on a clock that is ahead by `ahead_ns` to this machine's clock."""
    for name in INSTANTS:
        place = SAMPLES.get_field_index(name)
        samples = samples.set_column(place, SAMPLES.field(place), pc.subtract(samples[name], pa.scalar(ahead_ns)))
    return samples
