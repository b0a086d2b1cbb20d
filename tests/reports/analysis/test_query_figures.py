"""The figures of each query, from planted samples whose figures can be counted by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.metrics.key_misses import key_misses
from stampede.reports.metrics.query_figures import query_figures
from stampede.reports.output.html_report import render
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo, QueryInfo
from tests.reports.planted_runs.planted import MS, Row, plant, row, scenario

QUERIES = [
    QueryInfo(name="product", entity="product", share=0.75, read_share=1.0, ttl_s=0.5, first_position=0, records=2),
    QueryInfo(name="basket", entity="basket", share=0.25, read_share=0.5, ttl_s=0.1, first_position=2, records=3),
]


def read(start: int, key: int, *, hit: bool = True) -> Row:
    """A read of a position that takes 1 ms if it hits, else 6 ms with a load."""
    if hit:
        return row(start, start, start + MS, key=key)
    loaded = {"loads": 1, "load_start_ns": start + MS, "load_end_ns": start + 5 * MS}
    return row(start, start, start + 6 * MS, key=key, first_cache_reply="none", **loaded)


def rows_of(cell: CellInfo, _rows: Sequence[Row]) -> list[Row]:
    """Six reads of products, one of which misses; two of baskets, one of which misses, and two writes."""
    start = cell.window_start_ns or 0
    reads = [read(start + n * 10 * MS, n % 2, hit=n > 0) for n in range(6)]
    reads += [read(start + 100 * MS, 3), read(start + 110 * MS, 4, hit=False)]
    times = {"commit_start_ns": start + 121 * MS, "commit_end_ns": start + 122 * MS}
    writes = [
        row(start + at * MS, start + at * MS, start + (at + 3) * MS, key=2, operation="write", **times)
        for at in (120, 130)
    ]
    return [*reads, *writes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = replace(scenario("read-mostly", read_share=0.9, own_sql=True, versioned=False), queries=QUERIES)
    home = tmp_path_factory.mktemp("queries") / "run"
    return plant(home, rounds=3, contenders=("cache-aside", "no-cache"), scenarios=[where], change=rows_of)


@pytest.fixture(scope="module")
def analysis(folder: Path) -> Analysis:
    return analyse(read_run(folder))


def test_each_figure_counts_the_requests_of_one_query(analysis: Analysis) -> None:
    found = query_figures(analysis.of("read-mostly", "cache-aside"))
    figures = {(f.query.name, f.metric.name): f.estimate.value for f in found}
    assert (figures["product", "due"], figures["basket", "due"]) == (18, 12)
    assert figures["product", "hit-rate"] == pytest.approx(100 * 5 / 6)
    assert figures["basket", "hit-rate"] == 50
    assert figures["product", "misses-per-1000-reads"] == pytest.approx(1000 / 6)
    assert figures["basket", "misses-per-1000-reads"] == 500


def test_the_figures_of_all_requests_are_those_of_both_queries(analysis: Analysis) -> None:
    assert analysis.figure("read-mostly", "cache-aside", "hit-rate").value == pytest.approx(100 * 6 / 8)
    assert analysis.figure("read-mostly", "cache-aside", "due").value == 30


def test_without_counts_of_statements_the_queries_sent_are_not_estimated(analysis: Analysis) -> None:
    found = query_figures(analysis.of("read-mostly", "cache-aside"))
    sent = [f.estimate for f in found if f.metric.name == "queries-per-1000-reads"]
    assert [estimate.why for estimate in sent] == ["not estimated: no pg_stat_statements"] * 2


def test_the_most_read_key_expires_by_the_ttl_of_its_query(analysis: Analysis) -> None:
    """The most-read key is a product, whose entries live for 0.5 s in a window of 2 s."""
    misses = key_misses(analysis.of("read-mostly", "cache-aside")[0])
    assert misses is not None
    assert misses.ttls == 4


def test_the_page_and_a_csv_file_have_a_row_for_each_contender_and_query(folder: Path) -> None:
    page = render(folder).read_text()
    assert 'id="read-mostly-queries"' in page
    assert "75 % of requests" in page
    lines = (folder / "queries.csv").read_text().splitlines()
    assert lines[0].startswith("scenario,contender,query,metric,unit,value")
    rows = [line.split(",") for line in lines[1:]]
    assert {(r[1], r[2]) for r in rows} == {(c, q) for c in ("cache-aside", "no-cache") for q in ("product", "basket")}
    assert ["read-mostly", "cache-aside", "basket", "hit-rate", "%", "50"] in [r[:6] for r in rows]
