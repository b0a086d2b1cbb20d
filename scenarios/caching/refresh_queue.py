"""refresh-queue: what it costs to have refreshes done by a queue's worker instead of the application's own pool."""

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="refresh-queue",
    question="What does a task queue add between a trigger and its refresh?",
    application="one hot key that is refreshed ahead of its expiry, by a pool inside each process or by Celery",
    expectation=(
        "neither knows of refreshes under way: every hit within the threshold triggers one, until the first is done. A "
        "queue adds its own delay to each, so it lets more of them pile up, and asks Redis for every task several times"
    ),
    overrides={
        "rate_per_s": 100.0,
        "arrivals": "poisson",
        "read_share": 1.0,
        "active_records": 1,
        "ttl_s": 1.5,
        "load_cpu_ms": 1.0,
        "load_wait_ms": 19.0,
    },
    window_ttls=4,
    report_separately=True,
    contenders=("refresh-ahead", "refresh-ahead-celery"),
)
