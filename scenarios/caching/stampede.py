"""stampede: one popular entry expires again and again; and two variants, without a simulated RTT and in one process."""

from dataclasses import replace

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="stampede",
    question="What happens when a popular entry expires?",
    application="the front page, the top seller, the feature flags: one key that every request reads",
    expectation=(
        "without protection about 1 + rate × query time queries per expiry, as long as the database has free cores; "
        "with single flight about one query, and the other readers wait"
    ),
    overrides={
        "rate_per_s": 300.0,
        "arrivals": "poisson",
        "read_share": 1.0,
        "active_records": 1,
        "ttl_s": 1.5,
        "load_cpu_ms": 1.0,
        "load_wait_ms": 17.0,
    },
    window_ttls=2,
)

SCENARIOS = (
    replace(
        SCENARIO,
        name="stampede-at-0ms",
        question="And on one machine, where a round trip costs almost nothing?",
        application="an application server, its cache and its database on one host",
        expectation=(
            "as many queries: their number depends on the query time, of which the RTT is a small part; polls and "
            "locks take less time"
        ),
        overrides={**SCENARIO.overrides, "rtt_ms": 0.0},
        variant_of="stampede",
    ),
    replace(
        SCENARIO,
        name="stampede-one-process",
        question="And if one application server receives every request?",
        application="a small service: one process with all its threads on one core",
        expectation=(
            "as many queries without protection, since the rate is the same; a protection inside one process now "
            "covers every reader. All clients share one core and half of the threads, so they wait longer"
        ),
        processes=1,
        variant_of="stampede",
    ),
)
"""Each differs from stampede in one condition: the simulated RTT; the number of processes that receive requests."""
