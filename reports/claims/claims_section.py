"""The page's section: is the article right? Every claim with what was measured and its verdict; nothing by hand."""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, ClaimVerdict, together

HEADER = "row claim verdict said condition says figure anchor rule"
CLASSES = {"holds": "better", "does not hold": "worse", "holds only if": "same", "cannot tell": "unclear"}


@dataclass(frozen=True, kw_only=True)
class ClaimFinding:
    """One line of the table."""

    claim: Claim
    cases: Sequence[Case]
    verdict: ClaimVerdict

    @property
    def mark(self) -> str:
        """A class of the page."""
        return CLASSES[self.verdict.word]


@cache
def claims() -> tuple[Claim, ...]:
    """Every claim in order: each module beside this one that holds a CLAIM."""
    package = importlib.import_module("stampede.reports.claims")
    modules = [
        importlib.import_module(f"stampede.reports.claims.{m.name}") for m in pkgutil.iter_modules(package.__path__)
    ]
    found = [module.CLAIM for module in modules if hasattr(module, "CLAIM")]
    return tuple(sorted(found, key=lambda claim: int(claim.row[1:])))


def findings(analysis: Analysis) -> list[ClaimFinding]:
    """What this run says about each. A void run says nothing: a contender beat its bound, or the harness broke."""
    return [finding(analysis, claim) for claim in claims()]


def finding(analysis: Analysis, claim: Claim) -> ClaimFinding:
    if analysis.void:
        void = ClaimVerdict(word="cannot tell", said="the run is void")
        return ClaimFinding(claim=claim, cases=[], verdict=void)
    cases = claim.cases(analysis)
    return ClaimFinding(claim=claim, cases=cases, verdict=together(cases, claim.command))


def in_words(found: Sequence[ClaimFinding]) -> str:
    """How many got which verdict, and which are left open."""
    parts = []
    for word in ("holds", "holds only if", "does not hold", "cannot tell"):
        rows = [x.claim.row for x in found if x.verdict.word == word]
        if rows:
            said = {"holds only if": "hold only under conditions", "holds": "hold", "does not hold": "do not hold"}
            parts.append(f"{said.get(word, 'are left open by this run')}: {', '.join(rows)}")
    return "; ".join(parts)


def csv_rows(found: Sequence[ClaimFinding]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for x in found:
        head = (x.claim.row, x.claim.says, x.verdict.word, x.verdict.said)
        none = [Case(condition="", says="beside", figure="")]
        rows += [(*head, c.condition, c.says, c.figure, c.href, x.claim.rule) for c in x.cases or none]
    return rows
