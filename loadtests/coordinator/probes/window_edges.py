"""Where the windows of a rate limit begin, by our clock: a flood that aims at an edge must begin at one."""

import redis

from stampede.loadtests.instrumentation.clock import now_ns


def window_edge_ns(client: redis.Redis, window_s: float) -> int:
    """An instant of our monotonic clock at which a window of the server's clock began, to about a round trip's half.

    Floods begin at such an edge, so that callers who aim at it hit it.
    """
    asked_ns = now_ns()
    seconds, microseconds = client.time()
    at_ns = (asked_ns + now_ns()) // 2
    return at_ns - (seconds * 1_000_000 + microseconds) % round(window_s * 1e6) * 1000


def next_edge_ns(instant_ns: int, edge_ns: int, window_s: float) -> int:
    """The first edge at or after the instant."""
    window_ns = round(window_s * 1e6) * 1000
    return edge_ns + -(-(instant_ns - edge_ns) // window_ns) * window_ns
