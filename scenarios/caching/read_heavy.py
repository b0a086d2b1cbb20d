"""read-heavy: what an ordinary day costs with each pattern; and the same nearer to the servers, or with slow loads."""

from dataclasses import replace

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="read-heavy",
    question="What does an ordinary read-mostly day cost the users and the database?",
    application="profile pages, product pages: many records, a few of them popular, rarely written",
    expectation=(
        "a cache takes the popular records off the database: with a TTL of T and lambda reads a second, a record is "
        "loaded lambda/(1 + lambda T) times a second; what is cached answers in a round trip, what is not pays a load"
    ),
)

SCENARIOS = (
    replace(
        SCENARIO,
        name="read-heavy-at-0ms",
        question="And on one machine, where a round trip costs next to nothing?",
        application="an application server, its cache and its database on one host",
        expectation=(
            "loads and hits as at a distance; all response times shrink by their round trips, so what a pattern saves "
            "or adds in round trips counts for less"
        ),
        overrides={"rtt_ms": 0.0},
        variant_of="read-heavy",
    ),
    replace(
        SCENARIO,
        name="slow-load",
        question="And where a load takes hundreds of milliseconds?",
        application="reports, recommendations, searches: records that are dear to make",
        expectation="without a cache every read takes a load's time; a hit takes a round trip, whatever the load costs",
        overrides={"rate_per_s": 60.0, "active_records": 20, "load_cpu_ms": 2.0, "load_wait_ms": 248.0, "ttl_s": 2.0},
        window_ttls=1,
        variant_of="read-heavy",
        contenders=("no-cache", "cache-aside"),
    ),
)
"""One condition each differs from read-heavy: the distance; what a load costs (at a rate that threads can carry)."""
