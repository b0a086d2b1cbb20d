"""Comparison of two runs, and the gate."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.errors import InputError
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.compare import compare_runs, run_gate
from stampede.reports.compare.compare_runs import pair
from stampede.reports.compare.comparison_page import markdown, page
from stampede.reports.compare.run_gate import exit_code
from stampede.reports.compare.thresholds import as_share, read_thresholds
from stampede.run_folder.read import Run, read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, Row, plant, scenario

ROWS = ("cache-aside", "coalescing", "bare-get")
WORSE = 1.5


def slower(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Coalescing's hits take half as long again; all other rows are unchanged."""
    if cell.contender == "coalescing":
        for row in rows:
            if row["loads"] == 0:
                row["end_ns"] = row["due_ns"] + round(WORSE * (row["end_ns"] - row["due_ns"]))
    return rows


def unprotected(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Coalescing loses its lock: every read that missed loads, even during another load."""
    if cell.contender == "coalescing":
        for row in rows:
            if row["first_cache_reply"] == "none" and row["loads"] == 0:
                start = row["start_ns"]
                row |= {"loads": 1, "load_start_ns": start, "load_end_ns": start + 40 * MS}
    return rows


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Run folders by name, planted on the first request. They are comparable except "other"."""
    folder = tmp_path_factory.mktemp("runs")
    stampede, other = scenario("stampede"), scenario("stampede", ttl_s=0.25)
    kinds: dict[str, dict[str, Any]] = {
        "base": {"seed": 1},
        "again": {"seed": 2},
        "slower": {"seed": 3, "change": slower},
        "unprotected": {"seed": 4, "change": unprotected},
        "few": {"seed": 5, "rounds": 3},
        "other": {"seed": 6, "scenarios": [other]},
    }

    def planted(name: str) -> Path:
        path = folder / name
        if not path.exists():
            chosen: dict[str, Any] = {"scenarios": [stampede], "rounds": 7} | kinds[name]
            plant(path, contenders=ROWS, **chosen)
        return path

    return planted


@pytest.fixture(scope="module", autouse=True)
def analysed_once() -> Iterator[None]:
    """Analyse a run once for several tests: the folders of this module do not change after the analysis."""
    known: dict[Path, Analysis] = {}

    def once(run: Run) -> Analysis:
        return known[run.folder] if run.folder in known else known.setdefault(run.folder, analyse(run))

    with pytest.MonkeyPatch.context() as patch:
        for module in (compare_runs, run_gate):
            patch.setattr(module, "analyse", once)
        yield


def call(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def test_a_run_against_itself_shows_no_difference(runs: Callable[[str], Path]) -> None:
    """compare A A exits with 0, prints "no difference", and calls no row better or worse."""
    code, output = call("compare", runs("base"), runs("base"))
    assert code == 0
    assert "no difference" in output
    both = pair(read_run(runs("base")), read_run(runs("base")))
    assert {v.sentence for v in both.verdicts} <= {"same", "cannot tell"}
    assert {v.sentence for v in both.verdicts if v.comparison.ratio is None} <= {"same"}


def test_only_the_contender_that_a_change_made_slower_is_called_worse(runs: Callable[[str], Path]) -> None:
    """Slower hits of one contender make only this contender worse."""
    both = pair(read_run(runs("base")), read_run(runs("slower")))
    moved = {(v.contender, v.metric.name): v for v in both.verdicts if v.sentence in ("better", "worse")}
    found = moved[("coalescing", "read-p50")]
    assert found.sentence == "worse"
    assert found.comparison.ratio is not None
    assert found.comparison.ratio.low < WORSE < found.comparison.ratio.high * 1.02
    assert {contender for contender, _ in moved} == {"coalescing"}
    judged = sum(bool(v.sentence) for v in both.contender_verdicts)
    assert both.headline == f"B is worse in {len(moved)} of {judged} comparisons."
    assert len(both.headline.split()) <= 12


def test_a_warning_about_a_changed_baseline_is_above_the_comparison(
    runs: Callable[[str], Path], tmp_path: Path
) -> None:
    """If the bare GET is slower, the machine changed; the page has this warning above the numbers."""

    def all_slower(_cell: CellInfo, rows: list[Row]) -> list[Row]:
        for row in rows:
            row["end_ns"] = row["due_ns"] + round(WORSE * (row["end_ns"] - row["due_ns"]))
        return rows

    plant(tmp_path / "b", rounds=7, contenders=ROWS, scenarios=[scenario("stampede")], seed=9, change=all_slower)
    both = pair(read_run(runs("base")), read_run(tmp_path / "b"))
    (warning,) = [line for line in both.warnings() if "bare-get" in line]
    assert "read " in warning
    assert "more metrics changed. No pattern affects it" in warning
    assert page(both).index("No pattern affects it") < page(both).index('id="stampede"')


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("plan",), "standard", "plan (planted, standard)"),
        (("method",), 99, "method"),
        (("scenarios", 0, "workload", "rtt_ms"), 5.0, "stampede.workload.rtt_ms (0.5, 5.0)"),
        (("scenarios", 0, "workload", "ttl_s"), 9.0, "stampede.workload.ttl_s"),
        (("scenarios", 0, "processes"), 1, "stampede.processes (2, 1)"),
        (("scenarios", 0, "window_s"), 3.0, "stampede.window_s"),
        (("metadata", "machine", "cpu"), "another", "machine.cpu (planted, another)"),
        (("metadata", "machine", "cores"), 64, "machine.cores"),
        (("metadata", "servers", "redis", "version"), "8.0", "servers.redis.version (9.1.2, 8.0)"),
        (("metadata", "servers", "postgres", "settings", "jit"), "on", "servers.postgres.settings.jit"),
        (("metadata", "servers", "stack"), "containers", "servers.stack"),
        (("status",), "failed", "status"),
    ],
)
def test_runs_that_are_not_comparable_are_an_error_that_names_the_difference(
    runs: Callable[[str], Path], tmp_path: Path, place: tuple[str | int, ...], value: object, named: str
) -> None:
    """A difference of conditions ends the comparison with one line that names it, and exit code 2."""
    other = changed(runs("base"), tmp_path / "b", place, value)
    code, output = call("compare", runs("base"), other)
    assert code == 2
    assert len(output.strip().splitlines()) == 1
    assert named in output
    assert "--force" in output


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("seed",), 99),
        (("rounds",), 99),
        (("metadata", "commit"), "1" * 40),
        (("metadata", "packages", "redis"), "9.0"),
        (("metadata", "servers", "redis", "url"), "redis://elsewhere"),
        (("contenders", 0, "config"), {"ttl_s": 1}),
    ],
)
def test_a_difference_of_code_or_chance_does_not_end_the_comparison(
    runs: Callable[[str], Path], tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    """Code, packages, contenders' settings, seeds and rounds may differ and are listed; addresses are not listed."""
    other = changed(runs("base"), tmp_path / "b", place, value)
    both = pair(read_run(runs("base")), read_run(other))
    assert [x.blocking for x in both.differences] == ([] if "url" in place else [False])


def test_force_compares_anyway_and_warns_first(runs: Callable[[str], Path], tmp_path: Path) -> None:
    """With --force the exit code is 0, and the page, the Markdown and the terminal begin with the differences."""
    code, output = call("compare", runs("base"), runs("other"), "--force", "--out", tmp_path)
    assert code == 0
    assert output.index("by force") < output.index("comparisons.")
    (html,) = tmp_path.glob("*.html")
    (text,) = tmp_path.glob("*.md")
    for path in (html, text):
        written = path.read_text()
        assert "stampede.workload.ttl_s" in written
        assert written.index("by force") < written.index("comparisons.")


def test_a_page_is_whole_and_the_same_each_time(runs: Callable[[str], Path]) -> None:
    """The page needs no network and no script; the same folders give the same HTML and Markdown."""
    both, again = (pair(read_run(runs("base")), read_run(runs("again"))) for _ in range(2))
    html = page(both)
    assert html == page(again)
    assert markdown(both) == markdown(both)
    assert "| contender | metric | A | B | change from A to B |" in markdown(both)
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_the_four_exit_codes_of_the_gate(runs: Callable[[str], Path]) -> None:
    """0: nothing is worse; 1: queries per expiry are worse; 2: the runs are not comparable; 3: cannot tell."""
    generous = ("--max-regression", "100%")
    assert call("gate", runs("again"), "--against", runs("base"), *generous)[0] == 0
    code, output = call("gate", runs("unprotected"), "--against", runs("base"), *generous)
    assert code == 1
    assert "FAIL: stampede, coalescing: queries per expiry at most 100 % more" in output
    assert call("gate", runs("base"), "--against", runs("other"))[0] == 2
    code, output = call("gate", runs("few"), "--against", runs("base"))
    assert code == 3
    assert "3 rounds, 6 wanted" in output


def test_response_times_are_checked_only_on_request(runs: Callable[[str], Path]) -> None:
    """A slower contender passes the default gate, and fails if p50 is given."""
    both = ("gate", runs("slower"), "--against", runs("base"))
    assert call(*both, "--max-regression", "100%")[0] == 0
    code, output = call(*both, "--metric", "p50", "--max-regression", "10%")
    assert code == 1
    assert output.count("FAIL") == 1
    assert "coalescing: read response time p50" in output


def test_absolute_limits(runs: Callable[[str], Path], tmp_path: Path) -> None:
    """A limit passes if the whole interval keeps it, fails if no part of it does, and otherwise cannot tell."""
    file = tmp_path / "gate.toml"
    for most, code in ((2.0, 1), (8.5, 3), (50.0, 0)):
        file.write_text(f"[limits.stampede.cache-aside]\nloads-per-expiry = {{ max = {most} }}\n")
        assert call("gate", runs("base"), "--config", file)[0] == code, most
    file.write_text('[limits."*"."*"]\nloads-per-1000-reads = { max = 900 }\nhit-rate = { min = 10 }\n')
    assert call("gate", runs("base"), "--config", file)[0] == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_regresion = 0.1", "max_regresion"),
        ("metrics = ['p51']", "p51"),
        ("max_regression = 'much'", "much"),
        ("[limits.stampede.cache-aside]\nread-p99 = { mx = 5 }", "mx"),
        ("[limits.stampede.cache-aside]\nread-p99 = { max = '5' }", "'5'"),
        ("[limits.stampede]\ncache-aside = 5", "limits.stampede"),
        ("[limits.stampeed.cache-aside]\nread-p99 = { max = 5 }", "stampeed"),
        ("[limits.stampede.cash-aside]\nread-p99 = { max = 5 }", "cash-aside"),
        ("contracts = 3", "contracts"),
        ("= 3", "TOML"),
    ],
)
def test_a_mistake_in_a_gate_file_is_an_error(
    runs: Callable[[str], Path], tmp_path: Path, text: str, named: str
) -> None:
    """Every mistake in gate.toml gives one line that names it, and exit code 2: a misspelt limit never passes."""
    file = tmp_path / "gate.toml"
    file.write_text(text)
    code, output = call("gate", runs("base"), "--config", file)
    assert code == 2
    assert len(output.strip().splitlines()) == 1
    assert named in output


