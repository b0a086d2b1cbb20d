"""The order load time, refresh window, TTL is kept with a factor of five, or the contender is marked."""

from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import analyse
from stampede.reports.analysis.time_scale import scale_preserved
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ContenderInfo, RunInfo, ScenarioInfo
from stampede.run_folder.write import RunWriter
from stampede.scenarios.scenario import built_in
from stampede.scenarios.workload import Workload
from tests.reports.planted_runs.planted import contender, plant, scenario

REFRESHES = replace(contender("refresh-ahead"), config={"refresh_below_share": 300 / 3600})


def place(*, ttl_s: float, load_ms: float, rtt_ms: float = 0.0) -> ScenarioInfo:
    found = scenario("stampede", ttl_s=ttl_s, rtt_ms=rtt_ms)
    found.measured["load_ms"] = load_ms
    return found


@pytest.mark.parametrize(
    ("who", "where", "preserved"),
    [
        (REFRESHES, place(ttl_s=1.5, load_ms=24.5, rtt_ms=0.5), True),
        (REFRESHES, place(ttl_s=1.5, load_ms=24.5, rtt_ms=0.6), False),
        (REFRESHES, place(ttl_s=0.5, load_ms=43.5), False),
        (REFRESHES, place(ttl_s=60, load_ms=4000), True),
        (contender("cache-aside"), place(ttl_s=0.5, load_ms=43.5), True),
        (contender("cache-aside"), place(ttl_s=0.5, load_ms=101), False),
        (replace(contender("no-cache"), moving_parts=[]), place(ttl_s=0.5, load_ms=101), True),
        (contender("bare-get"), place(ttl_s=0.5, load_ms=101), True),
    ],
)
def test_each_time_is_at_least_five_times_the_one_before_it(
    who: ContenderInfo, where: ScenarioInfo, preserved: bool
) -> None:
    """Below a TTL of a minute, a factor under five marks the contender; without entries there is no TTL to keep."""
    assert (scale_preserved(who, where) == "") is preserved


def test_a_refresh_window_close_to_the_ttl_is_marked() -> None:
    """A pattern that refreshes during most of the TTL has no order of window and TTL."""
    early = replace(REFRESHES, config={"refresh_below_share": 0.5})
    assert "the TTL (10,000.0 ms) is 2 times the refresh window" in scale_preserved(early, place(ttl_s=10, load_ms=1))


def test_the_reason_names_both_times() -> None:
    """The reader sees which times are too close, in milliseconds."""
    assert scale_preserved(REFRESHES, place(ttl_s=0.5, load_ms=43.5, rtt_ms=0.5)) == (
        "scale not preserved: the refresh window (41.7 ms) is 0.95 times a query (44.0 ms); it must be at least 5 times"
    )


def test_every_built_in_caching_scenario_preserves_the_scale() -> None:
    """With loads that take 15 % longer than asked, no scenario of the suite marks one of its contenders."""
    broken = []
    for name, found in built_in().items():
        workload = Workload(**{"rtt_ms": 0.5, **found.overrides})
        info = ScenarioInfo(
            name=name,
            question="",
            application="",
            expectation="",
            workload=workload.as_dict(),
            window_s=1,
            drain_s=2,
            processes=2,
            kind=found.kind,
            measured={"load_ms": 1.15 * (workload.load_cpu_ms + workload.load_wait_ms)},
        )
        whole = found.contenders is None or "refresh-ahead" in found.contenders
        broken += [name for who in (contender("cache-aside"), *[REFRESHES] * whole) if scale_preserved(who, info)]
    assert broken == []


def test_a_marked_contender_is_not_compared_and_causes_a_warning(tmp_path: Path) -> None:
    """A contender without scale has figures, a warning, and no verdict; the others are compared as before."""

    def set_window(info: RunInfo) -> None:
        for c in info.contenders:
            if c.name == "refresh-ahead":
                c.config = {"refresh_below_share": 300 / 3600}

    names = ("no-cache", "cache-aside", "refresh-ahead", "coalescing")
    folder = plant(tmp_path / "run", rounds=6, contenders=names, scenarios=[scenario("stampede")])
    info = read_run(folder).info
    set_window(info)
    RunWriter(folder, info).save()
    analysis = analyse(read_run(folder))
    compared = {name for _, name, _ in analysis.verdicts}
    assert compared == {"no-cache", "coalescing"}
    [warning] = analysis.warnings
    assert (warning.kind.name, warning.contenders) == ("scale-not-preserved", ("refresh-ahead",))
    assert not analysis.figure("stampede", "refresh-ahead", "loads-per-expiry").missing
