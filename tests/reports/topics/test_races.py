"""Races in the report: the column of the decision table, the section, and the separate page."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.text.terminal import PlainConsole
from stampede.races.races_console import print_races
from stampede.reports.topics.races.races_answers import contender_answers, guarantee_answers
from stampede.reports.topics.races.races_page import render_races
from stampede.reports.topics.races.races_section import section
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
    names = ("cache-aside", "coalescing", "refresh-ahead")
    return plant(tmp_path_factory.mktemp("races") / "run", rounds=1, contenders=names, scenarios=[scenario("stampede")])


def test_report_without_races_names_the_command_that_explores_them(run: Path) -> None:
    (run / "races.json").unlink(missing_ok=True)
    text, page = opened(run)
    assert "make races" in page.text
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
    assert "(make races)" not in page.text
    assert "refresh-ahead was not explored: planted reason" in page.text
    assert text.count('class="sequence"') == 2
    assert "--contender cache-aside --replay 'reader-writer:a2'" in page.text


def test_headline_is_about_the_guarantees() -> None:
    """At most twelve words: a broken guarantee by name, several as a number; what is not guaranteed follows it."""
    kept = section(races(guaranteed=False))
    assert kept.answer == "Every guarantee was kept in every schedule tried."
    assert kept.others == "1 of 2 contenders breaks 2 invariants without a guarantee."
    broken = races(guaranteed=True)
    assert broken.headline() == "cache-aside breaks its guarantee eventually-fresh."
    second = verdict("coalescing", "eventually-fresh", "broken", guaranteed=True)
    assert replace(broken, verdicts=[*broken.verdicts, second]).headline() == (
        "2 guarantees are broken, of 2 contenders."
    )
    third = verdict("cache-aside", "one-load-per-miss", "broken", guaranteed=True)
    assert replace(broken, verdicts=[*broken.verdicts, third]).headline() == "cache-aside breaks 2 of its guarantees."
    some = [replace(broken.explorations[0], not_judged="planted"), broken.explorations[1]]
    assert replace(races(guaranteed=False), explorations=some).headline() == (
        "No guarantee was broken; 1 of 2 situations were not judged."
    )
    of_one = section(replace(broken, contenders=broken.contenders[1:]))
    assert (of_one.answer, of_one.others) == ("Every guarantee was kept in every schedule tried.", "")
    untested = verdict("coalescing", "never-tried", "not exercised", guaranteed=True)
    assert replace(of_one.info, verdicts=[*of_one.info.verdicts, untested]).headline() == (
        "No guarantee was broken; some were not tested."
    )
    assert replace(broken, explorations=[], verdicts=[]).headline() == "Nothing was explored."
    failed = [replace(e, not_judged="planted") for e in broken.explorations]
    assert replace(broken, explorations=failed).headline() == "No situation could be judged."


def test_a_row_for_each_contender_says_what_to_do() -> None:
    """Guarantees kept, broken, not tested, other races, and an advice; a broken guarantee comes first."""
    first, second = contender_answers(races(guaranteed=True))
    assert (first.contender, first.kept, first.broken, first.untested, first.races) == (
        "cache-aside",
        "1 of 2",
        1,
        0,
        1,
    )
    assert first.advice == "Do not rely on its guarantee: eventually-fresh. Avoid it if you need: one-load-per-miss."
    assert (second.contender, second.kept, second.races) == ("coalescing", "3 of 3", 0)
    assert second.advice == "Nothing to do: no race was found."


def test_what_breaks_only_when_a_client_crashes_is_separate() -> None:
    """A guarantee that holds while only the clients act: the event stands with the contender's name."""
    info = races(guaranteed=False)
    crash = SituationInfo(name="reader-writer", said="", adversary="a client crashes")
    info = replace(info, situations=[crash])
    (aside, _) = sorted(contender_answers(info), key=lambda c: c.contender)
    assert aside.advice == "Broken only if a client crashes: eventually-fresh and one-load-per-miss."
    (fresh, *_) = guarantee_answers(info, ["cache-aside-eventually-fresh"])
    assert (fresh.name, fresh.keep, fresh.broken) == ("eventually-fresh", "coalescing", [])
    ((link),) = fresh.disturbed
    assert (link.name, link.anchor, link.when) == ("cache-aside", "cache-aside-eventually-fresh", "a client crashes")
    assert fresh.consequence == "planted"


def test_separate_page_has_the_same_headline_and_one_mark_for_each_verdict(tmp_path: Path) -> None:
    info = races(guaranteed=False)
    info.write(tmp_path)
    text = render_races(tmp_path).read_text(encoding="utf-8")
    assert info.headline() in text
    assert text.count('class="sequence"') == 2
    wide = text[text.index('class="wide"') : text.index('class="narrow"')]
    assert (wide.count('class="m-kept"'), wide.count('class="m-race"')) == (4, 2)


@pytest.mark.parametrize("many", [1, 2, 30])
@pytest.mark.parametrize("guaranteed", [False, True])
def test_console_ends_within_25_lines_of_80_columns(many: int, guaranteed: bool) -> None:
    """Short output: headline, a row for each of the first twelve contenders, the worst schedule, and what was tried."""
    one = races(guaranteed=guaranteed)
    long = [replace(v, shortest=[replace(STEPS[0], label="SET <1> " * 20)] * 40) for v in one.verdicts]
    names = ["cache-aside", *(f"cache-aside-{n}" for n in range(1, many))]
    info = replace(
        one,
        contenders=[{"name": name, "summary": "", "guarantees": [], "file": None} for name in names],
        verdicts=[replace(v, contender=n) for n in names for v in long if v.contender == "cache-aside"],
    )
    short, whole = (printed(info, verbose=verbose) for verbose in (False, True))
    assert len(short) + 1 <= 25  # the path of the page comes first
    assert max(map(len, short)) <= 80
    assert short[0] == info.headline()
    assert any("18 more contenders" in line for line in short) == (many == 30)
    assert sum("--replay" in line for line in short) <= 1
    assert sum("--replay" in line for line in whole) == 2 * many
    if guaranteed:
        assert any("--replay" in line for line in short)


def printed(info: RacesInfo, *, verbose: bool) -> list[str]:
    """The lines of the console."""
    console = PlainConsole(file=io.StringIO(), width=80, record=True)
    print_races(info, console, verbose=verbose)
    return console.export_text().splitlines()