def test_a_broken_guarantee_fails_without_a_base(tmp_path: Path) -> None:
    """A run whose no-cache returns the old value after an acknowledged write fails the gate without a base."""

    def stale(_cell: CellInfo, rows: list[Row]) -> list[Row]:
        version = 0
        for row in rows:
            if row["operation"] == "write":
                version += 1
                row |= {"version_written": version, "key": 1}
                row |= {"commit_start_ns": row["start_ns"], "commit_end_ns": row["end_ns"] - 1}
            else:
                row |= {"version_read": 0, "key": 1}
        return rows

    folder = plant(
        tmp_path / "run", contenders=("no-cache", "cache-aside"), scenarios=[scenario("read-mostly")], change=stale
    )
    guarantee(folder, "no-cache", "NO_STALE_AFTER_WRITE")
    code, output = call("gate", folder)
    assert code == 1
    assert "no-cache: no stale read after a write was acknowledged" in output


def test_absolute_limits_apply_to_a_run_that_is_its_own_base(runs: Callable[[str], Path], tmp_path: Path) -> None:
    """Absolute limits also apply if nothing changed."""
    file = tmp_path / "gate.toml"
    file.write_text("[limits.stampede.cache-aside]\nloads-per-expiry = { max = 1 }\n")
    assert call("gate", runs("base"), "--against", runs("base"), "--config", file)[0] == 1
    file.write_text("contracts = true\n")
    assert call("gate", runs("base"), "--against", runs("base"), "--config", file)[0] == 0


