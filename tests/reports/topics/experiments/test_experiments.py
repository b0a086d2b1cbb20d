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
from stampede.reports.topics.experiments.eviction_results import blind_lru, eviction_results
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
    assert "a pipeline is faster from 5 reads on" in pipelining_section.answer(found)


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
    assert "a pipeline was not significantly faster" in pipelining_section.answer(found)


def test_below_six_rounds_no_break_even_is_reported() -> None:
    found = pipelining_section.batches(frame(batch_rows(lambda n: n * 1.0, lambda _: 0.1, 5)))
    assert pipelining_section.break_even(found, "pipelined", "0 ms") is None
    assert pipelining_section.answer(found).startswith("No verdict")


def cache_rows(policy: str, sequence: str, hits: int, number: int = 1, **facts: float) -> list[ExperimentRow]:
    counts = {"requests": 1000, "hits": hits, "refused": 0, "most_entries": 100, "optimum_hits": 800}
    counts |= {"redis_hits": hits, "evictions": 50, "expiries": 0}
    sizes = {"used_memory": 2e6, "maxmemory": 2e6, "elapsed": 100.0}
    base: dict[str, float] = {**counts, **sizes}
    once: list[ExperimentRow] = [
        ("eviction", policy, number, sequence, None, name, value, "1") for name, value in (base | facts).items()
    ]
    gets = [("eviction", policy, number, sequence, float(i), "get", 0.1, "ms") for i in range(100)]
    return [*once, *gets]


def eight_rounds(policy: str, sequence: str, hits: int, **facts: float) -> list[ExperimentRow]:
    """Rounds whose hits go up and down together with those of every other policy, and a little on their own."""
    own = sum(map(ord, policy)) % 5
    return [
        row
        for r in range(1, 9)
        for row in cache_rows(policy, sequence, hits + 20 * (r % 3) + (r * own) % 4, number=r, **facts)
    ]


def test_eviction_policies_are_compared_with_the_usual_one_in_the_same_round() -> None:
    """A policy that is better in each round by more than 10 % of the usual hit rate is better; a smaller lead is tied.

    The rounds differ by more than the policies do, so unpaired intervals could not separate them.
    """
    rows = [
        *eight_rounds("allkeys-lru", "zipf", 500),
        *eight_rounds("allkeys-lfu", "zipf", 580),
        *eight_rounds("allkeys-random", "zipf", 530),
        *eight_rounds("volatile-ttl", "zipf", 440),
    ]
    results = {r.policy: r for r in eviction_results(frame(rows))}
    assert {name: r.verdict for name, r in results.items()} == {
        "allkeys-lru": "not estimated",
        "allkeys-lfu": "better",
        "allkeys-random": "tied",
        "volatile-ttl": "worse",
    }
    usual = results["allkeys-lru"].hit_rate
    assert usual.low < usual.value < usual.high
    assert results["allkeys-lfu"].least == pytest.approx(0.1 * usual.value)
    assert "allkeys-lfu is better for zipf (+7.8 points" in eviction_section.answer(list(results.values()))


def test_a_policy_that_refuses_writes_is_never_recommended() -> None:
    """noeviction has the highest hit rate. The answer does not name it, and the note counts its refused writes."""
    rows = [
        *eight_rounds("noeviction", "zipf", 700, refused=200, evictions=0),
        *eight_rounds("allkeys-lru", "zipf", 500),
        *eight_rounds("allkeys-lfu", "zipf", 505),
    ]
    results = eviction_results(frame(rows))
    assert "noeviction" not in eviction_section.answer(results)
    assert eviction_section.answer(results) == "allkeys-lru is enough for zipf."
    assert "noeviction refused 1,600 writes of 8,000 requests" in " ".join(eviction_section.notes(results))


def test_one_round_of_an_older_run_gives_no_verdict() -> None:
    """Runs before rounds recorded one; their hit rates are shown and compared with nothing."""
    results = eviction_results(
        frame([*cache_rows("allkeys-lru", "zipf", 600), *cache_rows("allkeys-lfu", "zipf", 900)])
    )
    assert [r.verdict for r in results] == ["not estimated", "not estimated"]
    assert eviction_section.answer(results) == "No verdict: 1 round; a comparison needs 6."


def test_too_coarse_lru_clocks_are_reported() -> None:
    """Entries that stay for less than three ticks of the LRU clock are named with their sequence."""
    rows = [*eight_rounds("allkeys-lru", "zipf", 500, elapsed=5), *eight_rounds("allkeys-lfu", "zipf", 500, elapsed=5)]
    results = eviction_results(frame(rows))
    assert [r.policy for r in blind_lru(results)] == ["allkeys-lru"]
    assert "s here, on zipf" in " ".join(eviction_section.notes(results))
    assert blind_lru(eviction_results(frame(eight_rounds("allkeys-lru", "zipf", 500, elapsed=100)))) == []


def test_results_are_computed_once_for_a_table_and_again_for_another() -> None:
    """The section, the answer and the claim of one report get the same results."""
    table, other = (frame(eight_rounds("allkeys-lru", "zipf", hits)) for hits in (500, 600))
    assert eviction_results(table) is eviction_results(table)
    assert eviction_results(other)[0].hit_rate.value > eviction_results(table)[0].hit_rate.value


def test_percentile_needs_ten_samples_beyond_it() -> None:
    (few,) = eviction_results(frame(cache_rows("allkeys-lru", "zipf", 500)))
    (many,) = eviction_results(frame([r for n in range(1, 11) for r in cache_rows("allkeys-lru", "zipf", 500, n)]))
    assert np.isnan(few.get_p99_ms)
    assert many.get_p99_ms == 0.1


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
    assert "not significant" not in monitor_cost_section.ratio_text(slowed[2])
    assert "not significant" in monitor_cost_section.ratio_text(unchanged[2])
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
