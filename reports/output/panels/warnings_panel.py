"""The warnings of the page: one entry per kind with its consequence, the most severe finding first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning, WarningKind

SHORT = 120
"""Characters of a finding that the entry shows; the page folds the rest."""

MOST = 3
"""Entries that the first screen shows; the others are in the fold."""
CONSEQUENCES = {
    run_warnings.COPIES_DIFFER.name: "Differences between patterns in that scenario may be noise.",
    run_warnings.EXISTING_NOT_FOUND.name: "The contender is recommended nowhere in that scenario.",
    run_warnings.CELLS_MISSING.name: "Rounds that lack a cell are left out of comparisons.",
    run_warnings.FEW_ROUNDS.name: "The page shows ranges and no verdicts.",
    run_warnings.SATURATED.name: "Its latency there is a lower bound. Below 99.9 % answered it cannot be recommended.",
    run_warnings.GENERATOR_LATE.name: "Differences in p99 below 2× are noise there; medians and queries are reliable.",
    run_warnings.DATABASE_BUSY.name: "Queries wait for cores: absolute latency is too high, differences are valid.",
    run_warnings.MACHINE_BUSY.name: "Latency includes the wait for a core; query counts are not affected.",
    run_warnings.NOT_STEADY.name: "One figure for the whole cell hides a change within it.",
    run_warnings.TOO_DENSE.name: "The share of stale reads is a lower bound only.",
    run_warnings.OTHER_LOAD.name: "Absolute latency is too high; differences between patterns are still valid.",
    run_warnings.DRIFT.name: "Absolute latency drifted; differences between patterns are still valid.",
    run_warnings.SCALE_NOT_PRESERVED.name: "No verdict on that pattern there: a longer TTL would change it.",
    run_warnings.DISTANCE_OFF.name: "Latency belongs to the RTT that was achieved, not to the requested one.",
    run_warnings.FEW_SAMPLES.name: "The medians of those cells are rough.",
}
"""By the name of a kind: what it means for the reader, in one sentence. Other kinds name what not to rely on."""


@dataclass(frozen=True, kw_only=True)
class WarningEntry:
    """All warnings of one kind."""

    kind: WarningKind
    numbers: str
    """The numbers of its warnings: "warning 3", "warnings 3 – 8"."""
    lead: str
    """The most severe finding, shortened, subject first."""
    more: str
    """How many other findings there are: " 5 more scenarios have this warning."."""
    consequence: str
    """What it means for the reader; empty if a kind has none."""
    warnings: list[RunWarning]


def entries(warnings: Sequence[RunWarning], rows: Sequence[AnswerRow] = ()) -> list[WarningEntry]:
    """One entry per kind. The warnings are sorted by kind.

    First come those that void the run or concern all figures or a pick of `rows`, then those about other contenders.
    """
    found = []
    for kind, members in groupby(warnings, key=lambda x: x.kind):
        some = list(members)
        worst = max(some, key=lambda x: (concerns(x, rows), abs(x.value or 0.0)))
        others = len(some) - 1
        found.append(
            WarningEntry(
                kind=kind,
                numbers=f"warning {some[0].number}" if not others else f"warnings {some[0].number} – {some[-1].number}",
                lead=lead(worst),
                more=others_text(some) if others else "",
                consequence=consequence(kind),
                warnings=some,
            )
        )
    return sorted(found, key=lambda entry: not any(concerns(x, rows) for x in entry.warnings))


def others_text(warnings: Sequence[RunWarning]) -> str:
    """A sentence about the other warnings of a kind, which are not printed here."""
    others = len(warnings) - 1
    if all(x.scenario for x in warnings):
        return f" {'Another scenario has' if others == 1 else f'{others} more scenarios have'} the same warning."
    return f" There {'is one more finding' if others == 1 else f'are {others} more findings'} of this kind."


def concerns(warning: RunWarning, rows: Sequence[AnswerRow]) -> bool:
    """Whether a warning concerns the whole run, all contenders of a scenario, or a pick of it."""
    if warning.kind.voids or warning.scenario is None or not warning.contenders:
        return True
    picks = {row.pick or row.use for row in rows if row.scenario == warning.scenario or row.section == warning.scenario}
    return not picks.isdisjoint(warning.contenders)


def lead(warning: RunWarning) -> str:
    """The finding as a short phrase that begins with its subject and names its scenario."""
    place = f" in {warning.scenario}" if warning.scenario else ""
    value = 0.0 if warning.value is None else abs(warning.value)
    if warning.kind is run_warnings.GENERATOR_LATE:
        return f"The load generator{place} sent 1 % of the requests more than {formatting.number(value)} ms late"
    if warning.kind is run_warnings.DISTANCE_OFF:
        return f"The simulated RTT{place} differed from the requested one by up to {formatting.number(value)} ms"
    if warning.kind is run_warnings.OTHER_LOAD:
        return f"Other programs took up to {100 * value:.0f} % of all cores{place}"
    subject = warning.contenders[0] if len(warning.contenders) == 1 else ""
    if subject and warning.what.startswith(f"{subject} "):
        return f"{subject}{place}{shorten(warning.what.removeprefix(subject))}"
    text = shorten(warning.what)
    if "-" not in text.split(" ", 1)[0]:
        text = text[:1].upper() + text[1:]
    return f"{text} ({warning.scenario})" if place else text


def consequence(kind: WarningKind) -> str:
    """What a warning means for the reader."""
    if kind.voids:
        return "The run is void."
    if kind.name in CONSEQUENCES:
        return CONSEQUENCES[kind.name]
    return f"Do not rely on: {kind.withholds}." if kind.withholds else ""


def shorten(text: str) -> str:
    """A finding of more than SHORT characters up to its first comma or semicolon after half of them; else unchanged."""
    if len(text) <= SHORT:
        return text
    ends = [i for i in (text.find(mark, SHORT // 2) for mark in ("), ", "; ", ", ")) if 0 <= i <= SHORT]
    end = min(ends) + (text[min(ends)] == ")") if ends else text.rfind(" ", 0, SHORT)
    return f"{text[:end]} …"
