"""The advice cards of planted runs: the contender taken, those excluded, and the limits of certainty."""

import json
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import analyse
from stampede.reports.output.html_report import render
from stampede.reports.recommend.advice_cards import AdviceCard, advice_cards
from stampede.reports.recommend.requirements import (
    NO_STALE_AFTER_ACKNOWLEDGEMENT,
    STALE_AT_MOST_TTL,
    requirement_status,
)
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.run_folder.races_json import InvariantInfo, RacesInfo, SituationInfo, VerdictInfo
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.plain_figures import GUARANTEES
from tests.reports.planted_runs.planted import Row, contender, plant, scenario


def guaranteed(folder: Path, *names: str) -> Path:
    """Give every contender, or the named ones, the guarantees that the requirements need."""
    path = folder / "run.json"
    info = json.loads(path.read_text())
    for c in info["contenders"]:
        if not names or c["name"] in names:
            c["guarantees"] = GUARANTEES
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


def test_each_measured_use_case_has_a_card_with_recommendation_reason_cost_and_sensitivity(whole: Path) -> None:
    found = advised(whole)
    assert found.keys() == {"advice-spare-the-database", "advice-expensive-loads", "advice-users-must-not-wait"}
    card = found["advice-expensive-loads"]
    assert card.sure
    assert card.take == f"Take {card.taken}"
    assert "loads per expiry" in card.because
    assert all((card.costs, card.next, card.changes))
    assert f"{card.taken}'s loads per expiry reached" in card.changes
    assert "orders of steps were not explored" in card.because


def test_a_contender_without_the_required_guarantee_is_excluded_with_the_reason(tmp_path: Path) -> None:
    folder = guaranteed(plant(tmp_path / "run", rounds=6, scenarios=[scenario("stampede")]), "cache-aside")
    card = advised(folder)["advice-expensive-loads"]
    assert card.taken == "cache-aside"
    assert "refresh-ahead and coalescing: does not guarantee it" in card.out
    assert "If it need not hold that" in card.changes  # without the requirement, one with fewer loads would be taken
    none = advised(plant(tmp_path / "other", rounds=6, scenarios=[scenario("stampede")]))["advice-expensive-loads"]
    assert none.taken is None
    assert "no contender meets the requirements" in none.take


def test_equal_contenders_cannot_be_distinguished(tmp_path: Path) -> None:
    names = ["cache-aside", "cache-aside-too"]  # the simulation treats the second as cache-aside as well
    folder = guaranteed(plant(tmp_path / "run", rounds=8, contenders=names, scenarios=[scenario("stampede")]))
    card = advised(folder)["advice-expensive-loads"]
    assert card.take.startswith("Cannot tell: ")
    assert not card.sure
    assert "More rounds" in card.changes


def test_below_six_rounds_there_is_no_verdict(tmp_path: Path) -> None:
    folder = guaranteed(plant(tmp_path / "run", rounds=3, scenarios=[scenario("stampede")]))
    assert all(a.take.startswith("As seen: ") and not a.sure for a in advised(folder).values() if a.taken)


def fail_some(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "coalescing":
        rows[-1] |= {"error": "ConnectionError", "found": None}
    return rows


def test_a_contender_that_left_a_request_unanswered_is_excluded(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=6, scenarios=[scenario("stampede")], change=fail_some)
    assert "coalescing: left requests unanswered" in advised(guaranteed(folder))["advice-expensive-loads"].out


def test_the_page_shows_the_advice_and_its_rules(whole: Path) -> None:
    text = render(whole).read_text(encoding="utf-8")
    assert all(f'id="{anchor}"' in text for anchor in advised(whole))
    assert "Eligible: every contender" in text


NAME = "cache-aside"


@pytest.mark.parametrize(
    ("guarantees", "count", "races", "fails", "untested"),
    [
        ([], None, None, "does not guarantee", ""),
        (GUARANTEES, Estimate(value=0.1), None, "were seen", ""),
        (GUARANTEES, Estimate(value=0.0), None, "", "not explored"),
        (GUARANTEES, missing("not judged"), explored(NAME, "no-stale-after-write", "kept"), "", ""),
        (GUARANTEES, None, explored(NAME, "no-stale-after-write", "broken"), "breaks it", ""),
        (GUARANTEES, None, explored("another", "no-stale-after-write", "broken"), "", "not explored"),
    ],
)
def test_one_counterexample_is_enough_and_an_untested_requirement_is_named(
    guarantees: list[str], count: Estimate | None, races: RacesInfo | None, fails: str, untested: str
) -> None:
    info = contender(NAME)
    info.guarantees = guarantees
    found = requirement_status(NO_STALE_AFTER_ACKNOWLEDGEMENT, info, count, races)
    assert fails in found.fails
    assert bool(found.fails) == bool(fails)
    assert untested in found.untested
    assert bool(found.untested) == bool(untested)


def test_another_guarantee_does_not_meet_a_requirement() -> None:
    info = contender(NAME)
    info.guarantees = ["NO_STALE_AFTER_WRITE"]
    assert requirement_status(STALE_AT_MOST_TTL, info, None, None).fails
