"""The advice of planted runs: whom it takes, whom it leaves out, and what it must not be certain of."""

import json
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import analyse
from stampede.reports.output.html_report import render
from stampede.reports.recommend.advice_cards import AdviceCard, advice_cards
from stampede.reports.recommend.requirements import NO_STALE_AFTER_TOLD, STALE_AT_MOST_TTL, requirement_status
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.run_folder.races_json import InvariantInfo, RacesInfo, SituationInfo, VerdictInfo
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.plain_figures import PROMISES
from tests.reports.planted_runs.planted import Row, contender, plant, scenario


def guaranteed(folder: Path, *names: str) -> Path:
    """Let every contender, or those, promise what the needs ask for."""
    path = folder / "run.json"
    info = json.loads(path.read_text())
    for c in info["contenders"]:
        if not names or c["name"] in names:
            c["guarantees"] = PROMISES
    path.write_text(json.dumps(info))
    return folder


def advised(folder: Path, races: RacesInfo | None = None) -> dict[str, AdviceCard]:
    return {a.anchor: a for a in advice_cards(analyse(read_run(folder)), races, {})}


def explored(name: str, invariant: str, verdict: str, adversary: str = "nothing") -> RacesInfo:
    return RacesInfo(
        started_utc="",
        command="",
        bound=1,
        contenders=[{"name": name}],
        situations=[SituationInfo(name="s", said="", adversary=adversary)],
        invariants=[InvariantInfo(name=invariant, says="")],
        verdicts=[
            VerdictInfo(
                contender=name,
                situation="s",
                invariant=invariant,
                verdict=verdict,
                guaranteed=True,
                schedules=1,
                complete=True,
            )
        ],
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ["no-cache", "cache-aside", "write-through", "coalescing", "cache-aside-again"]
    return guaranteed(plant(tmp_path_factory.mktemp("advice") / "run", rounds=6, contenders=names))


def test_each_situation_that_was_measured_is_told_what_to_take_why_and_what_would_change_it(whole: Path) -> None:
    found = advised(whole)
    assert found.keys() == {"advice-spare-the-database", "advice-dear-loads", "advice-users-must-not-wait"}
    dear = found["advice-dear-loads"]
    assert dear.sure
    assert dear.take == f"Take {dear.taken}"
    assert "loads per expiry" in dear.because
    assert all((dear.costs, dear.next, dear.changes))
    assert f"{dear.taken}'s loads per expiry reached" in dear.changes
    assert "orders of steps were not explored" in dear.because


def test_who_does_not_promise_what_must_hold_is_out_and_the_reason_stands_there(tmp_path: Path) -> None:
    folder = guaranteed(plant(tmp_path / "run", rounds=6, scenarios=[scenario("stampede")]), "cache-aside")
    dear = advised(folder)["advice-dear-loads"]
    assert dear.taken == "cache-aside"
    assert "refresh-ahead and coalescing: does not promise it" in dear.out
    assert "If it need not hold that" in dear.changes  # without it, one that loads less would be taken
    nobody = advised(plant(tmp_path / "other", rounds=6, scenarios=[scenario("stampede")]))["advice-dear-loads"]
    assert nobody.taken is None
    assert "nobody meets what must hold" in nobody.take


def test_equal_contenders_cannot_be_told_apart(tmp_path: Path) -> None:
    names = ["cache-aside", "cache-aside-too"]  # the simulation knows the second as cache-aside as well
    folder = guaranteed(plant(tmp_path / "run", rounds=8, contenders=names, scenarios=[scenario("stampede")]))
    dear = advised(folder)["advice-dear-loads"]
    assert dear.take.startswith("Cannot tell: ")
    assert not dear.sure
    assert "More rounds" in dear.changes


def test_below_six_rounds_there_is_no_verdict(tmp_path: Path) -> None:
    folder = guaranteed(plant(tmp_path / "run", rounds=3, scenarios=[scenario("stampede")]))
    assert all(a.take.startswith("As seen ") and not a.sure for a in advised(folder).values() if a.taken)


def fail_some(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "coalescing":
        rows[-1] |= {"error": "ConnectionError", "found": None}
    return rows


def test_who_left_a_request_unanswered_is_out(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=6, scenarios=[scenario("stampede")], change=fail_some)
    assert "coalescing: left requests unanswered" in advised(guaranteed(folder))["advice-dear-loads"].out


def test_the_page_shows_the_advice_and_its_rules(whole: Path) -> None:
    text = render(whole).read_text(encoding="utf-8")
    assert all(f'id="{anchor}"' in text for anchor in advised(whole))
    assert "Who may be taken" in text


NAME = "cache-aside"


@pytest.mark.parametrize(
    ("guarantees", "count", "races", "fails", "untested"),
    [
        ([], None, None, "does not promise", ""),
        (PROMISES, Estimate(value=0.1), None, "were seen", ""),
        (PROMISES, Estimate(value=0.0), None, "", "not explored"),
        (PROMISES, missing("not judged"), explored(NAME, "no-stale-after-write", "kept"), "", ""),
        (PROMISES, None, explored(NAME, "no-stale-after-write", "broken"), "breaks it", ""),
        (PROMISES, None, explored("another", "no-stale-after-write", "broken"), "", "not explored"),
    ],
)
def test_one_counterexample_is_enough_and_what_was_not_looked_at_is_said(
    guarantees: list[str], count: Estimate | None, races: RacesInfo | None, fails: str, untested: str
) -> None:
    info = contender(NAME)
    info.guarantees = guarantees
    found = requirement_status(NO_STALE_AFTER_TOLD, info, count, races)
    assert fails in found.fails
    assert bool(found.fails) == bool(fails)
    assert untested in found.untested
    assert bool(found.untested) == bool(untested)


def test_a_promise_of_another_kind_does_not_help() -> None:
    info = contender(NAME)
    info.guarantees = ["NO_STALE_AFTER_WRITE"]
    assert requirement_status(STALE_AT_MOST_TTL, info, None, None).fails
