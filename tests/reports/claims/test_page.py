"""The claims of a planted run: computed from its samples, shown on the page and written to the CSV."""

import re
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.claims.claim import Case, ClaimVerdict
from stampede.reports.claims.claims_section import ClaimFinding, findings, summary
from stampede.reports.output.html_report import page
from stampede.reports.output.report_model import build_report
from stampede.reports.recommend.factors import depends_on
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo, ScenarioInfo
from tests.reports.planted_runs.planted import MS, Row, plant, scenario

CONTENDERS = ("no-cache", "cache-aside", "coalescing", "bare-get")


def variant(rtt_ms: float) -> ScenarioInfo:
    found = scenario("stampede", rtt_ms=rtt_ms)
    found.name, found.variant_of = "stampede-at-0ms", "stampede"
    return found


def analysed(folder: Path, **how: object) -> Analysis:
    scenarios = [scenario("read-mostly", rate_per_s=100.0), scenario("stampede"), variant(0.0)]
    return analyse(read_run(plant(folder / "run", contenders=CONTENDERS, scenarios=scenarios, rounds=6, **how)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analysed(tmp_path_factory.mktemp("claims"))


def verdicts(analysis: Analysis) -> dict[str, str]:
    return {x.claim.row: x.verdict.word for x in findings(analysis)}


def test_claims_get_a_verdict_or_name_the_command_that_measures_them(run: Analysis) -> None:
    found = verdicts(run)
    assert (found["C3"], found["C6"], found["C10"]) == ("holds", "holds", "holds only if")
    assert {found[row] for row in ("C2", "C4", "C7", "C8", "C9", "C12", "C13")} == {"cannot tell"}
    assert all("make " in x.verdict.said for x in findings(run) if not x.cases)
    assert summary(findings(run)).startswith("Of 13 claims: ")
    assert re.search(r"\b[1-9][0-9]* conditional\b", summary(findings(run)))


def test_every_claim_is_on_the_page_with_valid_links_and_in_the_csv(run: Analysis) -> None:
    report = build_report(run)
    html = page(report)
    for x in findings(run):
        assert f'id="claim-{x.claim.row}"' in html
        assert all(f'id="{case.href}"' in html for case in x.cases if case.href)
    rows = report.files["claims.csv"].splitlines()
    assert {row.split(",")[0] for row in rows[1:]} == {f"C{n}" for n in range(1, 14)}


def test_claim_is_one_line_on_the_page(run: Analysis) -> None:
    """The row, the statement and the deciding figures fit in 130 characters."""
    for x in findings(run):
        line = f"{x.claim.row} {x.claim.statement} {x.brief}"
        assert len(line) <= 130, line
        assert "`" not in line


def test_line_of_claim_with_conditions_has_a_figure_for_and_one_against(run: Analysis) -> None:
    """C1 is true at some places and false at others."""
    figures = {"yes": "0.2 ms", "no": "1.5 ms", "unclear": "1.0 ms"}
    cases = [Case(condition=answer, answer=answer, figure=text) for answer, text in figures.items()]  # type: ignore[arg-type]
    verdict = ClaimVerdict(word="holds only if", said="")
    found = ClaimFinding(claim=findings(run)[0].claim, cases=cases, verdict=verdict)
    assert (found.badge, found.brief) == ("only if", "0.2 ms; not 1.5 ms")


def test_line_of_open_claim_says_why(run: Analysis) -> None:
    """The figure is followed by the reason."""
    case = Case(condition="", answer="unclear", figure="long", brief="1.2 queries", why="1.25 lies within the interval")
    verdict = ClaimVerdict(word="cannot tell", said="")
    found = ClaimFinding(claim=findings(run)[0].claim, cases=[case], verdict=verdict)
    assert (found.badge, found.brief) == ("inconclusive", "1.2 queries: 1.25 lies within the interval")


def test_line_about_database_load_is_that_of_ordinary_reads_at_the_ttl_of_the_run(run: Analysis) -> None:
    """C10 is confirmed for a hot key; the line shows the read-mostly case and its TTL."""
    (found,) = (x for x in findings(run) if x.claim.row == "C10")
    (leading,) = (case for case in found.cases if case.leads)
    assert leading.href == "read-mostly"
    assert "fewer at a TTL of" in found.brief


def bent(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Each load of coalescing counts twice; without simulated RTT, forty times."""
    for r in rows if cell.contender == "coalescing" else ():
        r["loads"] *= 40 if cell.scenario == "stampede-at-0ms" else 2
    return rows


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analysed(tmp_path_factory.mktemp("bent"), change=bent)


@pytest.mark.slow
def test_verdict_depends_on_the_samples(other: Analysis) -> None:
    assert verdicts(other)["C6"] == "does not hold"


def test_void_run_gives_no_verdict(tmp_path: Path) -> None:
    """Every bare read takes 2 ms longer, so contenders are faster than their bound."""

    def change(cell: CellInfo, rows: list[Row]) -> list[Row]:
        for r in rows if cell.contender == "bare-get" else ():
            r["end_ns"] += 2 * MS
        return rows

    contenders = ("cache-aside", "bare-get")
    found = findings(analyse(read_run(plant(tmp_path / "run", contenders=contenders, rounds=6, change=change))))
    assert {(x.verdict.word, x.verdict.said) for x in found} == {("cannot tell", "the run is void")}


def test_few_rounds_give_no_verdict_on_times_and_fixed_factors_are_named(tmp_path: Path) -> None:
    few = analyse(read_run(plant(tmp_path / "run", contenders=CONTENDERS, rounds=2)))
    assert verdicts(few)["C1"] == "cannot tell"
    assert "Simulated RTT, cores, processes and rate: not varied" in depends_on(few)


def test_answer_says_whether_the_rtt_changes_the_order(run: Analysis, other: Analysis) -> None:
    same = depends_on(run)
    assert "The simulated RTT in stampede (0.5 ms and 0 ms): the order of contenders does not change" in same
    changed = depends_on(other)
    assert "coalescing below cache-aside at 0.5 ms, above it at 0 ms" in changed
