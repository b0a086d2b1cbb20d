"""Large runs: rows are read one group at a time, and the report is the same."""

from pathlib import Path

import pytest

from stampede.reports.analysis import frames
from stampede.reports.analysis.analysis import analyse
from stampede.reports.analysis.frames import cells
from stampede.reports.output.html_report import page
from stampede.reports.output.report_model import Report, build_report
from stampede.run_folder.read import read_run
from tests.reports.planted_runs.planted import plant


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("large") / "run", rounds=6, contenders=("cache-aside", "no-cache"))


def written(report: Report) -> tuple[str, dict[str, str]]:
    """The page and the tables of a report."""
    return page(report), dict(report.files)


@pytest.mark.slow
def test_large_run_gives_the_same_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page and tables are equal byte for byte, whether all rows are in memory or one group at a time."""
    small = analyse(read_run(folder))
    expected = written(build_report(small))
    monkeypatch.setattr(frames.SampleCache.__init__, "__defaults__", (1,))
    large = analyse(read_run(folder))
    assert large.cells[0].sample_cache.is_large
    assert not small.cells[0].sample_cache.is_large
    assert written(build_report(large)) == expected


def test_sample_cache_of_a_large_run_has_one_group_in_memory(folder: Path) -> None:
    """Two passes over all cells never keep more than the rounds of one contender, and the rows are the same."""
    run = read_run(folder)
    sample_cache = frames.SampleCache(run, most_bytes=1)
    every = [frames.Cell(c.info, c.scenario, c.contender, sample_cache, c.counters) for c in cells(run)]
    every.sort(key=lambda c: (c.info.scenario, c.info.contender))
    first = [len(cell.reads) for cell in every]
    in_memory = []
    for cell, reads in zip(every, first, strict=True):
        assert len(cell.reads) == reads
        in_memory.append(len(sample_cache.rows_of_cell))
    assert max(in_memory) == 6
    last = (every[-1].info.scenario, every[-1].info.contender)
    assert {(c.info.scenario, c.info.contender) for c in (view.cell for view in sample_cache.views.values())} == {last}
