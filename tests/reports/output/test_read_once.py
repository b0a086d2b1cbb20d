"""The work of one report: each table is read once, the run is analysed once, each file is made once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core import files
from stampede.reports.analysis import frames
from stampede.reports.output import html_report
from stampede.reports.output.csv_output import csv_files, csv_text
from stampede.run_folder import read as reader
from tests.reports.planted_runs.planted import plant
from tests.reports.topics.experiments.test_experiments import with_experiments

FEW = ("no-cache", "cache-aside", "coalescing")


def counted(calls: Counter[Any], original: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; its calls are counted by the `key` of their arguments."""

    def wrapper(*given: Any, **named: Any) -> Any:
        calls[key(*given)] += 1
        return original(*given, **named)

    return wrapper


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A planted run with an experiment."""
    return with_experiments(plant(tmp_path / "run", rounds=6, contenders=FEW))


def test_stampede_report_reads_each_table_once_analyses_once_and_makes_each_file_once(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call of `stampede report`, counted in the functions that read Parquet, gather cells and write files."""
    read: Counter[Path] = Counter()
    analysed: Counter[Path] = Counter()
    tables: Counter[str] = Counter()
    written: Counter[str] = Counter()
    monkeypatch.setattr(reader, "read_part", counted(read, reader.read_part, lambda path, _schema: path))
    monkeypatch.setattr(frames, "cells", counted(analysed, frames.cells, lambda run: run.folder))
    monkeypatch.setattr(csv_files, "as_csv", counted(tables, csv_text.as_csv, lambda header, _rows: header))
    monkeypatch.setattr(html_report, "write_whole", counted(written, files.write_whole, lambda path, _data: path.name))
    done = CliRunner().invoke(app, ["report", str(run_folder)])
    assert done.exit_code == 0, done.output
    assert set(read) == set(run_folder.rglob("*.parquet"))
    assert set(read.values()) == {1}
    assert analysed == {run_folder: 1}
    names = sorted(path.name for pattern in ("*.csv", "report.html") for path in run_folder.glob(pattern))
    assert sorted(written.elements()) == names
    assert tables.total() == len(names) - 1


def test_an_experiment_is_read_once_for_several_requests(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The section and each claim get the same frame."""
    read: Counter[Path] = Counter()
    monkeypatch.setattr(reader, "read_part", counted(read, reader.read_part, lambda path, _schema: path))
    run = reader.read_run(run_folder)
    assert run.experiment("pipelining") is run.experiment("pipelining")
    assert read.total() == 1
