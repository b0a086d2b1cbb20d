"""What is recorded is what is read back."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from artefact.schema import SAMPLES, RunInfo
from artefact.write import RunWriter
from loadtests.recorder import ROW_COLUMNS, Recorder, read_batch


def planted_row(**facts: object) -> tuple[object, ...]:
    row: dict[str, object] = dict.fromkeys(ROW_COLUMNS)
    row |= {"process": 0, "client": 1, "operation": "read", "warm_up": False, "due_ns": 5}
    row |= {"loads": 0, "commands": 1, "round_trips": 1, "distance_ns": 0, **facts}
    return tuple(row[name] for name in ROW_COLUMNS)


def test_a_batch_holds_the_rows_in_the_samples_schema_and_empties_the_recorder() -> None:
    recorder = Recorder()
    recorder.rows += [planted_row(key=7, found=True), planted_row(error="TimeoutError")]
    table = read_batch(recorder.take_batch(3, "stampede", "cache-aside", 2))
    assert table.schema == SAMPLES
    assert table.column("key").to_pylist() == [7, None]
    assert table.column("error").to_pylist() == [None, "TimeoutError"]
    assert set(table.column("cell").to_pylist()) == {3}
    assert read_batch(recorder.take_batch(4, "stampede", "cache-aside", 2)).num_rows == 0


def test_a_cells_files_are_whole_or_not_there(tmp_path: Path) -> None:
    run = RunInfo(plan="p", rounds=1, reference="r", seed=1, command="c", started_utc="now")
    writer = RunWriter(tmp_path / "run", run)
    recorder = Recorder()
    recorder.rows.append(planted_row())
    samples = read_batch(recorder.take_batch(1, "s", "c", 1))
    writer.add_cell(1, samples, [(1, "redis", "command.get", None, 4.0, "calls")], [])
    assert sorted(p.name for p in (tmp_path / "run").rglob("*") if p.is_file()) == [
        "cell-00001.parquet",
        "cell-00001.parquet",
        "cell-00001.parquet",
        "run.json",
    ]
    servers = pq.read_table(tmp_path / "run" / "servers" / "cell-00001.parquet")
    assert servers.to_pylist()[0]["before"] is None
    assert isinstance(samples, pa.Table)
