"""refresh-queue: refreshes in a task queue's worker, compared with refreshes in the application's own pool."""

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="refresh-queue",
    question="How much delay does a task queue add between a trigger and its refresh?",
    application="one popular key that is refreshed before its expiry, by a pool inside each process or by Celery",
    expectation=(
        "neither pattern checks for running refreshes: every hit within the threshold triggers one until the first is "
        "done. A queue delays each refresh, so more of them accumulate, and each task costs several Redis commands"
    ),
    overrides={
        "rate_per_s": 100.0,
        "arrivals": "poisson",
        "read_share": 1.0,
        "active_records": 1,
        "ttl_s": 1.5,
        "load_cpu_ms": 1.0,
        "load_wait_ms": 17.0,
    },
    window_ttls=3,
    report_separately=True,
    contenders=("refresh-ahead", "refresh-ahead-celery"),
)