def test_shares() -> None:
    """10% and 0.1 are the same; a text that is no share is an error."""
    assert as_share("10%", "x") == as_share("0.1", "x") == as_share(0.1, "x") == 0.1
    for wrong in ("ten", "-1%", "1000%", "nan", ""):
        with pytest.raises(InputError):
            as_share(wrong, "x")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("limit = 1", ": limit: unknown (wanted: one of max_regression, metrics, contracts, limits)"),
        ("metrics = [1]", ": metrics: [1] (wanted: a list of names)"),
        ("metrics = 'p99'", ": metrics: 'p99' (wanted: a list of names)"),
        ("contracts = 1", ": contracts: 1 (wanted: true or false)"),
        ("limits = []", ": limits: list (wanted: a table of tables)"),
        ("[limits.s.c]\nread-p99 = {}", ": limits.s.c.read-p99: empty (wanted: { max = … } or { min = … })"),
        ("[limits.s.c]\nread-p99 = { most = 1 }", ": limits.s.c.read-p99.most: unknown (wanted: max or min)"),
        (
            "[limits.s.c]\nread-p99 = { max = true }",
            ": limits.s.c.read-p99.max: True (wanted: a number, at most 1,000,000,000,000,000 either way)",
        ),
    ],
)
def test_the_error_for_a_wrong_gate_file_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    """The line names the file, the field, the value and the expected value."""
    file = tmp_path / "gate.toml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_thresholds(file)
    assert str(error.value) == f"{file}{line}"


