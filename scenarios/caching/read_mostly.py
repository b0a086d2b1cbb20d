"""read-mostly: an ordinary service, with a TTL of minutes; and variants: other TTLs, no simulated RTT, slow loads."""

from dataclasses import replace

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="read-mostly",
    question="What does an ordinary read-mostly workload cost the users and the database?",
    application="profile pages, product pages: many records, a few of them popular, rarely written",
    expectation=(
        "a cache answers most reads: a record with lambda reads per second and a TTL of T has a hit rate of about "
        "lambda T / (1 + lambda T); a hit takes one round trip, a miss also takes a query. If a write deletes the "
        "entry, the next read of the record misses"
    ),
    window_s=2.0,
    plays_trace=True,
)


def with_ttl(ttl_s: float) -> Scenario:
    """A point of the curve of the hit rate against the TTL. Only the TTL differs from read-mostly."""
    return replace(
        SCENARIO,
        name=f"read-mostly-ttl-{ttl_s:g}s",
        question=f"And with a TTL of {ttl_s:g} s?",
        expectation="a shorter TTL gives a lower hit rate, by the same formula",
        overrides={"ttl_s": ttl_s},
        variant_of="read-mostly",
        report_separately=True,
        contenders=("cache-aside",),
    )


SCENARIOS = (
    replace(
        SCENARIO,
        name="read-mostly-at-0ms",
        question="And on one machine, where a round trip costs almost nothing?",
        application="an application server, its cache and its database on one host",
        expectation=(
            "the same queries and hits as over a network; all response times shrink by their round trips, so the round "
            "trips that a pattern saves or adds matter less"
        ),
        overrides={"rtt_ms": 0.0},
        variant_of="read-mostly",
    ),
    replace(
        SCENARIO,
        name="slow-load",
        question="And if a query takes hundreds of milliseconds?",
        application="reports, recommendations, searches: records that are expensive to compute",
        expectation="without a cache every read takes as long as a query; a hit takes one round trip",
        overrides={"rate_per_s": 60.0, "active_records": 20, "load_cpu_ms": 2.0, "load_wait_ms": 248.0, "ttl_s": 2.0},
        window_s=None,
        window_ttls=1,
        plays_trace=False,
        variant_of="read-mostly",
        contenders=("no-cache", "cache-aside"),
    ),
    *(with_ttl(ttl_s) for ttl_s in (10.0, 60.0)),
)
"""Each differs from read-mostly in one condition: the simulated RTT; the cost of a load (at a lower rate and with a TTL
of eight loads); the TTL."""
