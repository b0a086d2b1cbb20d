"""redis-killed: Redis is killed under load, and comes back empty."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="redis-killed",
    question="What do users see when Redis crashes, and how long until service is normal again?",
    application="the cache's host fails, its process is killed because memory ran out, a failover without a replica",
    expectation=(
        "a client with redis-py's defaults retries ten times, for about 4 s, before it gives up: its threads wait for "
        "the dead server, then fail. With a fallback every read becomes a query, and the return is a cold start"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=2,
    fault=Fault(what="kill redis", begins_share=0.125, lasts_share=0.5),
    report_separately=True,
    contenders=("cache-aside", "cache-aside-fallback"),
)
