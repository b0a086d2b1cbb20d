"""database-locked: a lock on the table blocks every load under load, and is let go again."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

DATABASE_CONTENDERS = ("no-cache", "cache-aside", "coalescing", "refresh-ahead", "cache-aside-fallback")

SCENARIO = Scenario(
    name="database-locked",
    question="How long does the cache carry users when the database answers nothing?",
    application="a migration that took its lock and does not end, a failover, a full disk",
    expectation=(
        "hits are answered until each thread waits for a load; from then on a hit waits too. What loads once a key "
        "holds fewer threads at the lock, but its waiters hold theirs; nobody raises, since no client has a time limit"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=1,
    fault=Fault(what="lock database", begins_share=0.25, lasts_share=0.5),
    report_separately=True,
    contenders=DATABASE_CONTENDERS,
)
