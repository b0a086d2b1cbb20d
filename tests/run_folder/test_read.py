"""Reading run folders: complete ones exactly, damaged ones refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from stampede.core.errors import RunFolderError
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ADDED, SAMPLES
from tests.reports.planted_runs.planted import EPOCH, plant, scenario


def small(folder: Path, **how: object) -> Path:
    return plant(folder, rounds=1, contenders=["cache-aside", "no-cache"], scenarios=[scenario("stampede")], **how)  # type: ignore[arg-type]


def test_written_instants_are_read_exactly(tmp_path: Path) -> None:
    run = read_run(small(tmp_path / "run"))
    cell = run.info.cells[0]
    mine = run.samples[run.samples["cell"] == cell.id]
    assert cell.begin_ns == EPOCH
    assert str(mine["end_ns"].dtype) == "Int64"
    raw = pd.read_parquet(tmp_path / "run" / "samples" / "cell-00001.parquet", dtype_backend="pyarrow")
    assert mine["end_ns"].tolist() == raw["end_ns"].tolist()
    assert len(run.samples) == sum(c.locust_requests or 0 for c in run.info.cells)


def test_columns_missing_in_an_older_schema_are_null(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    added = [name for tables in ADDED.values() for name in tables["samples"]]
    assert added
    for path in (folder / "samples").glob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(added), path)
    edit(folder, schema=1)
    run = read_run(folder)
    assert run.info.schema == 1
    assert list(run.samples.columns) == SAMPLES.names
    assert run.samples[added].isna().all(axis=None)
    assert len(run.sample_table(1)) > 0


def test_names_are_categories(tmp_path: Path) -> None:
    run = read_run(small(tmp_path / "run"))
    for frame, columns in ((run.samples, ["scenario", "contender", "operation", "error"]), (run.servers, ["source"])):
        for column in columns:
            assert isinstance(frame[column].dtype, pd.CategoricalDtype), column


def test_only_finished_cells_of_a_killed_run_count(tmp_path: Path) -> None:
    folder = small(tmp_path / "run", status="running", unfinished=frozenset([2]))
    (folder / "samples" / "cell-00002.part").write_bytes(b"half")
    run = read_run(folder)
    assert [c.id for c in run.done] == [1]
    assert set(run.samples["cell"]) == {1}
    assert set(run.servers["cell"]) == {1}


def test_run_without_finished_cells_has_empty_frames(tmp_path: Path) -> None:
    run = read_run(small(tmp_path / "run", status="running", unfinished=frozenset([1, 2])))
    assert len(run.samples) == len(run.servers) == len(run.timeline) == 0


def edit(folder: Path, **values: object) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


FAULTS: dict[str, Callable[[Path], object]] = {
    "no run.json": lambda f: (f / "run.json").unlink(),
    "not JSON": lambda f: (f / "run.json").write_text("{"),
    "not an object": lambda f: (f / "run.json").write_text("[]"),
    "another schema": lambda f: edit(f, schema=99),
    "no schema": lambda f: edit(f, schema=None),
    "cells no list": lambda f: edit(f, cells={}),
    "a cell that is no object": lambda f: edit(f, cells=[3]),
    "a cell without its name": lambda f: edit(f, cells=[{"id": 1}]),
    "an unknown contender": lambda f: edit(f, contenders=[]),
    "cut samples": lambda f: cut(f / "samples" / "cell-00001.parquet"),
    "cut servers": lambda f: cut(f / "servers" / "cell-00002.parquet"),
    "missing timeline": lambda f: (f / "timeline" / "cell-00001.parquet").unlink(),
    "empty file": lambda f: (f / "samples" / "cell-00001.parquet").write_bytes(b""),
    "a lost column": lambda f: (
        pd.read_parquet(f / "servers" / "cell-00001.parquet")
        .drop(columns="unit")
        .to_parquet(f / "servers" / "cell-00001.parquet")
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_folder_is_refused_in_one_line(tmp_path: Path, fault: str) -> None:
    folder = small(tmp_path / "run")
    FAULTS[fault](folder)
    with pytest.raises(RunFolderError) as caught:
        read_run(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line
    assert "wanted:" in line


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        read_run(tmp_path / "nowhere")


def test_damage_inside_a_file_is_found_when_its_table_is_read(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    path = folder / "samples" / "cell-00001.parquet"
    data = bytearray(path.read_bytes())
    data[8 : len(data) // 2] = bytes(len(data) // 2 - 8)
    path.write_bytes(bytes(data))
    run = read_run(folder)
    with pytest.raises(RunFolderError):
        _ = run.samples
