"""The answers of a comparison: the significant changes, the largest first, and the number of verdicts per scenario."""

from collections.abc import Sequence
from dataclasses import dataclass

import markupsafe

from stampede.reports.analysis.results import Verdict
from stampede.reports.compare.compare_runs import MOVED, RunPair, change_of
from stampede.reports.output import formatting
from stampede.reports.output.panels.first_screen.effect_bar import effect_bar, spoken
from stampede.reports.recommend.answer_row import AnswerRow, Effect

MOST_CHANGES = 12
"""Changes in the first table; the tables of the scenarios have all of them."""
LARGEST_PERCENT = 3.0
"""Beyond this ratio, and below its inverse, a change is printed as a ratio."""


@dataclass(frozen=True, kw_only=True)
class ChangeAnswer:
    """One significant change."""

    verdict: Verdict
    metric: str
    a: str
    b: str
    """The figures of the two runs, with units."""
    bar: markupsafe.Markup
    """A small drawing of the change and its interval; empty if there is no ratio."""
    text: str
    """The change with its interval."""
    meaning: str
    """What it means in practice; empty if the metric has no such text."""


@dataclass(frozen=True, kw_only=True)
class ScenarioCounts:
    """The number of verdicts about contenders in one scenario, and the largest change."""

    scenario: str
    worse: int
    better: int
    same: int
    open: int
    """Comparisons without a significant result."""


def changes(both: RunPair) -> list[Verdict]:
    """The significant changes of contenders: worse before better, the largest first. Empty for one run with itself."""
    moved = [v for v in both.contender_verdicts if v.sentence in MOVED and not both.same_run]
    return sorted(moved, key=lambda v: (MOVED.index(v.sentence), -change_of(v)))


def change_answers(both: RunPair) -> list[ChangeAnswer]:
    """The rows of the first table."""
    return [
        ChangeAnswer(
            verdict=v,
            metric=formatting.label(v.metric),
            a=formatting.figure(both.a.figure(v.scenario, v.contender, v.metric.name).value, v.metric),
            b=formatting.figure(both.b.figure(v.scenario, v.contender, v.metric.name).value, v.metric),
            bar=bar(v),
            text=change_text(v),
            meaning=formatting.so_what(v),
        )
        for v in changes(both)[:MOST_CHANGES]
    ]


def change_text(verdict: Verdict) -> str:
    """A change with its interval: "+52 % (+40 to +66)"; as a ratio if it is large, else as a difference."""
    ratio = verdict.comparison.ratio
    if ratio is None or not 1 / LARGEST_PERCENT < ratio.estimate < LARGEST_PERCENT:
        return formatting.against(verdict)
    return spoken(ratio.estimate - 1, ratio.low - 1, ratio.high - 1)


def bar(verdict: Verdict) -> markupsafe.Markup:
    """The interval bar of a change."""
    ratio = verdict.comparison.ratio
    if ratio is None:
        return markupsafe.Markup("")
    effect = Effect(
        text=change_text(verdict),
        against="A",
        change=ratio.estimate - 1,
        low=ratio.low - 1,
        high=ratio.high - 1,
        better=verdict.metric.better or "lower",
    )
    return effect_bar(AnswerRow(name=verdict.metric.name, question="", effect=effect, minimum=verdict.m))


def scenario_counts(both: RunPair) -> list[ScenarioCounts]:
    """One row for each scenario."""
    return [counts_of(s, [v for v in both.contender_verdicts if v.scenario == s]) for s in both.scenarios]


def counts_of(scenario: str, verdicts: Sequence[Verdict]) -> ScenarioCounts:
    """The counts of one scenario. Comparisons with too few rounds for a verdict are left out."""
    found = {word: sum(v.sentence == word for v in verdicts) for word in ("worse", "better", "same", "cannot tell")}
    return ScenarioCounts(
        scenario=scenario,
        worse=found["worse"],
        better=found["better"],
        same=found["same"],
        open=found["cannot tell"],
    )
