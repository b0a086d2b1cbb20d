"""Sequences of keys on which eviction policies differ, drawn in advance from a seed.

Keys are record ids from 0. Sizes are multiples of the entries that fit into the cache (`room`), so that a sequence has
the same properties at any scale.
"""

from collections.abc import Callable, Mapping

import numpy as np

from stampede.core.models.closed_forms import zipf_shares
from stampede.scenarios.traffic.key_distributions import by_popularity, draw_keys

SKEW = 0.99
"""The exponent of the Zipf distribution, as in common cache benchmarks."""
POPULAR = 8
"""Number of popular keys, in multiples of `room`."""
SCAN_EVERY = 3
"""Requests between two scans, in multiples of `room`."""
LOOP = 1.5
"""Length of the loop, in multiples of `room`. From 1 on, an exact LRU has no hits."""
UNPOPULAR_FROM = 10_000_000
"""Ids from here on are not popular keys."""

Draw = Callable[[int, int, np.random.Generator], list[int]]
"""(requests, room, rng)."""


def zipf(requests: int, room: int, rng: np.random.Generator) -> list[int]:
    """Independent requests for popular keys: ordinary traffic."""
    ids = by_popularity(np.arange(POPULAR * room, dtype=np.int64), int(rng.integers(2**31)))
    return [int(key) for key in draw_keys(ids, zipf_shares(len(ids), SKEW), requests, rng)]


def zipf_with_scans(requests: int, room: int, rng: np.random.Generator) -> list[int]:
    """As `zipf`, with regular scans that read `room` other records once each."""
    ordinary = zipf(requests, room, rng)
    found: list[int] = []
    every = SCAN_EVERY * room
    for begin in range(0, requests, every):
        if begin:
            found += range(UNPOPULAR_FROM, UNPOPULAR_FROM + room)
        found += ordinary[begin : begin + every]
    return found[:requests]


def loop(requests: int, room: int, rng: np.random.Generator) -> list[int]:  # noqa: ARG001 - nothing is drawn
    """The same keys in the same order again and again, somewhat more keys than fit into the cache."""
    length = round(LOOP * room)
    return [position % length for position in range(requests)]


def one_hit_wonders(requests: int, room: int, rng: np.random.Generator) -> list[int]:
    """Half of the requests are for keys that occur only once; the others are as in `zipf`."""
    ordinary = zipf(requests, room, rng)
    once = rng.random(requests) < 0.5
    return [UNPOPULAR_FROM + i if once[i] else key for i, key in enumerate(ordinary)]


SEQUENCES: Mapping[str, Draw] = {
    "zipf": zipf,
    "zipf plus scans": zipf_with_scans,
    "loop": loop,
    "one-hit wonders": one_hit_wonders,
}
