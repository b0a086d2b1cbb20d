"""redis-hung-minute: Redis stops answering for longer than a client with redis-py's defaults waits."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="redis-hung-minute",
    question="What do users see when Redis hangs for longer than its clients wait?",
    application="a host that swaps, a disk that blocks the append-only file, a network that fails",
    expectation=(
        "eleven tries of 5 s each: a request that has a thread fails after about a minute, and the others wait for a "
        "thread. With many threads no request fails even then: their connection attempts fill the queue of a server "
        "that accepts none, and the system repeats them. With a time limit and a fallback nothing changes after the "
        "first second"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=13,
    fault=Fault(what="hang redis", begins_share=0.04, lasts_share=0.82),
    report_separately=True,
    contenders=("cache-aside", "cache-aside-fallback"),
)
