"""The section "Is the article right?": every claim with its figures and its computed verdict."""

import importlib
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, ClaimVerdict, Word, together

SHORT_REASON = 40
"""Characters of a reason that fits after a figure."""
HEADER = "row claim verdict said condition says figure anchor rule"
LEVEL = re.compile(r"; [^;()]* rounds?\)")
"""The level and the number of rounds at the end of an interval, which the one-line form of a claim leaves out."""
BADGES: dict[Word, str] = {
    "holds": "confirmed",
    "holds only if": "only if",
    "does not hold": "refuted",
    "cannot tell": "inconclusive",
}
"""The verdicts as the page prints them. The CSV keeps the words, because scripts read them."""
COUNTED = BADGES | {"holds only if": "conditional"}
"""The verdicts after a number of claims."""
CLASSES = {"holds": "better", "does not hold": "worse", "holds only if": "same", "cannot tell": "unclear"}


@dataclass(frozen=True, kw_only=True)
class ClaimFinding:
    """One line of the table."""

    claim: Claim
    cases: Sequence[Case]
    verdict: ClaimVerdict

    @property
    def brief(self) -> str:
        """The figures that decide the verdict, in one line: one that confirms the claim, and one that refutes it.

        If the verdict is open: why. If this run measured nothing for the claim: the command that does.
        """
        leading = [case for case in self.cases if case.leads]
        if leading:
            return shortened(leading[0])
        first = {
            answer: next((c for c in self.cases if c.answer == answer), None) for answer in ("yes", "no", "unclear")
        }
        if self.verdict.word == "cannot tell":
            unclear = first["unclear"]
            return self.verdict.said if unclear is None else open_case(unclear)
        shown = [shortened(case) for case in (first["yes"], first["no"]) if case is not None]
        return "; not ".join(shown)

    @property
    def badge(self) -> str:
        """The verdict as the page prints it."""
        return BADGES[self.verdict.word]

    @property
    def mark(self) -> str:
        """The CSS class of the verdict."""
        return CLASSES[self.verdict.word]


def shortened(case: Case) -> str:
    """The one-line form of a case."""
    return case.brief or LEVEL.sub(")", case.figure).split("; ")[0]


def open_case(case: Case) -> str:
    """The one-line form of an unclear case: its figure, and why it decides nothing if that is short."""
    if not case.brief:
        return case.why
    return f"{case.brief}: {case.why}" if len(case.why) <= SHORT_REASON else case.brief


@cache
def claims() -> tuple[Claim, ...]:
    """Every claim in order, from the CLAIM of each module in this folder."""
    package = importlib.import_module("stampede.reports.claims")
    modules = [
        importlib.import_module(f"stampede.reports.claims.{m.name}") for m in pkgutil.iter_modules(package.__path__)
    ]
    found = [module.CLAIM for module in modules if hasattr(module, "CLAIM")]
    return tuple(sorted(found, key=lambda claim: int(claim.row[1:])))


def findings(analysis: Analysis) -> list[ClaimFinding]:
    """The finding of this run for each claim. In a void run every claim is open."""
    return [finding(analysis, claim) for claim in claims()]


def finding(analysis: Analysis, claim: Claim) -> ClaimFinding:
    """The cases of a claim in this run, and their verdict."""
    if analysis.void:
        void = ClaimVerdict(word="cannot tell", said="the run is void")
        return ClaimFinding(claim=claim, cases=[], verdict=void)
    cases = claim.cases(analysis)
    return ClaimFinding(claim=claim, cases=cases, verdict=together(cases, claim.command))


def summary(found: Sequence[ClaimFinding]) -> str:
    """How many claims have each verdict, in one sentence."""
    counts = {said: sum(x.verdict.word == word for x in found) for word, said in COUNTED.items()}
    return f"Of {len(found)} claims: {', '.join(f'{count} {said}' for said, count in counts.items() if count)}."


def csv_rows(found: Sequence[ClaimFinding]) -> list[tuple[object, ...]]:
    """The rows of claims.csv: one per case, or one empty case for a claim without cases."""
    rows: list[tuple[object, ...]] = []
    for x in found:
        head = (x.claim.row, x.claim.statement, x.verdict.word, x.verdict.said)
        none = [Case(condition="", answer="informational", figure="")]
        rows += [(*head, c.condition, c.answer, c.figure, c.href, x.claim.rule) for c in x.cases or none]
    return rows
