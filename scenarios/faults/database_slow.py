"""database-slow: an index is dropped, so that every load reads the whole table, and is created again later."""

from stampede.scenarios.faults.database_locked import DATABASE_CONTENDERS
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="database-slow",
    question="What do users see when every load takes several times as long?",
    application="a lost index, a changed query plan, another program on the same disk",
    expectation=(
        "without a cache the database is soon saturated and every request waits; with one only misses wait, as long as "
        "the database can carry them"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=1,
    fault=Fault(what="slow database", begins_share=0.25, lasts_share=0.5),
    report_separately=True,
    contenders=DATABASE_CONTENDERS,
)
