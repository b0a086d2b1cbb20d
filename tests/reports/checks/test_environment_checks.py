"""Each environment check: no warning for a sound run, and a warning for a planted fault."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.checks.environment_checks import PROBE, probe_change
from stampede.run_folder import run_warnings
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import WarningKind
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, SECOND, Row, plant, scenario
from tests.reports.planted_runs.planted_around import Facts, add_around

TWO = ("no-cache", "cache-aside")
CORES = 4
SPAN_S = 2.5


def calm(_cell: CellInfo) -> Facts:
    """The servers and the suite use a quarter of one core together; no other process runs."""
    return [
        ("machine", "clock.wall_s", 5000.0, 5000.0 + SPAN_S + 0.002, "s"),
        ("machine", "cpu.steal_s", 1.0, 1.0, "s"),
        ("redis", "cpu.used_cpu_user", 1.0, 1.1, "s"),
    ]


def probe(cell: CellInfo, growth: float) -> Facts:
    """A drift probe that takes `growth` longer in the second half of the rounds."""
    assert cell.begin_ns is not None
    value = 1000.0 * (1 + growth if cell.round > 4 else 1.0)
    return [(cell.begin_ns, PROBE, "loop_us", value, "opens the round")]


def analysed(folder: Path, *, servers: Callable[[CellInfo], Facts] = calm, **how: Any) -> Analysis:
    timeline = how.pop("timeline", lambda cell: probe(cell, 0.1))
    how = {"contenders": TWO, "scenarios": [scenario("stampede")]} | how
    return analyse(read_run(add_around(plant(folder, **how), servers, timeline)))


def kinds(analysis: Analysis) -> list[str]:
    return [warning.kind.name for warning in analysis.warnings]


def test_sound_run_has_no_warnings(tmp_path: Path) -> None:
    assert kinds(analysed(tmp_path / "run")) == []


def stepped(cell: CellInfo) -> Facts:
    return [("machine", "clock.wall_s", 5000.0, 5000.0 + SPAN_S + (1.0 if cell.id == 5 else 0.0), "s")]


def hogged(_cell: CellInfo) -> Facts:
    return [("machine", "cpu.busy_s", 100.0, 100.0 + CORES * SPAN_S * 0.8, "s")]


def stolen(_cell: CellInfo) -> Facts:
    return [("machine", "cpu.steal_s", 1.0, 1.0 + CORES * SPAN_S * 0.06, "s")]


def one_core_full(_cell: CellInfo) -> Facts:
    return [("redis", "cpu.used_cpu_user", 1.0, 1.0 + 0.95 * SPAN_S, "s")]


def resized(cell: CellInfo) -> Facts:
    assert cell.begin_ns is not None
    changed = [(cell.begin_ns, "postgres", "setting work_mem", None, "setting changed: 4096 → 8192")]
    return changed if cell.id == 3 else []


def thinned(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Half of the requested rate."""
    return rows[::2] if cell.contender == "cache-aside" else rows


def sparse(_cell: CellInfo, rows: list[Row]) -> list[Row]:
    return [r for r in rows if r["warm_up"]] + [r for r in rows if not r["warm_up"]][:19]


def slower_in_the_end(cell: CellInfo, rows: list[Row]) -> list[Row]:
    for r in rows:
        r["end_ns"] += round(0.4 * (r["end_ns"] - r["due_ns"])) if cell.round > 4 else 0
    return rows


