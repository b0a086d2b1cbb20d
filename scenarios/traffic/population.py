"""The records that a scenario requests, by position: the place of a record in the order of popularity."""

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from stampede.core.models.closed_forms import Floats
from stampede.core.text.record_id_text import id_text, record_in_key
from stampede.patterns.caching.cache_pattern import RecordId
from stampede.scenarios.traffic.key_distributions import Ids, Shares

CHECKED = 100_000
"""The number of positions whose ids are in a checksum."""


@dataclass(frozen=True, kw_only=True)
class QueryKeys:
    """The positions of one query's records, and the requests that concern them."""

    entity: str
    """The type in the names of their keys."""
    first: int
    """The position of its most popular record."""
    count: int
    """How many records it has: consecutive positions."""
    read_share: float
    """Reads among its requests, 0 to 1."""
    ttl_s: float
    """Lifetime of its entries, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """The records of all queries of a scenario. Positions begin at 0: the first query's records, most popular first,
    then those of the next query."""

    ids: Sequence[Any] | Ids
    """The records' ids, by position."""
    shares: Shares
    """The share of all requests that concerns each position. Their sum is 1."""
    queries: tuple[QueryKeys, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def record_id(self, position: int) -> RecordId:
        """The id of the record at a position."""
        found: Any = self.ids[position]
        return found.item() if isinstance(found, np.integer) else found

    def query_at(self, position: int) -> int:
        """The number of the query, from 0, whose record is at a position."""
        return bisect_right(self._firsts, position) - 1 if len(self.queries) > 1 else 0

    def split(self, positions: Sequence[int]) -> list[list[RecordId]]:
        """The ids at these positions, by query."""
        found: list[list[RecordId]] = [[] for _ in self.queries]
        for position in positions:
            found[self.query_at(position)].append(self.record_id(position))
        return found

    @cached_property
    def _firsts(self) -> tuple[int, ...]:
        return tuple(query.first for query in self.queries)

    @cached_property
    def ranks(self) -> Ids:
        """The place of each position in the order of its share of all requests, from 0."""
        if len(self.queries) == 1:
            return np.arange(len(self))
        ranks = np.empty(len(self), dtype=np.int64)
        ranks[np.argsort(-self.shares, kind="stable")] = np.arange(len(self))
        return ranks

    @cached_property
    def checksum(self) -> int:
        """A checksum (CRC-32) of the ids of the first positions, in their order, and of the number of all positions."""
        found = zlib.crc32(str(len(self)).encode())
        for position in range(min(len(self), CHECKED)):
            found = zlib.crc32(id_text(self.record_id(position)).encode(), found)
        return found

    @cached_property
    def read_shares(self) -> Floats:
        """Reads among the requests of each position, 0 to 1."""
        return self._spread([query.read_share for query in self.queries])

    @cached_property
    def ttls_s(self) -> Floats:
        """The lifetime of each position's entry, in seconds."""
        return self._spread([query.ttl_s for query in self.queries])

    def _spread(self, values: Sequence[float]) -> Floats:
        """A value of each query, for each of its positions."""
        return np.repeat(np.asarray(values, dtype=np.float64), [query.count for query in self.queries])

    def positions_in(self, keys: Sequence[bytes], most: int) -> npt.NDArray[np.int64]:
        """The position of the record that each key's name contains; −1 if there is none among the `most` popular."""
        found = np.full(len(keys), -1, dtype=np.int64)
        for query in self.queries:
            pattern = record_in_key(query.entity, self.record_id(query.first))
            place = {
                id_text(self.record_id(at)).encode(): at
                for at in range(query.first, query.first + query.count)
                if self.ranks[at] < most
            }
            for number, key in enumerate(keys):
                named = pattern.search(key)
                if named is not None:
                    found[number] = max(found[number], place.get(named[1], -1))
        return found
