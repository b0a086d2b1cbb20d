"""mixed-writes: as many writes as a busy application has, read back at once by whoever asks."""

from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="mixed-writes",
    question="How old is what I read, and who breaks the promise of a write?",
    application="carts, stock, profiles while they are edited: records that are read soon after they were written",
    expectation=(
        "without a cache nothing is stale; where entries only expire a share 1 - (1 - exp(-wT)) / (wT) of the reads of "
        "a record with w writes a second is; deleting on write leaves the reader that loaded before the write and "
        "filled after it: rare, and the old value then stays until the next write or a TTL"
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
)
