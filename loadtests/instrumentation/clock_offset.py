"""Two monotonic clocks: how far one is ahead of the other, how sure that is, and instants told in one of them.

A question is sent at t1 and its answer arrives at t3, both by our clock; in between, the other clock read t2. So the
other is ahead by something between t2 − t3 and t2 − t1: an interval as wide as the round trip, whatever the way there
and the way back took. Of several questions the shortest round trip says most.
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
"""The columns of samples that are instants; all others in nanoseconds are durations."""


@dataclass(frozen=True, kw_only=True)
class ClockOffset:
    """How far another clock is ahead of ours, in nanoseconds: `by_ns`, give or take `doubt_ns`."""

    offset_ns: int
    uncertainty_ns: int


@dataclass(frozen=True, kw_only=True)
class Ping:
    """One question and its answer."""

    sent_ns: int
    there_ns: int
    """By the other clock, when it answered."""
    received_ns: int

    @property
    def round_trip_ns(self) -> int:
        return self.received_ns - self.sent_ns


def read_ahead(pings: Iterable[Ping]) -> ClockOffset:
    """What the shortest of the round trips says. Its doubt is half of it, rounded up."""
    best = min(pings, key=lambda ping: ping.round_trip_ns)
    middle_ns = (best.sent_ns + best.received_ns) // 2
    return ClockOffset(offset_ns=best.there_ns - middle_ns, uncertainty_ns=-(-best.round_trip_ns // 2) + 1)


def doubt_between(used: ClockOffset, after: ClockOffset) -> int:
    """How wrong `used` can have been at any instant until `after` was read, where the clocks drift evenly."""
    return max(used.uncertainty_ns, abs(after.offset_ns - used.offset_ns) + after.uncertainty_ns)


def in_our_time(samples: pa.Table, ahead_ns: int) -> pa.Table:
    """Samples whose instants were read on a clock that is ahead of ours by so much, told in ours."""
    for name in INSTANTS:
        place = SAMPLES.get_field_index(name)
        samples = samples.set_column(place, SAMPLES.field(place), pc.subtract(samples[name], pa.scalar(ahead_ns)))
    return samples
