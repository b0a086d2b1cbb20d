"""read-heavy: an ordinary read-mostly workload; and two variants, without a simulated RTT and with slow loads."""

from dataclasses import replace

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="read-heavy",
    question="What does an ordinary read-mostly workload cost the users and the database?",
    application="profile pages, product pages: many records, a few of them popular, rarely written",
    expectation=(
        "a cache answers most reads of popular records: with a TTL of T and lambda reads per second, a record is "
        "loaded lambda/(1 + lambda T) times per second; a hit takes one round trip, a miss also takes a load"
    ),
)

SCENARIOS = (
    replace(
        SCENARIO,
        name="read-heavy-at-0ms",
        question="And on one machine, where a round trip costs almost nothing?",
        application="an application server, its cache and its database on one host",
        expectation=(
            "the same loads and hits as over a network; all response times shrink by their round trips, so the round "
            "trips that a pattern saves or adds matter less"
        ),
        overrides={"rtt_ms": 0.0},
        variant_of="read-heavy",
    ),
    replace(
        SCENARIO,
        name="slow-load",
        question="And if a load takes hundreds of milliseconds?",
        application="reports, recommendations, searches: records that are expensive to compute",
        expectation="without a cache every read takes as long as a load; a hit takes one round trip",
        overrides={"rate_per_s": 60.0, "active_records": 20, "load_cpu_ms": 2.0, "load_wait_ms": 248.0, "ttl_s": 2.0},
        window_ttls=1,
        variant_of="read-heavy",
        contenders=("no-cache", "cache-aside"),
    ),
)
"""Each differs from read-heavy in one condition: the simulated RTT; the cost of a load (at a lower rate)."""
