"""The most hits that any eviction policy could have had on a sequence of keys: Belady's MIN.

Source: L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5 (1966).
Here with bypassing: what is asked for later than all that is held need not be kept at all. That is at least as good as
MIN proper, so it bounds policies that refuse a write (noeviction) as well as those that make room.
"""

import heapq
from collections.abc import Hashable, Sequence

NEVER = 1 << 62


def optimum_hits(keys: Sequence[Hashable], capacity: int) -> int:
    """Hits of the best policy that starts empty and never holds more than `capacity` entries of equal size.

    A policy whose room varies is bounded by this with the most entries that it ever held: holding less for a while is
    something that a policy with that much room may do too.
    """
    following = next_uses(keys)
    held: dict[Hashable, int] = {}
    latest: list[tuple[int, int, Hashable]] = []  # (−next use, tie-break, key); stale entries are dropped when met
    hits = 0
    for position, key in enumerate(keys):
        upcoming = following[position]
        if key in held:
            hits += 1
        elif upcoming == NEVER or capacity == 0:
            continue
        elif len(held) == capacity:
            while held.get(latest[0][2]) != -latest[0][0]:
                heapq.heappop(latest)
            if -latest[0][0] <= upcoming:
                continue
            del held[heapq.heappop(latest)[2]]
        held[key] = upcoming
        heapq.heappush(latest, (-upcoming, position, key))
    return hits


def next_uses(keys: Sequence[Hashable]) -> list[int]:
    """For each position, where its key is asked for next; NEVER where it is not."""
    following = [NEVER] * len(keys)
    seen: dict[Hashable, int] = {}
    for position in range(len(keys) - 1, -1, -1):
        following[position] = seen.get(keys[position], NEVER)
        seen[keys[position]] = position
    return following
