"""Server events inside cells are counted for their row."""

from pathlib import Path

from stampede.reports.analysis.analysis import analyse
from stampede.reports.output.panels.server_events_panel import events_text
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import plant, scenario
from tests.reports.planted_runs.planted_around import Facts, add_around


def test_events_are_counted_by_contender_and_gauges_are_not_events(tmp_path: Path) -> None:
    def rows(cell: CellInfo) -> Facts:
        assert cell.begin_ns is not None
        at = cell.begin_ns
        gauge = (at, "redis", "used_memory", 5.0, None)
        if cell.contender == "no-cache":
            return [gauge]
        pause = (at, "process-0", "gc_generation_2_ms", 2.0, "garbage collection")
        return [gauge, (at, "redis", "evicted_keys", 3.0, "eviction"), pause]

    folder = plant(tmp_path / "run", rounds=2, contenders=("no-cache", "cache-aside"), scenarios=[scenario("stampede")])
    analysis = analyse(read_run(add_around(folder, timeline=rows)))
    timeline = analysis.run.timeline
    assert events_text(timeline, analysis.of("stampede", "no-cache")) == "none"
    text = events_text(timeline, analysis.of("stampede", "cache-aside"))
    assert text == "6 evictions and 2 garbage collections of the harness of 1 ms or more"
