"""database-locked: a lock on the table blocks every load for a while."""

from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

DATABASE_CONTENDERS = ("no-cache", "cache-aside", "coalescing", "refresh-ahead", "cache-aside-fallback")

SCENARIO = Scenario(
    name="database-locked",
    question="How long can the cache serve users while the database does not answer?",
    application="a migration that holds its lock too long, a failover, a full disk",
    expectation=(
        "hits are answered until every thread waits for a query; from then on hits wait too. With one query per key, "
        "fewer threads wait for the lock, but the waiting readers occupy threads too. No request fails, since no "
        "client has a time limit"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=1,
    fault=Fault(what="lock database", begins_share=0.25, lasts_share=0.5),
    report_separately=True,
    contenders=DATABASE_CONTENDERS,
)
