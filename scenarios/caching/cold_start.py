"""cold-start: the cache is empty, and all readers come at once."""

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="cold-start",
    question="How long do users notice an empty cache, and does warm-up prevent it?",
    application="after a deployment with new key names, a flushed or restarted Redis, a new region",
    expectation=(
        "without warm-up, nearly every first read of a record queries the database, and so do all reads of a "
        "popular record during its first query; the hit rate rises as the popular records enter the cache. With "
        "warm-up, the hit rate is at its final level from the start, and the queries happen before the first read"
    ),
    overrides={
        "rate_per_s": 300.0,
        "read_share": 1.0,
        "active_records": 500,
        "ttl_s": 4.0,
        "load_cpu_ms": 1.0,
        "load_wait_ms": 9.0,
    },
    window_ttls=1,
    warm_up_s=0.0,
    cold=True,
    report_separately=True,
    contenders=("cache-aside", "cache-aside-warmed"),
)
