"""Every doubt can fire, and is silent where nothing is wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.analysis.server_counts import PASSED_BY
from stampede.reports.recommend.headline import answers
from stampede.run_folder import run_warnings as d
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import WarningKind
from stampede.run_folder.schema import CellInfo, ScenarioInfo
from tests.reports.checks.test_clocks import FAULTS as CLOCKS
from tests.reports.checks.test_environment_checks import FAULTS as AROUND
from tests.reports.planted_runs.planted import MS, Change, Row, as_simulated, plant, scenario
from tests.reports.topics.freshness.planted_versions import versioned

TWO = ("no-cache", "cache-aside")


def judged(folder: Path, change: Change = as_simulated, **how: object) -> Analysis:
    how = {"contenders": TWO, "scenarios": [scenario("stampede")], "change": change} | how
    return analyse(read_run(plant(folder, **how)))  # type: ignore[arg-type]


def kinds(analysis: Analysis) -> list[str]:
    return [warning.kind.name for warning in analysis.warnings]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analyse(read_run(plant(tmp_path_factory.mktemp("sound") / "run")))


def test_a_sound_run_has_no_doubts_and_passes_every_check(sound: Analysis) -> None:
    assert kinds(sound) == []
    assert sound.passed == list(d.KINDS)


def test_what_the_simulation_makes_different_is_called_so(sound: Analysis) -> None:
    said = {key: v.sentence for key, v in sound.verdicts.items()}
    assert said["stampede", "no-cache", "read-p50"] == "worse"
    assert said["stampede", "coalescing", "loads-per-expiry"] == "better"
    assert said["stampede", "coalescing", "read-p50"] == "same"
    assert all(v.sentence not in ("better", "worse") for v in sound.twins.values())


def test_rulers_get_no_sentence(sound: Analysis) -> None:
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


def denied(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Every fiftieth read of coalescing finds no record."""
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
    d.EXISTING_NOT_FOUND: {"change": denied, "contenders": ("no-cache", "cache-aside", "coalescing")},
    d.SATURATED: {"change": opened},
    d.ERRORS: {"change": broken},
    d.GENERATOR_LATE: {"change": late},
    d.DISTANCE_OFF: {"change": shifted("simulated_rtt_ns", MS)},
    d.NOT_STEADY: {"change": slowing, "contenders": ("cache-aside",)},
    d.FEW_ROUNDS: {"rounds": 5},
    d.CELLS_MISSING: {"unfinished": frozenset([3]), "rounds": 8},
    d.UNFINISHED: {"status": "cut"},
    d.REMARK: {"remarks": [{"name": "pg_stat_statements", "what": "not loaded", "cost": "no database time"}]},
    d.DATABASE_BUSY: {"scenarios": [expensive(scenario("stampede"))]},
    d.MACHINE_BUSY: {
        "scenarios": [replace(scenario("stampede"), workload=scenario("stampede").workload | {"load_cpu_ms": 25.0})]
    },
    d.FROM_THE_FUTURE: {"change": versioned(from_the_future=True), "scenarios": [scenario("read-heavy")]},
    d.TOO_DENSE: {"change": versioned(commit_ms=500), "scenarios": [scenario("read-heavy")]},
    d.BETTER_THAN_BOUND: {
        "contenders": ("cache-aside", "bare-get"),
        "change": shifted("end_ns", 5 * MS, only="bare-get"),
    },
    d.TWINS_DIFFER: {
        "contenders": ("cache-aside", "cache-aside-again"),
        "change": shifted("end_ns", MS, only="cache-aside-again"),
    },
}


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_a_planted_fault_is_doubted(tmp_path: Path, kind: WarningKind) -> None:
    analysis = judged(tmp_path / "run", **FAULTS[kind])  # type: ignore[arg-type]
    assert kind.name in kinds(analysis)
    assert kind not in analysis.passed
    assert [x.number for x in analysis.warnings] == list(range(1, len(analysis.warnings) + 1))


def test_the_list_of_doubts_is_closed_and_every_one_has_a_fault_that_it_finds() -> None:
    elsewhere = {d.COUNTS_DIFFER, d.STOPPED}  # in a spec of their own
    assert FAULTS.keys() | AROUND.keys() | CLOCKS.keys() | elsewhere == set(d.KINDS)


