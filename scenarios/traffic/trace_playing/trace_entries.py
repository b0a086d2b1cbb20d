"""The entries from which a cell that plays a trace begins, with the interface of ResidentEntries."""

from dataclasses import dataclass

import numpy as np

from stampede.core.models.closed_forms import Floats
from stampede.patterns.caching.cache_pattern import CachePattern, Config
from stampede.scenarios.traffic.population import Population
from stampede.scenarios.traffic.resident_entries import Mask
from stampede.scenarios.traffic.trace_playing.trace_traffic import TraceTraffic, law_name


@dataclass(frozen=True, kw_only=True)
class TraceEntries:
    """The entries that a contender would have when a part of a trace begins, by the requests before that part."""

    population: Population
    traffic: TraceTraffic
    law: str
    round_number: int

    def present(self, _cell_seed: int) -> Mask:
        """Which of the records have an entry when the cell begins."""
        return np.asarray(self.left_shares(_cell_seed) > 0)

    def candidates(self) -> Mask:
        """The records that have an entry when some cell of this run begins."""
        parts = np.array([part.left_shares(self.law) for part in self.traffic.parts])
        return np.asarray((parts > 0).any(axis=0))

    def left_shares(self, _cell_seed: int) -> Floats:
        """The share of its TTL that each record's entry has left when the cell begins."""
        return self.traffic.part(self.round_number).left_shares(self.law)


def law_of(pattern: type[CachePattern], config: Config) -> tuple[str, float]:
    """What a contender with this configuration does with its entries: see `law_name`."""
    return pattern.on_write, float(getattr(config, "refresh_below_share", 0.0))


def trace_entries(
    pattern: type[CachePattern], config: Config, traffic: TraceTraffic, population: Population, round_number: int
) -> TraceEntries:
    """The entries of a contender with this configuration in that round."""
    law = law_name(*law_of(pattern, config))
    return TraceEntries(population=population, traffic=traffic, law=law, round_number=round_number)
