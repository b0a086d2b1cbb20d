"""Every warning is caused by a planted fault, and by no sound run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.checks.cell_checks import PASSED_BY
from stampede.reports.recommend.rule.caching_rows import caching_row
from stampede.reports.recommend.rule.questions import QUESTIONS
from stampede.run_folder import run_warnings
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import WarningKind
from stampede.run_folder.schema import CellInfo, ScenarioInfo
from tests.reports.checks.test_clocks import FAULTS as CLOCKS
from tests.reports.checks.test_environment_checks import FAULTS as AROUND
from tests.reports.planted_runs.plain_figures import guaranteed
from tests.reports.planted_runs.planted import MS, Change, Row, as_simulated, plant, scenario
from tests.reports.topics.freshness.planted_versions import versioned

TWO = ("no-cache", "cache-aside")


def analysed(folder: Path, change: Change = as_simulated, **how: object) -> Analysis:
    how = {"contenders": TWO, "scenarios": [scenario("stampede")], "change": change, "rounds": 6} | how
    return analyse(read_run(plant(folder, **how)))  # type: ignore[arg-type]


def kinds(analysis: Analysis) -> list[str]:
    return [warning.kind.name for warning in analysis.warnings]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analyse(read_run(plant(tmp_path_factory.mktemp("sound") / "run")))


def test_sound_run_has_no_warnings_and_passes_every_check(sound: Analysis) -> None:
    assert kinds(sound) == []
    assert sound.passed == list(run_warnings.KINDS)


def test_verdicts_agree_with_the_simulation(sound: Analysis) -> None:
    verdicts = {key: v.sentence for key, v in sound.verdicts.items()}
    assert verdicts["stampede", "no-cache", "read-p50"] == "worse"
    assert verdicts["stampede", "coalescing", "loads-per-expiry"] == "better"
    assert verdicts["stampede", "coalescing", "read-p50"] == "same"
    assert all(v.sentence not in ("better", "worse") for v in sound.aa_pairs.values())


def test_baselines_get_no_verdict(sound: Analysis) -> None:
    assert "bare-get" not in {contender for _, contender, _ in sound.verdicts}


def shifted(field: str, offset_ns: int, *, only: str = "cache-aside") -> Change:
    def change(cell: CellInfo, rows: list[Row]) -> list[Row]:
        if cell.contender == only:
            for r in rows:
                if r[field] is not None:
                    r[field] += offset_ns
        return rows

    return change


def opened(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "cache-aside":
        for r in rows[-40:]:
            r |= {"start_ns": None, "end_ns": None, "thread_free_ns": None, "found": None}
    return rows


def broken(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "cache-aside":
        rows[-1] |= {"error": "ConnectionError", "found": None}
    return rows


def wrongly_absent(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Every fiftieth read of coalescing returns no record."""
    if cell.contender == "coalescing":
        for r in rows[::50]:
            r["found"] = False
    return rows


