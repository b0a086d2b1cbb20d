"""The requests of a trace as the processes of a run receive them: compact text, decoded once in each process."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from zlib import compress, decompress

import numpy as np
import numpy.typing as npt

from stampede.core.models.closed_forms import Floats
from stampede.scenarios.traffic.key_distributions import Ids, Shares

Flags = npt.NDArray[np.bool_]
FULL = 65_535
"""The number that stands for an entry whose whole TTL is left. 0 stands for no entry."""


def encoded(values: npt.NDArray[np.generic]) -> str:
    """The values of a column as text."""
    return b64encode(compress(values.tobytes(), 1)).decode()


def decoded(text: str, kind: type[np.generic]) -> npt.NDArray[np.generic]:
    """The values of `encoded`."""
    return np.frombuffer(decompress(b64decode(text)), dtype=kind)


def law_name(on_write: str, refresh_below_share: float) -> str:
    """The name of what a contender does with its entries: its effect of a write, and when a read refreshes."""
    return f"{on_write} {refresh_below_share:g}"


@dataclass(frozen=True, kw_only=True)
class TracePart:
    """The requests of one round. Every contender of the round receives the same ones."""

    due: str
    """When each request is due, in ns from the beginning of the cell, ascending: encoded int64."""
    positions: str
    """Which record each request concerns: encoded uint32."""
    writes: str
    """Which requests write: encoded bool."""
    left: Mapping[str, str]
    """For each contender's law: the share of its TTL that each position's entry has left: encoded uint16."""

    @cached_property
    def due_ns(self) -> Ids:
        """When each request is due."""
        return decoded(self.due, np.int64)  # type: ignore[return-value]

    @cached_property
    def keys(self) -> Ids:
        """The position that each request concerns."""
        return decoded(self.positions, np.uint32).astype(np.int64)

    @cached_property
    def is_write(self) -> Flags:
        """Which requests write; the others read."""
        return decoded(self.writes, np.bool_)  # type: ignore[return-value]

    def left_shares(self, law: str) -> Floats:
        """The share of its TTL that each position's entry has left when the part begins; 0: it has no entry."""
        return decoded(self.left[law], np.uint16).astype(np.float64) / FULL


@dataclass(frozen=True, kw_only=True)
class TraceTraffic:
    """The requests of a scenario that plays a trace."""

    parts: tuple[TracePart, ...]
    """Consecutive parts of the trace, each as long as a cell. Round n plays part n, and begins again after the last."""
    counts: str
    """The requests of each position in all parts, most popular first: encoded uint32."""

    @cached_property
    def requests_of(self) -> Ids:
        """How many requests of all parts concern each position, descending."""
        return decoded(self.counts, np.uint32).astype(np.int64)

    @property
    def shares(self) -> Shares:
        """The share of all requests that concerns each position."""
        return np.asarray(self.requests_of / self.requests_of.sum(), dtype=np.float64)

    def part(self, round_number: int) -> TracePart:
        """The part that a round plays. Rounds count from 1."""
        return self.parts[(round_number - 1) % len(self.parts)]
