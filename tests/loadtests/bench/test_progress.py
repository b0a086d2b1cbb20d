"""The progress display of a bench: finished cells, remaining time of each scenario, response times so far."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from stampede.loadtests.bench.progress import (
    BARS,
    SPARK_CELLS,
    TimeLeft,
    bench_progress,
    minutes_and_seconds,
    p50_ms,
    sparkline,
)
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig
from tests.reports.planted_runs.planted import plant, scenario

NAMES = ["cache-aside", "write-through"]


def cell_plans(rounds: int = 2) -> list[CellPlan]:
    pairs = [(r, s, c) for r in range(1, rounds + 1) for s in ("read-mostly", "stampede") for c in NAMES]
    return [
        CellPlan(id=i, scenario=s, contender=c, round=r, seed=1, predecessor=None)
        for i, (r, s, c) in enumerate(pairs, 1)
    ]


def output_of(folder: Path, *, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, _environ={"TERM": "xterm"})
    config = cast(RunConfig, SimpleNamespace(cells=cell_plans(), folder=str(folder)))
    with bench_progress(config, console) as on_event:
        for cell in config.cells:
            on_event({"event": "cell", "id": cell.id, "scenario": cell.scenario, "contender": cell.contender,
                  "round": cell.round})  # fmt: skip
            on_event({"event": "done", "id": cell.id, "status": "done", "why": ""})
    return out.getvalue()


def test_a_terminal_shows_a_sparkline_and_the_remaining_time_and_a_pipe_shows_neither(tmp_path: Path) -> None:
    folder = plant(
        tmp_path / "run", rounds=2, contenders=NAMES, scenarios=[scenario("read-mostly"), scenario("stampede")]
    )
    seen = output_of(folder, terminal=True)
    assert any(bar in seen for bar in BARS)
    assert "p50" in seen
    assert "done" in seen
    piped = output_of(folder, terminal=False)
    assert not any(bar in piped for bar in BARS)
    assert "\x1b" not in piped
    assert piped.splitlines() == [f"round {r}/2 · {s}" for r in (1, 2) for s in ("read-mostly", "stampede")]


def test_the_time_left_of_a_scenario_or_contender_ends_with_its_last_cell() -> None:
    time_left = TimeLeft(cell_plans())  # read-mostly twice, stampede twice, and again
    assert time_left.left_s() is None
    for cell, (began_s, ended_s) in enumerate([(0, 1), (1, 2), (2, 5), (5, 8)], 1):
        time_left.begin(began_s)
        time_left.done(cell, ended_s)
    assert time_left.left_s(scenario="read-mostly") == 2  # two cells of 1 s
    assert time_left.left_s() == 8  # and two of 3 s
    assert time_left.left_s(contender="cache-aside") == 5
    assert time_left.left_s(scenario="another") == 0


def test_a_cell_without_samples_has_no_headline(tmp_path: Path) -> None:
    assert p50_ms(tmp_path, 1) is None


@given(st.lists(st.floats(0, 1e6), max_size=40))
def test_a_sparkline_is_as_long_as_its_newest_values_and_keeps_their_order(values: list[float]) -> None:
    drawn = sparkline(values)
    newest = values[-SPARK_CELLS:]
    assert len(drawn) == len(newest)
    heights = [BARS.index(bar) for bar in drawn]
    by_value = [h for _, h in sorted(zip(newest, heights, strict=True))]
    assert by_value == sorted(by_value)


def test_the_time_left_is_shown_as_minutes_and_seconds() -> None:
    assert [minutes_and_seconds(s) for s in (None, 0.0, 5.9, 65.0)] == ["–:––", "done", "0:05", "1:05"]


def test_a_bench_prints_only_json_on_its_standard_output(postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    """All other output, including the progress, goes to the error stream."""
    arguments = [
        "bench",
        "--plan",
        "smoke",
        "--rounds",
        "1",
        "--experiment",
        "serializer-cost",
        "--stack",
        "external",
        "--json",
    ]
    servers = ["--postgres", postgres_url, "--redis", redis_url, "--runs", str(tmp_path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "stampede", *arguments, *servers], cwd=root, check=True, capture_output=True, text=True
    )
    result = json.loads(done.stdout)
    assert Path(result["report"]).is_file()
    assert "report: " in done.stderr
