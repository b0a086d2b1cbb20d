"""mixed-writes: as many writes as in a busy application, to records that are read at the same time."""

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="mixed-writes",
    question="How old are the values that reads return, and which contender breaks a guarantee about writes?",
    application="carts, stock, profiles while they are edited: records that are read soon after they were written",
    expectation=(
        "without a cache no read is stale. If entries only expire, a share 1 - (1 - exp(-wT)) / (wT) of the reads of a "
        "record with w writes per second is stale. If a write deletes the entry, one case remains: a reader queries "
        "before the write and fills after it. This is rare; the old value then stays until the next write or for a TTL"
    ),
    overrides={
        "rate_per_s": 300.0,
        "read_share": 0.7,
        "active_records": 200,
        "key_skew": 1.0,
        "ttl_s": 0.5,
        "load_cpu_ms": 0.5,
        "load_wait_ms": 4.5,
    },
    window_ttls=4,
    check_after_drain=True,
    plays_trace=True,
)
