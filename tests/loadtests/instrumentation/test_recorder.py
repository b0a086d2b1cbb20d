"""Recorded samples are read back unchanged."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stampede.loadtests.instrumentation.recorder import ROW_COLUMNS, Recorder, read_batch
from stampede.run_folder.schema import SAMPLES, RunInfo
from stampede.run_folder.write import RunWriter


def planted_row(**facts: object) -> tuple[object, ...]:
    row: dict[str, object] = dict.fromkeys(ROW_COLUMNS)
    row |= {"process": 0, "client": 1, "operation": "read", "warm_up": False, "due_ns": 5}
    row |= {"loads": 0, "commands": 1, "round_trips": 1, "simulated_rtt_ns": 0, **facts}
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


def test_a_long_cell_is_packed_while_it_runs_and_comes_back_in_order() -> None:
    """Above the limit the oldest rows become columns; the batch holds all rows in their order."""
    recorder = Recorder()
    recorder.max_rows = 1500
    errors = [None, "TimeoutError", "ConnectionError"]
    for key in range(12_345):
        recorder.keep(planted_row(key=key, error=errors[key // 1000 % 3]))
        assert len(recorder.rows) <= 1500
    assert recorder.packed_bytes > 0
    table = read_batch(recorder.take_batch(3, "stampede", "cache-aside", 2))
    assert table.schema == SAMPLES
    assert table.column("key").to_pylist() == list(range(12_345))
    assert table.column("error").to_pylist() == [errors[key // 1000 % 3] for key in range(12_345)]
    assert set(table.column("contender").to_pylist()) == {"cache-aside"}
    assert recorder.packed_bytes == 0
    assert read_batch(recorder.take_batch(4, "stampede", "cache-aside", 2)).num_rows == 0


def test_samples_of_a_stopped_cell_do_not_appear_in_the_next_one() -> None:
    recorder = Recorder()
    recorder.max_rows = 10
    for key in range(2000):
        recorder.keep(planted_row(key=key))
    recorder.forget()
    recorder.keep(planted_row(key=7))
    assert read_batch(recorder.take_batch(4, "s", "c", 2)).column("key").to_pylist() == [7]


def test_the_files_of_a_cell_are_written_completely(tmp_path: Path) -> None:
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