def test_a_gate_file_may_leave_out_everything(tmp_path: Path) -> None:
    """An empty file means the defaults; `contracts = true` makes every contract absolute; a limit may be an integer."""
    file = tmp_path / "gate.toml"
    file.write_text("")
    assert read_thresholds(file) == read_thresholds(None)
    file.write_text("contracts = true\n[limits.'*'.c]\nread-p99 = { max = 50 }\n")
    found = read_thresholds(file)
    assert (found.contracts, found.absolute) == (True, True)
    assert [(one.scenario, one.contender, one.most, one.least) for one in found.limits] == [("*", "c", 50.0, -math.inf)]


def test_a_count_with_another_default_than_10_percent_has_its_reason_in_the_line(runs: Callable[[str], Path]) -> None:
    """The default is 10 %. If a count has another default, the line gives the reason. A given share overrides both."""
    output = call("gate", runs("unprotected"), "--against", runs("base"), "--verbose")[1]
    limits = [line for line in output.splitlines() if "% more than the base" in line]
    assert limits
    for line in limits:
        assert ("at most 10 %" in line) != ("at most 25 % more than the base (a round sees few expiries" in line)
    given = call("gate", runs("unprotected"), "--against", runs("base"), "--verbose", "--max-regression", "10%")[1]
    assert "25 %" not in given


def test_by_default_a_gate_checks_only_counts() -> None:
    """The default metrics of a gate contain no time."""
    assert {m.unit for m in read_thresholds(None).metrics} <= {"", "%"}
    assert exit_code([]) == 3


def changed(folder: Path, to: Path, place: tuple[str | int, ...], value: object) -> Path:
    """A copy of the run with one field of run.json changed."""
    shutil.copytree(folder, to)
    changed_in_place(to, place, value)
    return to


def changed_in_place(to: Path, place: tuple[str | int, ...], value: object) -> None:
    """Change one field of the run's run.json."""
    data = json.loads((to / "run.json").read_text())
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    (to / "run.json").write_text(json.dumps(data))


def guarantee(folder: Path, contender: str, name: str) -> None:
    """Add a guarantee to a contender of the run."""
    data = json.loads((folder / "run.json").read_text())
    next(c for c in data["contenders"] if c["name"] == contender)["guarantees"].append(name)
    (folder / "run.json").write_text(json.dumps(data))
