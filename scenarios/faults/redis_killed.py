"""redis-killed: Redis dies under load, and comes back empty."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="redis-killed",
    question="What do users see when Redis dies, and when is it as before?",
    application="the cache's host is gone, its process was killed for its memory, a failover without a replica",
    expectation=(
        "a client with redis-py's defaults retries ten times, some 4 s, before it gives up: its threads pile up on "
        "the dead server, then fail; with a fallback every read becomes a load, and the return is a cold start"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=2,
    fault=Fault(what="kill redis", begins_share=0.125, lasts_share=0.5),
    report_separately=True,
    contenders=("cache-aside", "cache-aside-fallback"),
)