def miscounted(source: str, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """One more on that account, in one cell."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.reports.planted_runs import planted

        honest = planted.accounts

        def accounts(cell: CellInfo, rows: list[Row], info: ScenarioInfo) -> list[tuple[object, ...]]:
            found = honest(cell, rows, info)
            if cell.id == 3:
                found = [(*e[:4], e[4] + 1, e[5]) if e[1:3] == (source, name) else e for e in found]
            return found

        monkeypatch.setattr(planted, "accounts", accounts)

    return patch


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("redis", "command.get", "GET, Redis counted"),
        ("postgres", "statement.load.calls", "pg_stat_statements counted"),
        ("process-0", "command.get", "GET, Redis counted"),
        ("process-1", "load", "the rulers counted"),
    ],
)
def test_one_uncounted_command_or_load_fails_to_balance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str, said: str
) -> None:
    miscounted(source, name)(monkeypatch)
    analysis = judged(tmp_path / "run", rounds=6)
    (warning,) = analysis.warnings
    assert warning.kind is d.COUNTS_DIFFER
    assert warning.cells == (3,)
    assert said in warning.what
    assert (PASSED_BY in warning.what) == (source == "redis")  # only what we did not send passed the meters


def test_a_request_that_locust_did_not_count_fails_to_balance(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=6, contenders=TWO, scenarios=[scenario("stampede")])
    run = read_run(folder)
    counted = run.info.cells[4].locust_requests
    assert counted is not None
    run.info.cells[4].locust_requests = counted - 1
    (warning,) = analyse(run).warnings
    assert warning.kind is d.COUNTS_DIFFER
    assert warning.cells == (5,)


def test_accounts_of_cells_with_failed_requests_are_not_compared(tmp_path: Path) -> None:
    assert kinds(judged(tmp_path / "run", broken)) == ["errors"]


def test_a_percentile_below_the_answered_share_stays_exact_when_saturated(tmp_path: Path) -> None:
    analysis = judged(tmp_path / "run", opened)
    assert analysis.figure("stampede", "cache-aside", "read-p50").value < 1.0
    assert analysis.figure("stampede", "cache-aside", "read-p99").value == float("inf")


def test_a_harness_is_late_also_where_answers_lie_beyond_the_deadline(tmp_path: Path) -> None:
    """With a 99th percentile of "> D", a tenth of it would allow any lateness: a millisecond is allowed."""

    def late_and_opened(cell: CellInfo, rows: list[Row]) -> list[Row]:
        return opened(cell, late(cell, rows))

    assert {"saturated", "generator-late"} <= set(kinds(judged(tmp_path / "run", change=late_and_opened)))


def test_a_contender_that_finds_no_record_for_one_that_exists_is_marked_and_not_recommended(tmp_path: Path) -> None:
    """The doubt names its share with an interval; where nothing is denied, the same contender is taken."""
    who = ("no-cache", "cache-aside", "coalescing")
    (sound,) = answers(judged(tmp_path / "sound", contenders=who))
    assert sound.winner == "coalescing"
    analysis = judged(tmp_path / "denying", change=denied, contenders=who)
    (found,) = answers(analysis)
    assert found.winner not in (None, "coalescing")
    assert "coalescing" not in found.tied
    (warning,) = [x for x in analysis.warnings if x.kind is d.EXISTING_NOT_FOUND]
    assert warning.contenders == ("coalescing",)
    assert "coalescing: " in warning.what
    assert "2 % (95 % interval: " in warning.what
    assert warning in analysis.doubts_of("stampede", "coalescing")


@pytest.mark.parametrize(("share", "accused"), [(1.0, False), (0.5, True)])
def test_with_own_sql_a_record_exists_where_the_contender_found_it_at_another_time(
    tmp_path: Path, share: float, accused: bool
) -> None:
    """A key that is never found may have no row; one that is found now and then has one."""

    def change(_cell: CellInfo, rows: list[Row]) -> list[Row]:
        for r in rows[: round(share * len(rows))]:
            r["found"] = False
        return rows

    own = replace(scenario("stampede"), workload=scenario("stampede").workload | {"own_sql": True})
    analysis = judged(tmp_path / "run", change=change, scenarios=[own], contenders=("cache-aside",))
    assert (d.EXISTING_NOT_FOUND.name in kinds(analysis)) is accused
