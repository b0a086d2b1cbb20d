"""Findings of experiments, from planted facts with known results."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stampede.reports.output.html_report import render
from stampede.reports.topics.experiments import eviction_section, monitor_cost_section, pipelining_section
from stampede.reports.topics.experiments.experiments_section import findings, sections
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ExperimentInfo
from stampede.run_folder.write import ExperimentRow, RunWriter
from tests.reports.output.test_html_report import ParsedPage
from tests.reports.planted_runs.planted import plant

COLUMNS = ["experiment", "variant", "round", "parameter", "at", "name", "value", "unit"]
INFO = ExperimentInfo(name="planted", question="What is it?", application="somewhere", expectation="something")


def frame(rows: Sequence[ExperimentRow]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def batch_rows(
    alone_ms: Callable[[int], float], together_ms: Callable[[int], float], rounds: int
) -> list[ExperimentRow]:
    rng = np.random.default_rng(1)
    rows: list[ExperimentRow] = []
    for r in range(1, rounds + 1):
        for n in (1, 2, 5, 10, 100):
            for way, cost in (("one by one", alone_ms), ("pipelined", together_ms)):
                noisy = cost(n) * float(rng.lognormal(0, 0.01))
                rows.append(("pipelining", way, r, "0 ms", float(n), "batch", noisy, "ms"))
    return rows


def test_break_even_is_the_smallest_number_from_which_the_pipeline_stays_faster() -> None:
    rows = batch_rows(lambda n: n * 1.0, lambda n: 3.0 + 0.1 * n, 8)
    found = pipelining_section.batches(frame(rows))
    assert pipelining_section.break_even(found, "pipelined", "0 ms") == 5
    assert "is faster from 5 reads on" in pipelining_section.answer(found)


@pytest.mark.parametrize(
    ("together_ms", "rounds"),
    [(lambda n: n * 1.0, 8), (lambda n: n * 2.0, 8), (lambda n: 0.5 if n < 100 else 1e3, 8)],
    ids=["as fast", "slower", "slower at last"],
)
def test_there_is_no_break_even_if_the_pipeline_does_not_stay_faster(
    together_ms: Callable[[int], float], rounds: int
) -> None:
    found = pipelining_section.batches(frame(batch_rows(lambda n: n * 1.0, together_ms, rounds)))
    assert pipelining_section.break_even(found, "pipelined", "0 ms") is None
    assert "not shown to be faster" in pipelining_section.answer(found)


def test_below_six_rounds_no_break_even_is_reported() -> None:
    found = pipelining_section.batches(frame(batch_rows(lambda n: n * 1.0, lambda _: 0.1, 5)))
    assert pipelining_section.break_even(found, "pipelined", "0 ms") is None
    assert pipelining_section.answer(found).startswith("No verdict")


def cache_rows(policy: str, sequence: str, hits: int, **facts: float) -> list[ExperimentRow]:
    counts = {"requests": 1000, "hits": hits, "refused": 0, "most_entries": 100, "optimum_hits": 800}
    counts |= {"redis_hits": hits, "evictions": 50, "expiries": 0}
    sizes = {"used_memory": 2e6, "maxmemory": 2e6, "elapsed": 100.0}
    base: dict[str, float] = {**counts, **sizes}
    once: list[ExperimentRow] = [
        ("eviction", policy, 1, sequence, None, name, value, "1") for name, value in (base | facts).items()
    ]
    gets = [("eviction", policy, 1, sequence, float(i), "get", 0.1, "ms") for i in range(100)]
    return [*once, *gets]


def test_usual_policy_is_reported_as_worse_only_on_sequences_where_it_is() -> None:
    rows = [
        *cache_rows("allkeys-lru", "near", 600),
        *cache_rows("allkeys-lfu", "near", 615),
        *cache_rows("allkeys-lru", "far", 100),
        *cache_rows("allkeys-lfu", "far", 400),
    ]
    seen = eviction_section.outcomes(frame(rows))
    assert eviction_section.usually_best(seen) == (["near"], ["far"])
    assert "allkeys-lru is more than 2 points behind the best on far; on near it is not." in eviction_section.answer(
        seen
    )
    assert [o.of_optimum for o in seen] == [0.75, 0.76875, 0.125, 0.5]


def test_refused_writes_and_too_coarse_lru_clocks_are_reported() -> None:
    rows = [
        *cache_rows("noeviction", "zipf", 500, refused=400, evictions=0),
        *cache_rows("allkeys-lru", "zipf", 500, elapsed=5),
        *cache_rows("allkeys-lfu", "zipf", 500, elapsed=5),
    ]
    seen = eviction_section.outcomes(frame(rows))
    text = " ".join(eviction_section.notes(seen))
    assert "refused 400 writes" in text
    assert [o.policy for o in eviction_section.blind_lru(seen)] == ["allkeys-lru"]
    assert "1.00 s here, on zipf" in text
    assert (
        eviction_section.blind_lru(
            eviction_section.outcomes(frame(cache_rows("allkeys-lru", "zipf", 500, elapsed=100)))
        )
        == []
    )


def test_percentile_needs_ten_samples_beyond_it() -> None:
    (o,) = eviction_section.outcomes(frame(cache_rows("allkeys-lru", "zipf", 500)))
    assert np.isnan(o.get_p99_ms)


def throughput_rows(ratio: float, rounds: int) -> list[ExperimentRow]:
    rng = np.random.default_rng(2)
    return [
        ("monitor-cost", variant, r, "one by one", None, "throughput", rate * float(rng.lognormal(0, 0.02)), "per_s")
        for r in range(1, rounds + 1)
        for variant, rate in (("without", 10_000.0), ("with MONITOR", 10_000.0 * ratio))
    ]


def test_cost_of_monitor_is_a_ratio_with_an_interval_or_cannot_tell() -> None:
    (slowed,) = monitor_cost_section.throughputs(frame(throughput_rows(0.6, 8))).values()
    (unchanged,) = monitor_cost_section.throughputs(frame(throughput_rows(1.0, 8))).values()
    assert slowed[2].ratio is not None
    assert slowed[2].ratio.low < 0.62
    assert slowed[2].ratio.high < 1
    assert "cannot tell" not in monitor_cost_section.ratio_text(slowed[2])
    assert "cannot tell" in monitor_cost_section.ratio_text(unchanged[2])
    found = monitor_cost_section.findings_of(INFO, frame(throughput_rows(0.6, 8)))
    assert monitor_cost_section.WARNING in found.answer


def test_experiment_without_a_section_module_shows_its_medians() -> None:
    rows: list[ExperimentRow] = [("planted", "a", r, "", None, "x", float(r), "ms") for r in (1, 2, 9)]
    found = findings(INFO, frame(rows))
    assert [[e.text for e in entries] for _, entries in found.grids[0].rows] == [["", "", "x", "2.00", "ms"]]


def with_experiments(folder: Path) -> Path:
    """Adds one finished, one failed and one skipped experiment to a run."""
    run = read_run(folder).info
    run.experiments = [
        ExperimentInfo(
            name=name, question="Why?", application="where", expectation="what", status=status, why=why, settings={}
        )
        for name, status, why in (
            ("pipelining", "done", ""),
            ("eviction", "failed", "StackError: <b>none</b>"),
            ("monitor-cost", "skipped", "needs a Redis that we started, or --may-configure"),
        )
    ]
    writer = RunWriter(folder, run)
    writer.add_experiment("pipelining", batch_rows(lambda n: n * 1.0, lambda n: 3.0 + 0.1 * n, 6))
    return folder


def test_page_shows_findings_and_experiments_that_did_not_run(tmp_path: Path) -> None:
    folder = with_experiments(plant(tmp_path / "run", rounds=1, contenders=["cache-aside"]))
    page = ParsedPage(render(folder).read_text(encoding="utf-8"))
    assert page.open == []
    assert {"experiment-pipelining", "experiment-eviction", "experiment-monitor-cost", "pipelining-chart"} <= set(
        page.ids
    )
    assert set(page.references) <= set(page.ids)
    assert all((folder / address).is_file() for address in page.addresses)
    assert "Failed: StackError: <b>none</b>." in page.text
    assert "Skipped: needs a Redis that we started" in page.text
    rows = list(csv.DictReader((folder / "experiment-pipelining.csv").open(encoding="utf-8")))
    assert {row["reads"] for row in rows} == {"1", "2", "5", "10", "100"}


def test_run_with_experiments_only_is_not_reported_as_unfinished(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=1, contenders=[], scenarios=[])
    text = ParsedPage(render(with_experiments(folder)).read_text(encoding="utf-8")).text
    assert "Experiments only:" in text
    assert "No cell was finished" not in text


def test_run_folder_from_before_experiments_is_read(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=1, contenders=["cache-aside"])
    path = folder / "run.json"
    facts = json.loads(path.read_text())
    del facts["experiments"]
    path.write_text(json.dumps(facts))
    assert sections(read_run(folder)) == []
    assert ParsedPage(render(folder).read_text(encoding="utf-8")).open == []
