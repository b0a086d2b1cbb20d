"""The definition of a claim: its cases under different conditions, and the verdict that follows from them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate

CaseAnswer = Literal["yes", "no", "unclear", "informational"]
"""yes: the figure confirms the claim under its condition. no: it refutes it. unclear: neither. informational: the
figure is shown, but does not count."""
Word = Literal["holds", "holds only if", "does not hold", "cannot tell"]

FEW_COUNTED = 3
"""Number of rounds that is enough for a count that lies on one side of the limit in every round."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One figure under one condition."""

    condition: str
    """The condition; completes the texts "holds only if …" and "not if: …"."""
    answer: CaseAnswer
    figure: str
    """The measured value, with its interval and level."""
    href: str = ""
    """The anchor of the section that shows the figure, without the #."""
    why: str = ""
    """Why the case is unclear."""
    brief: str = ""
    """The figure in at most 60 characters, for the one-line form of the claim; empty: `figure` is short enough."""
    leads: bool = False
    """Whether the one-line form of the claim shows this case, whatever the verdict."""


@dataclass(frozen=True, kw_only=True)
class ClaimVerdict:
    """The verdict on a claim."""

    word: Word
    said: str
    """The conditions, or why the run cannot tell; empty if the word is enough."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of the article."""

    row: str
    """Its row in docs/article.md, for example "C3"."""
    statement: str
    """The statement in one clause."""
    short: str
    """The statement in at most six words, for the terminal."""
    rule: str
    """The rule by which its cases are decided. The docstring of its module gives the reasons."""
    cases: Callable[[Analysis], list[Case]]
    command: str = "make bench PLAN=standard"
    """The command that measures it; printed if this run did not."""


def together(cases: Sequence[Case], command: str) -> ClaimVerdict:
    """The verdict that follows from the cases.

    All yes: holds. All no: does not hold. Some yes and some no: holds only if, with the conditions of both. Otherwise:
    cannot tell.
    """
    yes, no, unclear = ([case for case in cases if case.answer == answer] for answer in ("yes", "no", "unclear"))
    if not (yes or no or unclear):
        return ClaimVerdict(word="cannot tell", said=f"not measured: {command}")
    if yes and no:
        also = f"; unclear: {named(unclear)}" if unclear else ""
        return ClaimVerdict(word="holds only if", said=f"{named(yes)}; not if: {named(no)}{also}")
    if unclear:
        one_reason = len({case.why for case in unclear}) == 1
        why = unclear[0].why if one_reason else "; ".join(f"{case.condition}: {case.why}" for case in unclear)
        if yes or no:
            seen = f"{'yes' if yes else 'not'} if: {named(yes or no)}"
            why = f"{seen}; open: {f'{named(unclear)} ({why})' if one_reason else why}"
        return ClaimVerdict(word="cannot tell", said=why)
    return ClaimVerdict(word="holds" if yes else "does not hold", said="")


def named(cases: Sequence[Case]) -> str:
    """The conditions of the cases, each once."""
    return ", ".join(dict.fromkeys(case.condition for case in cases))


def below(figure: Estimate, limit: float) -> tuple[CaseAnswer, str]:
    """For times: yes or no if the whole interval lies on one side of the limit; else unclear, with the reason."""
    if figure.missing or figure.why:  # not measured, seen but not estimated, or incomplete
        return "unclear", figure.why or "not measured"
    if figure.level is None:
        return "unclear", f"{figure.rounds} round{'s' * (figure.rounds != 1)}; an interval needs {MIN_ROUNDS}"
    return on_a_side(figure, limit)


def counted_below(figure: Estimate, limit: float, of: float = math.inf, least: float = 0.0) -> tuple[CaseAnswer, str]:
    """For counts: as `below`, but three rounds that all lie on one side are enough.

    `of`: the number of observations n. If none was above `least`, they exclude more than 3 / n (the rule of three) and
    no more than that, whatever the number of rounds.
    """
    if figure.why:
        return "unclear", figure.why
    if figure.value == least and least + 3 / of >= limit:
        return "unclear", f"none above {least:g} in {of:.0f}; ruling it out takes {3 / (limit - least):.0f}"
    if not figure.missing and figure.level is None and figure.rounds >= FEW_COUNTED and not math.isnan(figure.low):
        return on_a_side(figure, limit)
    if not figure.missing and figure.level is None:
        return "unclear", f"{figure.rounds} round{'s' * (figure.rounds != 1)}; a count needs {FEW_COUNTED}"
    return below(figure, limit)


def on_a_side(figure: Estimate, limit: float) -> tuple[CaseAnswer, str]:
    """yes: the interval lies below the limit; no: above it; else unclear, with the reason."""
    if figure.high < limit:
        return "yes", ""
    return ("no", "") if figure.low > limit else ("unclear", f"{formatting.number(limit)} lies within the interval")


def opposite(found: tuple[CaseAnswer, str]) -> tuple[CaseAnswer, str]:
    """The answer to the opposite claim, that the figure is above the limit."""
    answer, why = found
    return {"yes": "no", "no": "yes"}.get(answer, answer), why  # type: ignore[return-value]


def briefly(figure: Estimate, unit: str = "") -> str:
    """A figure as short text, with its interval but without the level."""
    value = formatting.with_unit(figure.value, unit)
    return formatting.MISSING if figure.missing else f"{value} {formatting.span(figure)}".strip()


def with_interval(figure: Estimate, unit: str = "") -> str:
    """A figure as text, with its interval and exact level."""
    if figure.missing:
        return f"none ({figure.why or 'not measured'})"
    value = formatting.with_unit(figure.value, unit)
    span = formatting.interval(figure)
    return f"{value} ({span}; {formatting.level(figure.level, figure.rounds)})" if span else value
