"""The figures of each query, from planted samples whose figures can be counted by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.metrics.database_loads import loads_per_expiry
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


def test_a_query_is_charged_with_the_background_work_that_its_requests_spawned(tmp_path: Path) -> None:
    """Without it the loads of a contender that refreshes would belong to no query."""

    def with_refresh(cell: CellInfo, rows: Sequence[Row]) -> list[Row]:
        start = (cell.window_start_ns or 0) + 200 * MS
        load = {"loads": 1, "load_start_ns": start, "load_end_ns": start + 4 * MS}
        return [*rows_of(cell, rows), row(start, start, start + 5 * MS, key=4, operation="background", **load)]

    where = replace(scenario("read-mostly", read_share=0.9, own_sql=True, versioned=False), queries=QUERIES)
    folder = plant(tmp_path / "run", rounds=1, contenders=("cache-aside",), scenarios=[where], change=with_refresh)
    found = query_figures(analyse(read_run(folder)).of("read-mostly", "cache-aside"))
    loads = {f.query.name: f.estimate.value for f in found if f.metric.name == "loads-per-1000-reads"}
    assert loads == {"product": pytest.approx(1000 / 6), "basket": 1000}


def test_with_a_hot_key_in_each_query_every_expiry_counts_once(tmp_path: Path) -> None:
    """Products expire twice, with 1 and 3 queries; baskets, whose TTL is shorter, three times with one query each."""

    def expiring(cell: CellInfo, _rows: Sequence[Row]) -> list[Row]:
        start = cell.window_start_ns or 0
        at_ms = {0: (100, 700, 702, 704), 2: (150, 400, 650)}
        return [read(start + at * MS, key, hit=False) for key, instants in at_ms.items() for at in instants]

    where = replace(scenario("stampede", own_sql=True, versioned=False), queries=QUERIES)
    folder = plant(tmp_path / "run", rounds=1, contenders=("cache-aside",), scenarios=[where], change=expiring)
    cells = analyse(read_run(folder)).of("stampede", "cache-aside")
    per_expiry = {f.query.name: f.estimate.value for f in query_figures(cells) if f.metric.name == "loads-per-expiry"}
    assert per_expiry == {"product": 2, "basket": 1}
    assert loads_per_expiry(cells[0]) == pytest.approx(7 / 5)


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
