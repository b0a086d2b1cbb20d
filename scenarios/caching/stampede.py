"""stampede: one popular entry expires, again and again; and the same on one machine, and in one process."""

from dataclasses import replace

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="stampede",
    question="What happens when a popular entry expires?",
    application="the front page, the top seller, the feature flags: one key that every request reads",
    expectation=(
        "without protection about 1 + rate x load time loads an expiry, while the database has cores to spare; with "
        "single flight about one, and the others wait"
    ),
    overrides={
        "rate_per_s": 200.0,
        "arrivals": "poisson",
        "read_share": 1.0,
        "active_records": 1,
        "ttl_s": 0.5,
        "load_cpu_ms": 2.0,
        "load_wait_ms": 38.0,
    },
    window_ttls=4,
)

SCENARIOS = (
    replace(
        SCENARIO,
        name="stampede-at-0ms",
        question="And on one machine, where a round trip costs next to nothing?",
        application="an application server, its cache and its database on one host",
        expectation=(
            "as many loads: what crowds an expiry is the load's time, of which the distance is a small part; polls and "
            "locks answer sooner"
        ),
        overrides={**SCENARIO.overrides, "rtt_ms": 0.0},
        variant_of="stampede",
    ),
    replace(
        SCENARIO,
        name="stampede-one-process",
        question="And where one application server takes every request?",
        application="a small service: one process, all its threads on one core",
        expectation=(
            "as many loads where nothing protects, since the rate is the same; what works inside a process now sees "
            "every rival. All clients share one core and half of the threads, so they wait longer"
        ),
        processes=1,
        variant_of="stampede",
    ),
)
"""Only the distance differs; or the number of processes that serve."""
