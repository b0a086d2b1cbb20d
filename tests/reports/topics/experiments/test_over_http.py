"""Findings of the experiment over HTTP, from planted facts with known results."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from stampede.reports.topics.experiments import over_http_section
from stampede.run_folder.schema import EXPERIMENTS, ExperimentInfo
from stampede.run_folder.write import ExperimentRow

CALLS = 400
LOADS = {"cache-aside": 36.0, "coalescing": 4.0}
INFO = ExperimentInfo(
    name="over-http",
    question="Does it hold?",
    application="a web service",
    expectation="the same",
    settings={"server": "Falcon on granian", "threads": 32},
    status="done",
)


def calls(loads: Mapping[str, float], rounds: int, failed: int = 0) -> list[ExperimentRow]:
    """Calls 5 ms apart: 9 of 100 take 45 ms, all others about 1 ms."""
    rng = np.random.default_rng(1)
    rows: list[ExperimentRow] = []
    for name, expected in loads.items():
        for r in range(1, rounds + 1):
            made = expected + r % 3 - 1
            rows.append(("over-http", name, r, "", None, "loads", made, "1"))
            for call in range(CALLS):
                at = call / 200
                wait = 45.0 if call % 100 < 9 else float(rng.uniform(1.0, 1.5))
                rows.append(("over-http", name, r, "", at, "late", 0.2, "ms"))
                fact = ("failed", 503.0, "status") if call < failed else ("response", wait, "ms")
                rows.append(("over-http", name, r, "", at, *fact))
    return rows


def frame(rows: list[ExperimentRow]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=EXPERIMENTS.names)


def test_loads_are_per_request_and_response_times_count_from_the_due_instant() -> None:
    found = over_http_section.served(frame(calls(LOADS, 6)))
    per_1000, p50, p99 = over_http_section.figures(found["cache-aside"]).values()
    assert per_1000.value == pytest.approx(1000 * 36 / CALLS)
    assert per_1000.low < 90 < per_1000.high
    assert per_1000.level == 0.95
    assert 1.0 <= p50.value <= 1.5
    assert p99.value == pytest.approx(45.0)
    result = over_http_section.findings_of(INFO, frame(calls(LOADS, 6)))
    assert "coalescing makes × 0.108 (" in result.answer
    assert "99 % of the calls were sent within 0.200 ms" in result.notes[0]
    assert len(result.csv) == 2 * 6


def test_below_six_rounds_there_is_no_verdict_and_no_interval() -> None:
    found = over_http_section.served(frame(calls(LOADS, 2)))
    assert over_http_section.answer(found).startswith("No verdict: 2 rounds cannot support one. Measured queries")
    figures = [over_http_section.figures(found[name])["loads-per-1000-reads"] for name in LOADS]
    assert [figure.level for figure in figures] == [None, None]


def test_failed_request_prevents_a_verdict() -> None:
    found = over_http_section.served(frame(calls(LOADS, 6, failed=1)))
    assert all(figure.missing for figure in over_http_section.figures(found["coalescing"]).values())
    assert "6 requests failed" in over_http_section.answer(found)
    assert over_http_section.answer(found).startswith("No verdict")
