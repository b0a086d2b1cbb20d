"""Redis' own figures in the report, from planted counters, gauges and slow-log entries."""

from pathlib import Path

from stampede.reports.analysis.analysis import analyse
from stampede.reports.topics import monitoring_section
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import SERVERS, TIMELINE
from stampede.run_folder.write import TimelineRow, as_table, write_table
from tests.reports.planted_runs.planted import plant, scenario


def planted_run(tmp_path: Path) -> Path:
    """One cell with a known timeline."""
    folder = plant(tmp_path / "run", rounds=1, contenders=["cache-aside"], scenarios=[scenario("stampede")])
    cell = read_run(folder).done[0]
    assert cell.window_start_ns is not None
    gauges = {"used_memory": (1e6, 3 * 2**20), "maxmemory": (0.0, 0.0), "connected_clients": (7.0, 9.0)}
    timeline: list[TimelineRow] = [
        (cell.id, cell.window_start_ns + i, "redis", name, value, None)
        for name, values in gauges.items()
        for i, value in enumerate(values)
    ]
    timeline += [(cell.id, cell.window_start_ns, "redis", "slow_ms", 12.5, "KEYS")]
    run = read_run(folder)
    known = run.servers[["cell", "source", "name", "before", "after", "unit"]].itertuples(index=False, name=None)
    rows = [*known, (cell.id, "machine", "clock.monotonic_s", 10.0, 14.0, "s")]
    rows += [
        (cell.id, "redis", "stats.evicted_keys", 5.0, 8.0, "1"),
        (cell.id, "redis", "command.get.usec", 0, 50, "us"),
    ]
    write_table(folder / "servers" / f"cell-{cell.id:05d}.parquet", as_table(rows, SERVERS))
    write_table(folder / "timeline" / f"cell-{cell.id:05d}.parquet", as_table(timeline, TIMELINE))
    return folder


def test_each_figure_equals_the_recorded_counter(tmp_path: Path) -> None:
    analysis = analyse(read_run(planted_run(tmp_path)))
    ((name, entries),) = monitoring_section.grids(analysis)["stampede"].rows
    by_column = dict(zip(monitoring_section.grids(analysis)["stampede"].columns[1:], entries, strict=True))
    gets = analysis.cells[0].counters["redis", "command.get"]
    assert name == "cache-aside"
    assert (by_column["used memory"].text, by_column["used memory"].detail) == ("3.0 MiB", "no limit")
    assert by_column["clients"].text == "9"
    assert by_column["evictions"].text == "3"
    assert by_column["expiries"].text == "–"
    assert (by_column["slow log"].text, by_column["slow log"].detail) == ("1", "KEYS 12.5 ms")
    assert by_column["commands"].detail == f"get {gets / 4:,.0f}/s, {50 / gets:.1f} µs each"


def test_csv_has_the_same_figures(tmp_path: Path) -> None:
    ((scenario_name, contender, *figures),) = monitoring_section.csv_rows(analyse(read_run(planted_run(tmp_path))))
    assert (scenario_name, contender) == ("stampede", "cache-aside")
    named = dict(zip(monitoring_section.HEADER.split()[2:], figures, strict=True))
    assert named["used_memory_bytes"] == f"{3 * 2**20:.6g}"
    assert (named["evictions"], named["slow_entries"], named["slowest_ms"]) == ("3", "1", "12.5")
    assert named["expiries"] == ""
