"""Sequences of keys on which eviction policies differ. Each is drawn in advance from a seed, as record ids from 0.

Their sizes are multiples of the entries that the cache has room for (`room`), so that they mean the same at any scale.
"""

from collections.abc import Callable, Mapping

import numpy as np

from stampede.core.models.closed_forms import zipf_shares
from stampede.scenarios.traffic.key_distributions import by_popularity, draw_keys

SKEW = 0.99
"""Of the Zipf law: the usual benchmark's."""
POPULAR = 8
"""Keys with a popularity, in times the room."""
SCAN_EVERY = 3
"""Requests between two scans, in times the room."""
LOOP = 1.5
"""Length of the loop, in times the room: the least that an exact LRU cannot hold is 1."""
ELSEWHERE = 10_000_000
"""Ids from here on are not among the popular ones."""

Draw = Callable[[int, int, np.random.Generator], list[int]]
"""(requests, room, rng)."""


def zipf(requests: int, room: int, rng: np.random.Generator) -> list[int]:
    """Popular keys are asked for again and again, independently: an ordinary day."""
    ids = by_popularity(np.arange(POPULAR * room, dtype=np.int64), int(rng.integers(2**31)))
    return [int(key) for key in draw_keys(ids, zipf_shares(len(ids), SKEW), requests, rng)]


def zipf_with_scans(requests: int, room: int, rng: np.random.Generator) -> list[int]:
    """As `zipf`, and now and then somebody reads a whole table once, as many records as there is room for."""
    ordinary = zipf(requests, room, rng)
    found: list[int] = []
    every = SCAN_EVERY * room
    for begin in range(0, requests, every):
        if begin:
            found += range(ELSEWHERE, ELSEWHERE + room)
        found += ordinary[begin : begin + every]
    return found[:requests]


def loop(requests: int, room: int, rng: np.random.Generator) -> list[int]:  # noqa: ARG001 - nothing is drawn
    """The same keys in the same order, round and round, somewhat more of them than there is room for."""
    length = round(LOOP * room)
    return [position % length for position in range(requests)]


def one_hit_wonders(requests: int, room: int, rng: np.random.Generator) -> list[int]:
    """Half of the requests are for keys that nobody ever asks for again; the others as `zipf`."""
    ordinary = zipf(requests, room, rng)
    once = rng.random(requests) < 0.5
    return [ELSEWHERE + i if once[i] else key for i, key in enumerate(ordinary)]


SEQUENCES: Mapping[str, Draw] = {
    "zipf": zipf,
    "zipf plus scans": zipf_with_scans,
    "loop": loop,
    "one-hit wonders": one_hit_wonders,
}
