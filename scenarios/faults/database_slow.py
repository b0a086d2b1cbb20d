"""database-slow: an index is dropped, so that every query reads the whole table, and is created again later."""

from stampede.scenarios.faults.database_locked import DATABASE_CONTENDERS
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.faults.redis_hung import OUTAGE_WORKLOAD
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="database-slow",
    question="What do users see when every query reads the whole table?",
    application="a lost index, a changed query plan, another program on the same disk",
    expectation=(
        "a query then takes longer by the time of reading all rows: a few ms for 20,000 of 500 bytes. Without a cache "
        "every read waits so long, and all wait more if the database saturates; with one only misses wait"
    ),
    overrides=OUTAGE_WORKLOAD,
    window_ttls=1,
    fault=Fault(what="slow database", begins_share=0.25, lasts_share=0.5),
    report_separately=True,
    contenders=DATABASE_CONTENDERS,
)