def late(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "cache-aside":
        for r in rows:
            r["start_ns"] += 30 * MS
            r["end_ns"] += 30 * MS
    return rows


def slowing(cell: CellInfo, rows: list[Row]) -> list[Row]:
    assert cell.window_start_ns is not None
    for r in rows:
        if r["due_ns"] > cell.window_start_ns + 1_000_000_000:
            r["end_ns"] += 2 * MS
    return rows


def expensive(info: ScenarioInfo) -> ScenarioInfo:
    return replace(info, workload=info.workload | {"load_cpu_ms": 13.0})


FAULTS: dict[WarningKind, dict[str, object]] = {
    run_warnings.EXISTING_NOT_FOUND: {
        "change": wrongly_absent,
        "contenders": ("no-cache", "cache-aside", "coalescing"),
    },
    run_warnings.SCALE_NOT_PRESERVED: {"scenarios": [scenario("stampede", ttl_s=0.15)]},
    run_warnings.SATURATED: {"change": opened},
    run_warnings.ERRORS: {"change": broken},
    run_warnings.GENERATOR_LATE: {"change": late},
    run_warnings.DISTANCE_OFF: {"change": shifted("simulated_rtt_ns", MS)},
    run_warnings.NOT_STEADY: {"change": slowing, "contenders": ("cache-aside",)},
    run_warnings.FEW_ROUNDS: {"rounds": 5},
    run_warnings.CELLS_MISSING: {"unfinished": frozenset([3]), "rounds": 8},
    run_warnings.UNFINISHED: {"status": "cut"},
    run_warnings.REMARK: {
        "remarks": [{"name": "pg_stat_statements", "what": "not loaded", "cost": "no database time"}]
    },
    run_warnings.DATABASE_BUSY: {"scenarios": [expensive(scenario("stampede"))]},
    run_warnings.MACHINE_BUSY: {
        "scenarios": [replace(scenario("stampede"), workload=scenario("stampede").workload | {"load_cpu_ms": 25.0})]
    },
    run_warnings.FROM_THE_FUTURE: {"change": versioned(from_the_future=True), "scenarios": [scenario("read-mostly")]},
    run_warnings.TOO_DENSE: {"change": versioned(commit_ms=500), "scenarios": [scenario("read-mostly")]},
    run_warnings.BETTER_THAN_BOUND: {
        "contenders": ("cache-aside", "bare-get"),
        "change": shifted("end_ns", 5 * MS, only="bare-get"),
    },
    run_warnings.COPIES_DIFFER: {
        "contenders": ("cache-aside", "cache-aside-again"),
        "change": shifted("end_ns", MS, only="cache-aside-again"),
        "rounds": 8,
    },
}


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_planted_fault_causes_a_warning(tmp_path: Path, kind: WarningKind) -> None:
    analysis = analysed(tmp_path / "run", **FAULTS[kind])  # type: ignore[arg-type]
    assert kind.name in kinds(analysis)
    assert kind not in analysis.passed
    assert [x.number for x in analysis.warnings] == list(range(1, len(analysis.warnings) + 1))


def test_every_kind_of_warning_has_a_planted_fault() -> None:
    elsewhere = {run_warnings.COUNTS_DIFFER, run_warnings.STOPPED}  # these have tests of their own
    assert FAULTS.keys() | AROUND.keys() | CLOCKS.keys() | elsewhere == set(run_warnings.KINDS)


def not_cached(_cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Change nothing. A run with a change of its own is simulated again: patched counters do not reach other tests."""
    return rows


def miscounted(source: str, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Increase that counter by one, in one cell."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.reports.planted_runs import planted

        original = planted.accounts

        def accounts(cell: CellInfo, rows: list[Row], info: ScenarioInfo) -> list[tuple[object, ...]]:
            found = original(cell, rows, info)
            if cell.id == 3:
                found = [(*e[:4], e[4] + 1, e[5]) if e[1:3] == (source, name) else e for e in found]
            return found

        monkeypatch.setattr(planted, "accounts", accounts)

    return patch


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        ("redis", "command.get", "GET, Redis counted"),
        ("postgres", "statement.load.calls", "pg_stat_statements counted"),
        ("process-0", "command.get", "GET, Redis counted"),
        ("process-1", "load", "the meters counted"),
    ],
)
def test_single_uncounted_command_or_load_causes_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str, text: str
) -> None:
    miscounted(source, name)(monkeypatch)
    analysis = analysed(tmp_path / "run", not_cached)
    (warning,) = analysis.warnings
    assert warning.kind is run_warnings.COUNTS_DIFFER
    assert warning.cells == (3,)
    assert text in warning.what
    assert (PASSED_BY in warning.what) == (source == "redis")  # only unsent commands bypassed the meters


def test_request_that_locust_did_not_count_causes_a_warning(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=6, contenders=TWO, scenarios=[scenario("stampede")])
    run = read_run(folder)
    counted = run.info.cells[4].locust_requests
    assert counted is not None
    run.info.cells[4].locust_requests = counted - 1
    (warning,) = analyse(run).warnings
    assert warning.kind is run_warnings.COUNTS_DIFFER
    assert warning.cells == (5,)


def test_counts_of_cells_with_failed_requests_are_not_compared(tmp_path: Path) -> None:
    assert kinds(analysed(tmp_path / "run", broken)) == ["errors"]


def test_percentile_below_the_answered_share_is_exact_when_saturated(tmp_path: Path) -> None:
    analysis = analysed(tmp_path / "run", opened)
    assert analysis.figure("stampede", "cache-aside", "read-p50").value < 1.0
    assert analysis.figure("stampede", "cache-aside", "read-p99").value == float("inf")


def test_late_harness_causes_a_warning_even_if_p99_is_beyond_the_deadline(tmp_path: Path) -> None:
    """With a 99th percentile of "> D", a tenth of it would allow any lateness; the limit is one millisecond."""

    def late_and_opened(cell: CellInfo, rows: list[Row]) -> list[Row]:
        return opened(cell, late(cell, rows))

    assert {"saturated", "generator-late"} <= set(kinds(analysed(tmp_path / "run", change=late_and_opened)))


def test_contender_that_returns_no_record_for_an_existing_one_is_not_recommended(tmp_path: Path) -> None:
    """The warning has the share with an interval; without such reads the same contender is recommended."""
    three = ("no-cache", "cache-aside", "coalescing")
    question = next(q for q in QUESTIONS if q.name == "hot-key-may-wait")
    guaranteed(plant(tmp_path / "sound", rounds=8, contenders=three, scenarios=[scenario("stampede")]))
    assert caching_row(analyse(read_run(tmp_path / "sound")), question, None).pick == "coalescing"
    analysis = analysed(tmp_path / "absent", change=wrongly_absent, contenders=three, rounds=8)
    guaranteed(tmp_path / "absent")
    found = caching_row(analyse(read_run(tmp_path / "absent")), question, None)
    assert found.pick == "cache-aside"
    assert dict(found.excluded)["coalescing"] == "returned no record for some that exist"
    (warning,) = [x for x in analysis.warnings if x.kind is run_warnings.EXISTING_NOT_FOUND]
    assert warning.contenders == ("coalescing",)
    assert "coalescing: " in warning.what
    assert "2 % (95 % interval: " in warning.what
    assert warning in analysis.warnings_of("stampede", "coalescing")


@pytest.mark.parametrize(("share", "warned"), [(1.0, False), (0.5, True)])
def test_with_own_sql_a_record_exists_if_the_contender_found_it_at_another_time(
    tmp_path: Path, share: float, warned: bool
) -> None:
    """A key that is never found may have no row; a key that is found sometimes has one."""

    def change(_cell: CellInfo, rows: list[Row]) -> list[Row]:
        for r in rows[: round(share * len(rows))]:
            r["found"] = False
        return rows

    own = replace(scenario("stampede"), workload=scenario("stampede").workload | {"own_sql": True})
    analysis = analysed(tmp_path / "run", change=change, scenarios=[own], contenders=("cache-aside",))
    assert (run_warnings.EXISTING_NOT_FOUND.name in kinds(analysis)) is warned