def more_than_recorded(cell: CellInfo) -> Facts:
    """The in-flight sampler counts twenty requests in the system; the recorded times give ten or fewer."""
    assert cell.window_start_ns is not None
    at_ns = (cell.window_start_ns + i * SECOND // 50 for i in range(100))
    return [(t, "process-0", "in_the_system", 20.0 + i % 3, None) for i, t in enumerate(at_ns)]


def more_sessions_than_loads(cell: CellInfo) -> Facts:
    """The server reports twenty active sessions; the loads give eight."""
    assert cell.window_start_ns is not None
    return [(cell.window_start_ns + i * SECOND // 10, "postgres", "active", 20.0 + i % 3, None) for i in range(20)]


FAULTS: dict[WarningKind, dict[str, Any]] = {
    run_warnings.CLOCK_STEPPED: {"servers": stepped},
    run_warnings.SETTINGS_CHANGED: {"timeline": resized},
    run_warnings.OTHER_LOAD: {"servers": hogged},
    run_warnings.CPU_SATURATED: {"servers": one_core_full},
    run_warnings.RATE_MISSED: {"change": thinned},
    run_warnings.FEW_SAMPLES: {"change": sparse},
    run_warnings.DRIFT: {"timeline": lambda cell: probe(cell, 0.2)},
    run_warnings.LITTLES_LAW: {"timeline": more_than_recorded},
}


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_planted_fault_causes_a_warning(tmp_path: Path, kind: WarningKind) -> None:
    analysis = analysed(tmp_path / "run", **FAULTS[kind])
    assert kind.name in kinds(analysis)
    assert kind not in analysis.passed


def test_changed_setting_is_named_with_its_cell(tmp_path: Path) -> None:
    (warning,) = analysed(tmp_path / "run", timeline=resized).warnings
    assert warning.what == "postgres's work_mem: 4096 → 8192"
    assert warning.cells == (3,)


def test_cores_taken_by_the_hypervisor_are_other_load(tmp_path: Path) -> None:
    (warning,) = analysed(tmp_path / "run", servers=stolen).warnings
    assert "stolen by the hypervisor" in warning.what


def test_rounds_that_become_slower_for_all_contenders_are_drift_even_if_the_probe_is_stable(tmp_path: Path) -> None:
    assert "drift" in kinds(analysed(tmp_path / "run", change=slower_in_the_end))


def test_single_slow_contender_in_one_round_is_not_drift(tmp_path: Path) -> None:
    def one_round(cell: CellInfo, rows: list[Row]) -> list[Row]:
        for r in rows:
            r["end_ns"] += 3 * MS if cell.round == 5 and cell.contender == "cache-aside" else 0
        return rows

    assert "drift" not in kinds(analysed(tmp_path / "run", change=one_round))


def test_more_active_sessions_than_loads_break_littles_law(tmp_path: Path) -> None:
    analysis = analysed(tmp_path / "run", timeline=more_sessions_than_loads, contenders=("no-cache", "cache-aside"))
    (warning,) = [x for x in analysis.warnings if x.kind is run_warnings.LITTLES_LAW]
    assert "sessions were active" in warning.what
    assert "no-cache" in warning.contenders


Change = Callable[[CellInfo, list[Row]], list[Row]]


def observed(folder: Path, happened: Change, recorded: Change, **how: Any) -> Analysis:
    """A run with in-flight counts of `happened` at 100 instants per cell, and the samples of `recorded`."""
    looks: dict[int, list[Any]] = {}

    def count(cell: CellInfo, rows: list[Row]) -> list[Row]:
        assert cell.window_start_ns is not None
        rows = happened(cell, rows)
        for at_ns in (cell.window_start_ns + i * SECOND // 50 for i in range(100)):
            for process in (0, 1):
                inside = sum(r["process"] == process and r["due_ns"] <= at_ns < r["end_ns"] for r in rows)
                look = (at_ns, f"process-{process}", "in_the_system", float(inside), None)
                looks.setdefault(cell.id, []).append(look)
        return recorded(cell, rows)

    return analysed(folder, change=count, timeline=lambda cell: looks[cell.id], **how)


def unchanged(_cell: CellInfo, rows: list[Row]) -> list[Row]:
    return rows


def test_backlog_at_the_edge_of_a_window_obeys_littles_law(tmp_path: Path) -> None:
    """The last thirty requests of the warm-up are answered a third of a second into the window, and count there."""

    def late(cell: CellInfo, rows: list[Row]) -> list[Row]:
        assert cell.window_start_ns is not None
        for r in [r for r in rows if r["warm_up"]][-30:]:
            r["end_ns"] = cell.window_start_ns + SECOND // 3
        return rows

    assert "littles-law" not in kinds(observed(tmp_path / "run", late, unchanged))


def test_requests_missing_from_the_samples_break_littles_law(tmp_path: Path) -> None:
    """One request in ten is missing from the samples, but the in-flight sampler counted it."""
    lost = observed(tmp_path / "run", unchanged, lambda _cell, rows: [r for i, r in enumerate(rows) if i % 10])
    assert "littles-law" in kinds(lost)


def test_contender_with_an_uncounted_process_causes_no_other_load(tmp_path: Path) -> None:
    """The CPU time of a contender's worker process is not counted, so it cannot be separated from other load."""
    folder = add_around(plant(tmp_path / "run", contenders=TWO, scenarios=[scenario("stampede")]), hogged)
    run = read_run(folder)
    run.info.contenders = [replace(c, foreign="it has its own worker process") for c in run.info.contenders]
    assert "other-load" not in kinds(analyse(run))


def test_probe_change_compares_halves_of_at_least_four_rounds() -> None:
    assert probe_change([1, 2, 3], [1.0, 1.0, 9.0]) == 0.0
    assert probe_change([1, 2, 3, 4], [1.0, 1.0, 1.2, 1.2]) == pytest.approx(0.2)
    assert probe_change([4, 3, 2, 1], [1.2, 1.2, 1.0, 1.0]) == pytest.approx(0.2)
