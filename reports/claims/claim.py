"""What a claim is, what a figure says about it under one condition, and how the conditions make a verdict."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate

Says = Literal["yes", "no", "unclear", "beside"]
"""Under its condition a figure bears the claim out, refutes it, or cannot tell; beside: told, it decides nothing."""
Word = Literal["holds", "holds only if", "does not hold", "cannot tell"]

FEW_COUNTED = 3
"""Rounds from which on a count that lies on one side in every round is believed."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One figure under one condition."""

    condition: str
    """Completes "holds only if" and "not if": when, where, for whom."""
    says: Says
    figure: str
    """What was measured, with its interval and level."""
    href: str = ""
    """The anchor of the section that shows it, without the #."""
    why: str = ""
    """Why it is unclear."""


@dataclass(frozen=True, kw_only=True)
class ClaimVerdict:
    word: Word
    said: str
    """The conditions, or why it cannot be told; empty where the word says all."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of the article."""

    row: str
    says: str
    rule: str
    """By which its cases are made: the docstring of `cases`' file tells why."""
    cases: Callable[[Analysis], list[Case]]
    command: str = "make bench PLAN=standard"
    """What measures it, where this run did not."""


def together(cases: Sequence[Case], command: str) -> ClaimVerdict:
    """The verdict: holds, where every case bears it out; does not hold, where every case refutes it; holds only if,
    where some do and some refute it, with what separates them; else it cannot be told."""
    yes, no, unclear = ([case for case in cases if case.says == says] for says in ("yes", "no", "unclear"))
    if not (yes or no or unclear):
        return ClaimVerdict(word="cannot tell", said=f"this run did not measure it: {command}")
    if yes and no:
        also = f"; unclear: {named(unclear)}" if unclear else ""
        return ClaimVerdict(word="holds only if", said=f"{named(yes)}; not if: {named(no)}{also}")
    if unclear:
        alike = len({case.why for case in unclear}) == 1
        why = unclear[0].why if alike else "; ".join(f"{case.condition}: {case.why}" for case in unclear)
        if yes or no:
            seen = f"{'yes' if yes else 'not'} if: {named(yes or no)}"
            why = f"{seen}; open: {f'{named(unclear)} ({why})' if alike else why}"
        return ClaimVerdict(word="cannot tell", said=why)
    return ClaimVerdict(word="holds" if yes else "does not hold", said="")


def named(cases: Sequence[Case]) -> str:
    return ", ".join(dict.fromkeys(case.condition for case in cases))


def below(figure: Estimate, limit: float) -> tuple[Says, str]:
    """Of what is timed: yes or no where the whole interval lies on one side of the limit; why not, where unclear."""
    if figure.missing or figure.why:  # not measured, only seen, or of a part of what it should be of
        return "unclear", figure.why or "not measured"
    if figure.level is None:
        return "unclear", f"{figure.rounds} round{'s' * (figure.rounds != 1)}; {MIN_ROUNDS} carry an interval"
    return on_a_side(figure, limit)


def counted_below(figure: Estimate, limit: float, of: float = math.inf, least: float = 0.0) -> tuple[Says, str]:
    """Of what is counted: as `below`, and every one of three rounds on one side is enough.

    `of`: how many were looked at. Where none of them was above the least, they exclude no more than 3 / n (the rule of
    three), however few the rounds.
    """
    if figure.why:
        return "unclear", figure.why
    if figure.value == least and least + 3 / of >= limit:
        return "unclear", f"none above {least:g} in {of:.0f}; {3 / (limit - least):.0f} are wanted to exclude it"
    if not figure.missing and figure.level is None and figure.rounds >= FEW_COUNTED and not math.isnan(figure.low):
        return on_a_side(figure, limit)
    if not figure.missing and figure.level is None:
        return "unclear", f"{figure.rounds} round{'s' * (figure.rounds != 1)}; {FEW_COUNTED} are wanted to count"
    return below(figure, limit)


def on_a_side(figure: Estimate, limit: float) -> tuple[Says, str]:
    if figure.high < limit:
        return "yes", ""
    return ("no", "") if figure.low > limit else ("unclear", f"{formatting.number(limit)} lies within the interval")


def opposite(found: tuple[Says, str]) -> tuple[Says, str]:
    """Where the claim is that something is above a limit."""
    says, why = found
    return {"yes": "no", "no": "yes"}.get(says, says), why  # type: ignore[return-value]


def told(figure: Estimate, unit: str = "") -> str:
    """A figure with its interval and exact level."""
    if figure.missing:
        return f"none ({figure.why or 'not measured'})"
    value = formatting.with_unit(figure.value, unit)
    span = formatting.interval(figure)
    return f"{value} ({span}; {formatting.level(figure.level, figure.rounds)})" if span else value
