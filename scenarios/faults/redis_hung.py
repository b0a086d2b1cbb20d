"""redis-hung: Redis stops answering but keeps its connections and its data, and later continues."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.scenario import Scenario

OUTAGE_WORKLOAD = {
    "rate_per_s": 150.0,
    "read_share": 0.95,
    "active_records": 1000,
    "ttl_s": 6.0,
    "load_cpu_ms": 1.0,
    "load_wait_ms": 4.0,
}
"""A rate that the database can carry without a cache, so that the cells show the outage and no overload."""

SCENARIO = Scenario(
    name="redis-hung",
    question="What do users see when Redis hangs, and how long until service is normal again?",
    application="a fork or a slow command that blocks Redis, a migrating virtual machine, a network that drops packets",
    expectation=(
        "a client with redis-py's defaults waits 5 s for an answer and tries ten more times: every thread soon waits, "
        "requests queue, and no request fails before about a minute has passed. With a time limit and a fallback, one "
        "read per cool-down waits 50 ms and all others query the database"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=1,
    fault=Fault(what="hang redis", begins_share=0.25, lasts_share=0.5),
    report_separately=True,
    contenders=("cache-aside", "cache-aside-fallback"),
)
