"""cold-start: the cache is empty and everybody comes at once."""

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="cold-start",
    question="How long does an empty cache hurt, and does warming spare it?",
    application="after a deployment with new key names, a flushed or restarted Redis, a new region",
    expectation=(
        "without warming nearly every first read of a record loads, and for a popular one all that arrive while it is "
        "loaded; the hit rate climbs as the popular records come in. Warmed, it begins where it will stay, and the "
        "loads were made before anybody waited for them"
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
