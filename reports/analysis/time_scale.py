"""The order of times in a scenario: load time, refresh window, TTL. Pure functions.

A scenario with a short TTL compresses time: it replaces the minutes of a real service by seconds. A pattern behaves as
it would under the long TTL only if each of these times stays much shorter than the next: a refresh must be able to end
inside its window, and an entry must live much longer than it takes to load it.
"""

import itertools
import math

from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

COMPRESSED_BELOW_S = 60.0
"""A TTL below one minute is compressed time. Real services seldom use such TTLs."""
LEAST_FACTOR = 5.0
"""Each time must be at least this many times the one before it."""
SCALE_NOT_PRESERVED = "scale not preserved"
"""The label of a contender whose times are too close to each other."""


def scale_preserved(contender: ContenderInfo, scenario: ScenarioInfo) -> str:
    """Why a contender's results do not transfer to a longer TTL; empty if they do.

    Only caching scenarios with a TTL below one minute are checked. A load takes what the calibration measured, plus
    the round trip's simulated RTT; without a calibration, what the workload asks for. Contenders without entries
    (no cache, baselines) have no TTL and pass.
    """
    ttl_s = float(scenario.workload.get("ttl_s") or math.inf)
    stores_entries = contender.family == "caching" and contender.kind != "baseline" and contender.moving_parts != []
    if scenario.kind != "caching" or ttl_s >= COMPRESSED_BELOW_S or not stores_entries:
        return ""
    times_ms = {"a query": load_time_ms(scenario)}
    window_ms = refresh_window_ms(contender, scenario)
    if window_ms is not None:
        times_ms["the refresh window"] = window_ms
    times_ms["the TTL"] = 1e3 * ttl_s
    for (shorter, short_ms), (longer, long_ms) in itertools.pairwise(times_ms.items()):
        if long_ms < LEAST_FACTOR * short_ms:
            return (
                f"{SCALE_NOT_PRESERVED}: {longer} ({long_ms:,.1f} ms) is {long_ms / short_ms:.2g} times {shorter} "
                f"({short_ms:,.1f} ms); it must be at least {LEAST_FACTOR:g} times"
            )
    return ""


def load_time_ms(scenario: ScenarioInfo) -> float:
    """How long one load takes as the contender waits for it, in milliseconds; without its cost, the simulated RTT."""
    asked = (scenario.workload.get(name) for name in ("load_cpu_ms", "load_wait_ms"))
    alone_ms = scenario.measured.get("load_ms", sum(float(ms) for ms in asked if ms is not None))
    return float(alone_ms) + float(scenario.workload.get("rtt_ms") or 0.0)


def refresh_window_ms(contender: ContenderInfo, scenario: ScenarioInfo) -> float | None:
    """The last part of the TTL in which a hit starts a refresh, in milliseconds; None: it starts none."""
    share = contender.config.get("refresh_below_share")
    return 1e3 * float(scenario.workload["ttl_s"]) * share if isinstance(share, int | float) else None
