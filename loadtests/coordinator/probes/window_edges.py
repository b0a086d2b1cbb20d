"""The edges of a rate limit's windows by this machine's clock: a flood that aims at an edge must begin at one."""

import redis

from stampede.loadtests.instrumentation.clock import now_ns


def window_edge_ns(client: redis.Redis, window_s: float) -> int:
    """An instant, by the monotonic clock, at which a window of the server's clock began; accurate to half a round trip.

    Floods begin at such an edge, so that callers that aim at it hit it.
    """
    asked_ns = now_ns()
    seconds, microseconds = client.time()
    at_ns = (asked_ns + now_ns()) // 2
    return at_ns - (seconds * 1_000_000 + microseconds) % round(window_s * 1e6) * 1000


def next_edge_ns(instant_ns: int, edge_ns: int, window_s: float) -> int:
    """The first edge at or after the instant."""
    window_ns = round(window_s * 1e6) * 1000
    return edge_ns + -(-(instant_ns - edge_ns) // window_ns) * window_ns
