"""redis-hung-minute: Redis stops answering for longer than a client with redis-py's defaults has patience."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="redis-hung-minute",
    question="What do users see when Redis hangs for longer than its clients wait?",
    application="a host that swaps, a disk that answers nothing while an append-only file is written, a dead network",
    expectation=(
        "eleven tries of 5 s each: whoever found a thread fails after about a minute, the others wait for one all the "
        "while. With many threads nobody fails even then: their attempts to connect fill the queue of a server that "
        "accepts none, and are tried again by themselves. With a time limit and a fallback it is as in the first second"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=13,
    fault=Fault(what="hang redis", begins_share=0.04, lasts_share=0.82),
    report_separately=True,
    contenders=("cache-aside", "cache-aside-fallback"),
)
