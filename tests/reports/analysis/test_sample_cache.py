"""Large runs: rows are read a group at a time, and the report says the same."""

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
    return plant(tmp_path_factory.mktemp("shelf") / "run", rounds=6, contenders=("cache-aside", "no-cache"))


def written(report: Report) -> tuple[str, dict[str, str]]:
    """What a report's writers make of it."""
    return page(report), dict(report.files)


@pytest.mark.slow
def test_a_crowded_run_gives_the_same_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page and tables are the same, byte for byte, whether all rows are kept or one group's at a time."""
    whole = analyse(read_run(folder))
    told = written(build_report(whole))
    monkeypatch.setattr(frames.SampleCache.__init__, "__defaults__", (1,))
    crowded = analyse(read_run(folder))
    assert crowded.cells[0].sample_cache.crowded
    assert not whole.cells[0].sample_cache.crowded
    assert written(build_report(crowded)) == told


def test_the_shelf_holds_one_group_when_it_is_full(folder: Path) -> None:
    """Going through all cells twice never holds more than the rounds of one contender, and rows come back the same."""
    run = read_run(folder)
    sample_cache = frames.SampleCache(run, most_bytes=1)
    every = [frames.Cell(c.info, c.scenario, c.contender, sample_cache, c.counters) for c in cells(run)]
    every.sort(key=lambda c: (c.info.scenario, c.info.contender))
    first = [len(cell.reads) for cell in every]
    held = []
    for cell, reads in zip(every, first, strict=True):
        assert len(cell.reads) == reads
        held.append(len(sample_cache.held))
    assert max(held) == 6
    last = (every[-1].info.scenario, every[-1].info.contender)
    assert {(c.info.scenario, c.info.contender) for c in (view.cell for view in sample_cache.views.values())} == {last}
