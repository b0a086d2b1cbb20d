"""The machine is checked before a run, and each problem that will distort the figures is printed."""

from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.bench_config import offered_rate
from stampede.loadtests.bench.preflight import (
    Preflight,
    calibrate_machine,
    expected_problems,
    governor,
    problem_line,
    watch_machine,
)
from stampede.loadtests.bench.run_plan.load_pricing import carried_per_s
from stampede.scenarios.workload import Workload
from stampede.stack.servers import Stack

SOUND = Preflight(
    clock_step_ns=40.0,
    clock_cost_ns=50.0,
    python_loop_ms=1.0,
    redis_round_trip_ms=0.05,
    postgres_round_trip_ms=0.08,
    ceiling_per_s=60_000.0,
    cores=8,
    busy_share=0.02,
    steal_share=0.0,
    governor="performance",
    on_battery=False,
)


def test_the_real_machine_and_servers_give_every_figure(stack: Stack) -> None:
    found = calibrate_machine(stack, watch_machine(0.1), ceiling=False)
    assert 0 < found.clock_cost_ns < 100_000
    assert found.clock_step_ns > 0
    assert 0 < found.redis_round_trip_ms < 1000
    assert 0 < found.postgres_round_trip_ms < 1000
    assert 0 <= found.busy_share <= 1
    assert found.ceiling_per_s is None


def test_a_sound_machine_has_no_problem() -> None:
    assert expected_problems(SOUND, rate_per_s=300, processes=2) == []
    assert "no problem" in problem_line([])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"on_battery": True}, "battery"),
        ({"governor": "powersave"}, "governor powersave"),
        ({"steal_share": 0.1}, "hypervisor takes 10 %"),
        ({"busy_share": 0.5}, "other programs use 50 %"),
        ({"cores": 2}, "2 cores"),
        ({"ceiling_per_s": 1000.0}, "over a tenth"),
    ],
)
def test_each_problem_is_printed(change: dict[str, object], problem: str) -> None:
    (line,) = expected_problems(replace(SOUND, **change), rate_per_s=300, processes=2)  # type: ignore[arg-type]
    assert problem in line
    assert problem in problem_line([line])


def test_a_system_that_does_not_report_its_governor_has_no_problem(tmp_path: Path) -> None:
    assert governor(tmp_path / "missing") is None
    assert expected_problems(replace(SOUND, governor=None, on_battery=None)) == []


def test_the_rate_that_no_cache_can_carry_is_bounded_by_cores_and_by_threads() -> None:
    waiting = Workload(load_cpu_ms=0.0, users_per_process=10)
    assert carried_per_s(waiting, 100.0, processes=2, cores=2) == pytest.approx(200.0)
    working = Workload(load_cpu_ms=10.0, users_per_process=1000)
    assert carried_per_s(working, 10.0, processes=2, cores=2) == pytest.approx(100.0)


@pytest.mark.parametrize("text", ["0", "-1", "fast", "20001", "nan", "inf"])
def test_a_rate_that_cannot_be_offered_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="rate"):
        offered_rate(text)
