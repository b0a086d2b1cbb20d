"""Races in the report: the column of the decision table, the section, and the separate page."""

from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.topics.races.races_page import render_races
from stampede.reports.topics.races.races_section import answer
from stampede.run_folder.races_json import (
    ExplorationInfo,
    InvariantInfo,
    RacesInfo,
    SituationInfo,
    StepInfo,
    VerdictInfo,
)
from tests.reports.output.test_html_report import opened
from tests.reports.planted_runs.planted import plant, scenario

INVARIANTS = ("eventually-fresh", "read-your-writes", "one-load-per-miss", "never-tried")
STEPS = [
    StepInfo(client="a", label="GET <1>", server="redis", database={"1": 1}, cache={}),
    StepInfo(client="a", label="SELECT", server="postgres", database={"1": 1}, cache={"1": "v1"}),
]


def verdict(contender: str, invariant: str, word: str, *, guaranteed: bool) -> VerdictInfo:
    broken = word == "broken"
    return VerdictInfo(
        contender=contender,
        situation="reader-writer",
        invariant=invariant,
        verdict=word,
        guaranteed=guaranteed,
        schedules=35,
        complete=True,
        broken_in=4 if broken else 0,
        how="planted" if broken else "",
        preemptions=1 if broken else None,
        shortest=STEPS if broken else [],
        id="reader-writer:a2" if broken else "",
    )


def races(*, guaranteed: bool) -> RacesInfo:
    """cache-aside breaks two of three invariants, the first of them guaranteed or not; coalescing breaks none."""
    names = ("cache-aside", "coalescing")
    return RacesInfo(
        started_utc="2026-01-02T03:04:05+00:00",
        command="stampede bench planted",
        bound=5000,
        contenders=[{"name": name, "summary": "", "guarantees": [], "file": None} for name in names],
        situations=[SituationInfo(name="reader-writer", said="a reads, b writes", adversary="nothing")],
        invariants=[InvariantInfo(name=name, says=f"{name} in words") for name in INVARIANTS],
        explorations=[
            ExplorationInfo(
                contender=name,
                situation="reader-writer",
                schedules=35,
                complete=True,
                replays=40,
                round_trips=240,
                seconds=0.1,
            )
            for name in names
        ],
        verdicts=[
            verdict("cache-aside", "eventually-fresh", "broken", guaranteed=guaranteed),
            verdict("cache-aside", "read-your-writes", "kept", guaranteed=True),
            verdict("cache-aside", "one-load-per-miss", "broken", guaranteed=False),
            *(verdict("coalescing", name, "kept", guaranteed=True) for name in INVARIANTS[:3]),
        ],
        skipped={"refresh-ahead": "planted reason"},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("races") / "run", rounds=1, scenarios=[scenario("stampede")])


def test_report_without_races_names_the_command_that_explores_them(run: Path) -> None:
    (run / "races.json").unlink(missing_ok=True)
    text, page = opened(run)
    assert "not measured in this run: make races" in page.text
    assert "races" not in page.ids
    assert "svg.sequence" not in text


def test_report_with_races_has_the_matrix_and_the_shortest_schedules(run: Path) -> None:
    """Every link of the page has a target, and every broken invariant has a diagram and its replay command."""
    races(guaranteed=False).write(run)
    text, page = opened(run)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.references) <= set(page.ids)
    assert {"races", "races-cache-aside", "cache-aside-eventually-fresh", "cache-aside-one-load-per-miss"} <= set(
        page.ids
    )
    assert "races-coalescing" not in page.ids
    assert "not measured in this run: make races" not in page.text
    assert "refresh-ahead was not explored: planted reason" in page.text
    assert text.count('class="sequence"') == 2
    assert "--contender cache-aside --replay 'reader-writer:a2'" in page.text


def test_answer_is_about_the_guarantees() -> None:
    """Broken guarantees come first; invariants that break without being guaranteed are counted separately."""
    kept = "Every guarantee was kept in every schedule tried"
    assert (
        answer(races(guaranteed=False))
        == f"{kept}; 2 invariants that are not guaranteed break (counted for each contender)."
    )
    assert answer(races(guaranteed=True)) == (
        "1 guarantee is broken; 1 invariant that is not guaranteed breaks (counted for each contender)."
    )
    whole = races(guaranteed=False)
    of_one = replace(whole, contenders=whole.contenders[1:])
    assert answer(of_one) == f"{kept}."
    assert answer(replace(whole, explorations=[], verdicts=[])) == "Nothing was explored."


def test_separate_page_has_the_same_answer(tmp_path: Path) -> None:
    info = races(guaranteed=False)
    info.write(tmp_path)
    text = render_races(tmp_path).read_text(encoding="utf-8")
    assert answer(info) in text
    assert text.count('class="sequence"') == 2
