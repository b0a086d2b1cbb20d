"""Two runs compared, and a run at the gate."""

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
    """Coalescing's hits answer half as late again: all other rows stand."""
    if cell.contender == "coalescing":
        for row in rows:
            if row["loads"] == 0:
                row["end_ns"] = row["due_ns"] + round(WORSE * (row["end_ns"] - row["due_ns"]))
    return rows


def unprotected(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Coalescing loses its lock: every read that missed loads, whoever loads already."""
    if cell.contender == "coalescing":
        for row in rows:
            if row["first_cache_reply"] == "none" and row["loads"] == 0:
                start = row["start_ns"]
                row |= {"loads": 1, "load_start_ns": start, "load_end_ns": start + 40 * MS}
    return rows


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Run folders by name, planted when first asked for: alike unless the name says otherwise."""
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
def judged_once() -> Iterator[None]:
    """A run that several tests look at is judged once: folders here do not change once they are judged."""
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
    """compare A A ends 0, says "no difference", and calls no row better or worse."""
    code, said = call("compare", runs("base"), runs("base"))
    assert code == 0
    assert "no difference" in said
    both = pair(read_run(runs("base")), read_run(runs("base")))
    assert {v.sentence for v in both.verdicts} <= {"same", "cannot tell"}
    assert {v.sentence for v in both.verdicts if v.comparison.ratio is None} <= {"same"}


def test_what_a_change_made_slower_is_called_worse_and_nothing_else(runs: Callable[[str], Path]) -> None:
    """Hits planted half as slow again are found in the one contender and figure that they touch."""
    both = pair(read_run(runs("base")), read_run(runs("slower")))
    moved = {(v.contender, v.metric.name): v for v in both.verdicts if v.sentence in ("better", "worse")}
    found = moved[("coalescing", "read-p50")]
    assert found.sentence == "worse"
    assert found.comparison.ratio is not None
    assert found.comparison.ratio.low < WORSE < found.comparison.ratio.high * 1.02
    assert {contender for contender, _ in moved} == {"coalescing"}
    assert both.headline.endswith("comparisons.")
    assert f"{len(moved)} worse" in both.headline


def test_a_moved_ruler_is_said_above_everything(runs: Callable[[str], Path], tmp_path: Path) -> None:
    """Where the bare GET itself is slower, the machine changed, and that stands above the numbers."""

    def all_slower(_cell: CellInfo, rows: list[Row]) -> list[Row]:
        for row in rows:
            row["end_ns"] = row["due_ns"] + round(WORSE * (row["end_ns"] - row["due_ns"]))
        return rows

    plant(tmp_path / "b", contenders=ROWS, scenarios=[scenario("stampede")], seed=9, change=all_slower)
    both = pair(read_run(runs("base")), read_run(tmp_path / "b"))
    (warning,) = [line for line in both.warnings() if "bare-get" in line and "p50" in line and "read" in line]
    assert "no pattern touches" in warning
    assert page(both).index("no pattern touches") < page(both).index('id="stampede"')


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
def test_unlike_runs_are_refused_by_name(
    runs: Callable[[str], Path], tmp_path: Path, place: tuple[str | int, ...], value: object, named: str
) -> None:
    """What makes figures figures of different things refuses the comparison in one line, exit 2, and is named in it."""
    other = changed(runs("base"), tmp_path / "b", place, value)
    code, said = call("compare", runs("base"), other)
    assert code == 2
    assert len(said.strip().splitlines()) == 1
    assert named in said
    assert "--force" in said


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
def test_what_a_comparison_is_for_is_no_reason_to_refuse(
    runs: Callable[[str], Path], tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    """Code, packages, contenders' settings, seeds and rounds may differ; but for addresses they are listed."""
    other = changed(runs("base"), tmp_path / "b", place, value)
    both = pair(read_run(runs("base")), read_run(other))
    assert [x.serious for x in both.differences] == ([] if "url" in place else [False])


def test_force_compares_in_spite_and_says_so_first(runs: Callable[[str], Path], tmp_path: Path) -> None:
    """--force ends 0, and the page, the Markdown and the terminal all begin with what is not alike."""
    code, said = call("compare", runs("base"), runs("other"), "--force", "--out", tmp_path)
    assert code == 0
    assert said.index("by force") < said.index("comparisons.")
    (html,) = tmp_path.glob("*.html")
    (text,) = tmp_path.glob("*.md")
    for path in (html, text):
        written = path.read_text()
        assert "stampede.workload.ttl_s" in written
        assert written.index("by force") < written.index("loads per expiry")


def test_a_page_is_whole_and_the_same_each_time(runs: Callable[[str], Path]) -> None:
    """The page needs no network and no script; the same folders give the same bytes, as HTML and as Markdown."""
    both, again = (pair(read_run(runs("base")), read_run(runs("again"))) for _ in range(2))
    html = page(both)
    assert html == page(again)
    assert markdown(both) == markdown(both)
    assert "| contender | figure | A | B |" in markdown(both)
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_the_gates_four_codes(runs: Callable[[str], Path]) -> None:
    """0 where nothing got worse, 1 where loads per expiry did, 2 where runs are unlike, 3 where it cannot tell."""
    generous = ("--max-regression", "100%")
    assert call("gate", runs("again"), "--against", runs("base"), *generous)[0] == 0
    code, said = call("gate", runs("unprotected"), "--against", runs("base"), *generous)
    assert code == 1
    assert "FAIL: stampede, coalescing: loads per expiry at most 100 % more" in said
    assert call("gate", runs("base"), "--against", runs("other"))[0] == 2
    code, said = call("gate", runs("few"), "--against", runs("base"))
    assert code == 3
    assert "3 rounds, 6 wanted" in said


def test_latency_is_judged_only_when_asked(runs: Callable[[str], Path]) -> None:
    """A contender half as slow again passes the default gate, and fails where p50 is named."""
    both = ("gate", runs("slower"), "--against", runs("base"))
    assert call(*both, "--max-regression", "100%")[0] == 0
    code, said = call(*both, "--metric", "p50", "--max-regression", "10%")
    assert code == 1
    assert said.count("FAIL") == 1
    assert "coalescing: read response time p50" in said


def test_absolute_limits(runs: Callable[[str], Path], tmp_path: Path) -> None:
    """A limit passes where the whole interval keeps it, fails where none of it does, else it cannot be told."""
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
def test_a_gate_file_that_says_something_else_is_refused(
    runs: Callable[[str], Path], tmp_path: Path, text: str, named: str
) -> None:
    """Every mistake in gate.toml is one line that names it, exit 2: a misspelt limit never passes for a kept one."""
    file = tmp_path / "gate.toml"
    file.write_text(text)
    code, said = call("gate", runs("base"), "--config", file)
    assert code == 2
    assert len(said.strip().splitlines()) == 1
    assert named in said


def test_a_broken_promise_fails_without_a_base(tmp_path: Path) -> None:
    """A run whose no-cache returns, after a told write, what was there before, fails the gate by itself."""

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
        tmp_path / "run", contenders=("no-cache", "cache-aside"), scenarios=[scenario("read-heavy")], change=stale
    )
    guarantee(folder, "no-cache", "NO_STALE_AFTER_WRITE")
    code, said = call("gate", folder)
    assert code == 1
    assert "no-cache: no stale read after a write was told" in said


def test_a_gate_file_judges_a_run_by_itself_though_it_is_its_own_base(
    runs: Callable[[str], Path], tmp_path: Path
) -> None:
    """Absolute limits hold where nothing changed, too."""
    file = tmp_path / "gate.toml"
    file.write_text("[limits.stampede.cache-aside]\nloads-per-expiry = { max = 1 }\n")
    assert call("gate", runs("base"), "--against", runs("base"), "--config", file)[0] == 1
    file.write_text("contracts = true\n")
    assert call("gate", runs("base"), "--against", runs("base"), "--config", file)[0] == 0


def test_shares() -> None:
    """10% and 0.1 are the same; what is no share is refused."""
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
def test_a_wrong_gate_file_is_refused_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    """The line names the file, the field, what was found and what was wanted."""
    file = tmp_path / "gate.toml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_thresholds(file)
    assert str(error.value) == f"{file}{line}"


def test_a_gate_file_may_leave_out_everything(tmp_path: Path) -> None:
    """An empty file means the defaults; `contracts = true` makes every contract absolute; a bound may be whole."""
    file = tmp_path / "gate.toml"
    file.write_text("")
    assert read_thresholds(file) == read_thresholds(None)
    file.write_text("contracts = true\n[limits.'*'.c]\nread-p99 = { max = 50 }\n")
    found = read_thresholds(file)
    assert (found.contracts, found.absolute) == (True, True)
    assert [(one.scenario, one.contender, one.most, one.least) for one in found.limits] == [("*", "c", 50.0, -math.inf)]


def test_counts_may_be_a_tenth_worse_unless_the_gate_says_why_not(runs: Callable[[str], Path]) -> None:
    """The default is 10 %; where it is not, the line that is printed gives the reason; one that is asked for holds."""
    said = call("gate", runs("unprotected"), "--against", runs("base"), "--verbose")[1]
    limits = [line for line in said.splitlines() if "% more than the base" in line]
    assert limits
    for line in limits:
        assert ("at most 10 %" in line) != ("at most 25 % more than the base (a round sees few expiries" in line)
    asked = call("gate", runs("unprotected"), "--against", runs("base"), "--verbose", "--max-regression", "10%")[1]
    assert "25 %" not in asked


def test_by_default_a_gate_judges_counts_alone() -> None:
    """No time is among the figures that a gate judges unasked."""
    assert {m.unit for m in read_thresholds(None).metrics} <= {"", "%"}
    assert exit_code([]) == 3


def changed(folder: Path, to: Path, place: tuple[str | int, ...], value: object) -> Path:
    """A copy of the run with one field of run.json set."""
    shutil.copytree(folder, to)
    changed_in_place(to, place, value)
    return to


def changed_in_place(to: Path, place: tuple[str | int, ...], value: object) -> None:
    data = json.loads((to / "run.json").read_text())
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    (to / "run.json").write_text(json.dumps(data))


def guarantee(folder: Path, contender: str, name: str) -> None:
    data = json.loads((folder / "run.json").read_text())
    next(c for c in data["contenders"] if c["name"] == contender)["guarantees"].append(name)
    (folder / "run.json").write_text(json.dumps(data))
