"""The line below the headline: which figures of this run can be trusted, and which cannot."""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.run_folder.run_warnings import COUNTS_DIFFER

QUERY_COUNTS = frozenset({COUNTS_DIFFER.name})


def trust_line(analysis: Analysis, p99_reason: str) -> str:
    """What can be trusted, in one or two sentences.

    `p99_reason`: why p99 is not reliable in this run; empty: it is reliable.
    """
    if analysis.void:
        return "The run is void: no figure can be trusted."
    if analysis.rounds < MIN_ROUNDS:
        rounds = f"{analysis.rounds} round{'' if analysis.rounds == 1 else 's'}"
        return f"{rounds}: this run shows ranges and supports no verdict; six rounds are needed."
    found = {warning.kind.name for warning in analysis.warnings}
    counts = "Query counts are not reliable" if QUERY_COUNTS & found else "Query counts are reliable"
    if p99_reason:
        joined = "and" if QUERY_COUNTS & found else "but"
        return f"{counts} in this run, {joined} tail latency (p99) is not: {p99_reason}."
    if QUERY_COUNTS & found:
        return f"{counts} in this run. Latency, including p99, is."
    return "Query counts and latency, including p99, are reliable in this run."
