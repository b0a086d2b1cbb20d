"""ttl-sweep-…: the same requests under longer and longer TTLs (B1): a higher hit rate, but more stale reads."""

from stampede.scenarios.scenario import Scenario

WINDOW_S = 2.4
"""The window of all members: a whole number of each TTL."""
TTLS_S = (0.1, 0.3, 0.8, 2.4)


def with_ttl(ttl_s: float) -> Scenario:
    """One member of the family. Members differ in the TTL only."""
    return Scenario(
        name=f"ttl-sweep-{round(1000 * ttl_s)}ms",
        question=f"How many hits does a TTL of {ttl_s:g} s give, and how many stale reads?",
        application="records that are read far more often than written, and must not be too old",
        expectation=(
            "a record that is read r times per second has a hit rate of about rT / (1 + rT); if entries only expire, a "
            "share 1 - (1 - exp(-wT)) / (wT) of its reads is stale. Both grow with T, but the hit rate levels off first"
        ),
        overrides={
            "rate_per_s": 300.0,
            "read_share": 0.9,
            "active_records": 200,
            "key_skew": 1.0,
            "ttl_s": ttl_s,
            "load_cpu_ms": 0.5,
            "load_wait_ms": 4.5,
        },
        window_ttls=round(WINDOW_S / ttl_s),
        contenders=("ttl-only", "cache-aside"),
    )


SCENARIOS = tuple(with_ttl(ttl_s) for ttl_s in TTLS_S)
