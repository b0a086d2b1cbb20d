"""Scenarios with compressed time say so in one line, with the figures that carry over."""

from dataclasses import replace
from typing import Any

import pytest

from stampede.reports.topics.theory.compressed_time import compressed_time_text
from stampede.reports.topics.theory.transfer_points import is_transfer_point
from stampede.run_folder.schema import ScenarioInfo
from tests.reports.planted_runs.planted import scenario


def named(name: str, variant_of: str = "", *, workload: dict[str, Any] | None = None, **facts: Any) -> ScenarioInfo:
    found = replace(scenario("stampede", **(workload or {})), name=name, variant_of=variant_of)
    return replace(found, **facts)


def test_hot_key_with_a_short_ttl_says_that_queries_per_expiry_carry_over() -> None:
    """The line names the TTL, what it stands for, and the figure that holds for a long TTL too."""
    assert compressed_time_text(named("stampede", workload={"ttl_s": 1.4})) == (
        "Time is compressed: a TTL of 1.4 s stands for one of minutes or hours. "
        "What carries over is queries per expiry, not hit rate."
    )


def test_mixed_writes_do_not_transfer_their_share_of_stale_reads() -> None:
    """Reads and writes under a short TTL: the guarantees carry over, the shares do not."""
    writes = {"read_share": 0.7, "active_records": 200}
    text = compressed_time_text(named("mixed-writes", workload=writes, check_after_drain=True))
    assert "after an acknowledged write" in text
    assert "not the share of stale reads" in text


@pytest.mark.parametrize(
    ("info", "compressed"),
    [
        (named("stampede", workload={"ttl_s": 59.0}), True),
        (named("stampede", workload={"ttl_s": 60.0}), False),
        (named("read-mostly", workload={"ttl_s": 30.0}), False),
        (named("read-mostly-ttl-10s", "read-mostly", workload={"ttl_s": 10.0}), False),
        (named("read-mostly-at-0ms", "read-mostly", workload={"ttl_s": 30.0}), False),
        (named("slow-load", "read-mostly", workload={"ttl_s": 2.0}), True),
        (named("rate-limit-flood", kind="limiting"), False),
    ],
)
def test_compressed_time_is_a_ttl_below_a_minute_that_the_scenario_sets(info: ScenarioInfo, compressed: bool) -> None:
    """The user's own TTL in read-mostly is real, and a rate limiter has none."""
    assert bool(compressed_time_text(info)) == compressed


def test_transfer_points_repeat_read_mostly_under_another_ttl() -> None:
    """Other variants of read-mostly, and other scenarios of a similar name, are no transfer points."""
    assert is_transfer_point(named("read-mostly-ttl-10s", "read-mostly"))
    assert not is_transfer_point(named("read-mostly-at-0ms", "read-mostly"))
    assert not is_transfer_point(named("read-mostly-ttl-10s"))
    assert not is_transfer_point(named("read-mostly"))
