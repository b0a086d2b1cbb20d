"""Reservations: a requirement that a contender keeps only while nothing else happens."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import analyse
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.requirements import EXPIRY, NO_STALE_AFTER_ACKNOWLEDGEMENT, requirement_status
from stampede.reports.recommend.rule.caching_rows import caching_row
from stampede.reports.recommend.rule.questions import QUESTIONS
from stampede.run_folder.races_json import InvariantInfo, RacesInfo, SituationInfo, VerdictInfo
from stampede.run_folder.read import read_run
from tests.reports.planted_runs.plain_figures import GUARANTEES, guaranteed
from tests.reports.planted_runs.planted import contender, plant, scenario

QUESTION = next(question for question in QUESTIONS if question.name == "fresh-records")
INVARIANTS = ("no-stale-after-write", "stale-at-most-ttl")


def explored(*, broken_when_expired: tuple[str, ...], kept: tuple[str, ...]) -> RacesInfo:
    """Every contender keeps both invariants while nothing else happens; some break one on an expiry."""

    def verdict(name: str, situation: str, invariant: str, word: str) -> VerdictInfo:
        return VerdictInfo(
            contender=name,
            situation=situation,
            invariant=invariant,
            verdict=word,
            guaranteed=word == "kept",
            schedules=9,
            complete=True,
        )

    names = (*broken_when_expired, *kept)
    return RacesInfo(
        started_utc="",
        command="",
        bound=1,
        contenders=[{"name": name} for name in names],
        situations=[
            SituationInfo(name="alone", said="", adversary="nothing"),
            SituationInfo(name="expiry", said="", adversary=EXPIRY),
        ],
        invariants=[InvariantInfo(name=name, says="") for name in INVARIANTS],
        verdicts=[
            *(verdict(name, "alone", invariant, "kept") for name in names for invariant in INVARIANTS),
            *(verdict(name, "expiry", INVARIANTS[0], "broken") for name in broken_when_expired),
            *(verdict(name, "expiry", INVARIANTS[0], "not guaranteed") for name in kept),
        ],
    )


def answered(folder: Path, races: RacesInfo) -> AnswerRow:
    return caching_row(analyse(read_run(folder)), QUESTION, races)


def mixed(tmp_path: Path, *names: str) -> Path:
    written = replace(scenario("mixed-writes", read_share=0.7, active_records=None, ttl_s=1.0), check_after_drain=True)
    return guaranteed(plant(tmp_path / "run", rounds=6, contenders=names, scenarios=[written]))


def test_a_condition_names_the_event_in_plain_words() -> None:
    info = contender("versioned")
    info.guarantees = GUARANTEES
    races = explored(broken_when_expired=("versioned",), kept=())
    found = requirement_status(NO_STALE_AFTER_ACKNOWLEDGEMENT, info, None, races)
    assert found.conditional == (
        "kept in every order of steps as long as no entry expires or is evicted in between; broken when one does "
        "(every entry here has a TTL)"
    )
    assert not found.fails
    assert "TTL" not in requirement_status(NO_STALE_AFTER_ACKNOWLEDGEMENT, info, None, races, ttls=False).conditional


@pytest.mark.parametrize("ran_there", [True, False])
def test_contender_that_breaks_on_expiry_ranks_below_one_that_does_not(tmp_path: Path, ran_there: bool) -> None:
    names = ("no-cache", "write-through", "coalescing") if ran_there else ("no-cache", "write-through")
    folder = mixed(tmp_path, *names)
    if not ran_there:  # the run has coalescing, but not in this scenario
        path = folder / "run.json"
        info = json.loads(path.read_text())
        info["contenders"].append({**info["contenders"][0], "name": "coalescing"})
        path.write_text(json.dumps(info))
    found = answered(folder, explored(broken_when_expired=("write-through",), kept=("no-cache", "coalescing")))
    if ran_there:
        assert found.pick == "coalescing"
        assert not found.reservations
        why = dict(found.excluded)["write-through"]
        assert why.startswith("another cache keeps it even then (kept in every order")
    else:
        assert found.pick == "write-through"
        event, others = found.reservations
        assert "broken when one does" in event
        assert "with coalescing, which did not run here" in others
        assert "for a literal “never”: no-cache (1,000 " in others
