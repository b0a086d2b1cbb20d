"""Belady's MIN: the most hits that any eviction policy can have on a sequence of keys.

Source: L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5 (1966).
This version may bypass the cache: a key whose next use is later than that of every held key need not be stored. It is
at least as good as MIN, so it also bounds policies that refuse a write (noeviction).
"""

import heapq
from collections.abc import Hashable, Sequence

NEVER = 1 << 62


def optimum_hits(keys: Sequence[Hashable], capacity: int) -> int:
    """Hits of the best policy that starts empty and never holds more than `capacity` entries of equal size.

    For a policy whose number of entries varies, use the largest number that it held: a policy with that capacity may
    also hold fewer entries for a while.
    """
    following = next_uses(keys)
    stored: dict[Hashable, int] = {}
    latest: list[tuple[int, int, Hashable]] = []  # (−next use, tie-break, key); stale entries are dropped when met
    hits = 0
    for position, key in enumerate(keys):
        upcoming = following[position]
        if key in stored:
            hits += 1
        elif upcoming == NEVER or capacity == 0:
            continue
        elif len(stored) == capacity:
            while stored.get(latest[0][2]) != -latest[0][0]:
                heapq.heappop(latest)
            if -latest[0][0] <= upcoming:
                continue
            del stored[heapq.heappop(latest)[2]]
        stored[key] = upcoming
        heapq.heappush(latest, (-upcoming, position, key))
    return hits


def next_uses(keys: Sequence[Hashable]) -> list[int]:
    """For each position, the next position with the same key; NEVER if there is none."""
    following = [NEVER] * len(keys)
    next_use: dict[Hashable, int] = {}
    for position in range(len(keys) - 1, -1, -1):
        following[position] = next_use.get(keys[position], NEVER)
        next_use[keys[position]] = position
    return following
