"""The examples of the documents work as they are."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from stampede.patterns.contender_registry import contenders, find_limiter, load_contender
from stampede.reports.compare.thresholds import read_thresholds
from stampede.reports.metrics.metric import metrics
from stampede.scenarios.scenario import scenarios
from stampede.scenarios.workload import read_workload
from tests.docs.documents import block, blocks


def test_the_example_limiter_is_one(tmp_path: Path) -> None:
    """The file in how-to/your-own-limiter.md is a limiter as it stands, under the name that the page gives it."""
    path = tmp_path / "my_counter.py"
    path.write_text(block("docs/how-to/your-own-limiter.md", "python"), encoding="utf-8")
    assert find_limiter(str(path)).name == "my-counter"


def test_the_example_pattern_is_one(tmp_path: Path) -> None:
    """The file in how-to/your-own-pattern.md is a contender as it stands, under the name that the page gives it."""
    path = tmp_path / "negative_caching.py"
    path.write_text(block("docs/how-to/your-own-pattern.md", "python"), encoding="utf-8")
    assert load_contender(path).name == "negative-caching"


def made_by(tmp_path: Path, page: str) -> dict[str, Any]:
    """The names that the first Python block of a how-to page defines."""
    path = tmp_path / "example.py"
    path.write_text(block(f"docs/how-to/{page}.md", "python"), encoding="utf-8")
    return runpy.run_path(str(path))


def test_the_example_scenario_is_one(tmp_path: Path) -> None:
    """The file in how-to/your-own-scenario.md holds a scenario whose workload is in range."""
    scenario = made_by(tmp_path, "your-own-scenario")["SCENARIO"]
    assert scenario.name == "flash-sale"
    assert scenario.name not in scenarios()
    path = tmp_path / "workload.toml"
    path.write_text("", encoding="utf-8")
    assert read_workload(path, frozenset()).applied(scenario.name, scenario.overrides).ttl_s == 0.5


def test_the_example_metric_and_the_example_chart_are_some(tmp_path: Path) -> None:
    """The modules in how-to/your-own-metric.md and your-own-chart.md define what the catalogues look for."""
    (metric,) = made_by(tmp_path, "your-own-metric")["METRICS"]
    assert metric.name not in {known.name for known in metrics()}
    assert (metric.title, metric.group) not in {(known.title, known.group) for known in metrics()}
    chart = made_by(tmp_path, "your-own-chart")["CHART"]
    assert callable(chart.draw)


@pytest.mark.parametrize(("number", "entities"), [(0, ["product"]), (1, ["product", "basket"])])
def test_each_example_workload_is_one(tmp_path: Path, number: int, entities: list[str]) -> None:
    """The TOML in how-to/your-own-workload.md is a workload with statements of its own: one query, then several."""
    path = tmp_path / "workload.toml"
    path.write_text(blocks("docs/how-to/your-own-workload.md", "toml")[number], encoding="utf-8")
    names = frozenset(scenarios())
    workloads = [read_workload(path, names).applied(name, {}) for name in names]
    assert workloads
    assert all([query.entity for query in workload.queries] == entities for workload in workloads)
    assert all(workload.versioned == (number == 0) for workload in workloads)


def test_the_example_limit_is_one(tmp_path: Path) -> None:
    """The TOML in docs/reference/limiters.md is a limit for the flood."""
    path = tmp_path / "workload.toml"
    path.write_text(block("docs/reference/limiters.md", "toml"), encoding="utf-8")
    limits = read_workload(path, frozenset(scenarios())).limits
    assert limits
    assert scenarios()["rate-limit-flood"].limited(limits).flood != scenarios()["rate-limit-flood"].flood


def test_the_example_gate_is_one(tmp_path: Path) -> None:
    """The TOML in how-to/gate-in-ci.md is a gate's, and names scenarios and contenders that there are."""
    path = tmp_path / "gate.toml"
    path.write_text(block("docs/how-to/gate-in-ci.md", "toml"), encoding="utf-8")
    limits = read_thresholds(path).limits
    assert limits
    assert {limit.scenario for limit in limits} <= {"*", *scenarios()}
    assert {limit.contender for limit in limits} <= {"*", *contenders()}
