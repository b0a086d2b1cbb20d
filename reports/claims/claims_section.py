"""The section "Is the article right?": every claim with its figures and its computed verdict."""

import importlib
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, ClaimVerdict, together

HEADER = "row claim verdict said condition says figure anchor rule"
LEVEL = re.compile(r"; [^;()]* rounds?\)")
"""The level and the number of rounds at the end of an interval, which the one-line form of a claim leaves out."""
CLASSES = {"holds": "better", "does not hold": "worse", "holds only if": "same", "cannot tell": "unclear"}


@dataclass(frozen=True, kw_only=True)
class ClaimFinding:
    """One line of the table."""

    claim: Claim
    cases: Sequence[Case]
    verdict: ClaimVerdict

    @property
    def brief(self) -> str:
        """One figure that decides the verdict, and its condition if the verdict has conditions.

        If this run measured nothing for the claim: the command that does.
        """
        wanted = {"holds": "yes", "holds only if": "yes", "does not hold": "no", "cannot tell": "unclear"}
        deciding = [case for case in self.cases if case.answer == wanted[self.verdict.word]]
        if not deciding:
            return self.verdict.said if self.verdict.word == "cannot tell" else ""
        figure = LEVEL.sub(")", deciding[0].figure).split("; ")[0]
        conditional = self.verdict.word == "holds only if" and not figure.startswith(deciding[0].condition)
        return f"{figure}, {deciding[0].condition}" if conditional else figure

    @property
    def mark(self) -> str:
        """The CSS class of the verdict."""
        return CLASSES[self.verdict.word]


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


def in_words(found: Sequence[ClaimFinding]) -> str:
    """The claims by verdict, in one sentence."""
    parts = []
    for word in ("holds", "holds only if", "does not hold", "cannot tell"):
        rows = [x.claim.row for x in found if x.verdict.word == word]
        if rows:
            said = {"holds only if": "hold only under conditions", "holds": "hold", "does not hold": "do not hold"}
            parts.append(f"{said.get(word, 'this run leaves open')}: {', '.join(rows)}")
    return "; ".join(parts)


def summary(found: Sequence[ClaimFinding]) -> str:
    """How many claims have each verdict, in one sentence."""
    words = {
        "holds": "confirmed",
        "holds only if": "confirmed under a condition",
        "does not hold": "refuted",
        "cannot tell": "not decided by this run",
    }
    counts = {said: sum(x.verdict.word == word for x in found) for word, said in words.items()}
    return f"Of {len(found)} claims: {', '.join(f'{count} {said}' for said, count in counts.items() if count)}."


def csv_rows(found: Sequence[ClaimFinding]) -> list[tuple[object, ...]]:
    """The rows of claims.csv: one per case, or one empty case for a claim without cases."""
    rows: list[tuple[object, ...]] = []
    for x in found:
        head = (x.claim.row, x.claim.statement, x.verdict.word, x.verdict.said)
        none = [Case(condition="", answer="informational", figure="")]
        rows += [(*head, c.condition, c.answer, c.figure, c.href, x.claim.rule) for c in x.cases or none]
    return rows
