"""Whether the p99 of a scenario can be used: the A/A copies agree on it, and the load generator was on time."""

from stampede.reports.analysis.aa_pair import aa_pair_of
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.checks.load_checks import own_lags_ms
from stampede.reports.output import formatting

MOST_DIFFERENCE = 0.25
"""p99 is not reliable if two copies of one contender differ by more than this share."""
MOST_LAG = 0.10
"""p99 is not reliable if the load generator's own lag at p99 is more than this share of it."""


def p99_reliable(analysis: Analysis, scenario: str) -> str:
    """Why the p99 of a scenario is not reliable, in a phrase; empty if it is."""
    copies = aa_pair_of(analysis, scenario, "read-p99")
    if not copies.again:
        return "no second copy of a contender ran, so its noise is unknown"
    if copies.one.missing or copies.other.missing or copies.one.why or copies.other.why:
        return f"too few slow reads to estimate it for both copies of {copies.name}"
    if copies.gap > 1 + MOST_DIFFERENCE:
        return f"two copies of {copies.name} differ by {100 * (copies.gap - 1):.0f} %"
    worst, lag_ms, name = 0.0, 0.0, ""
    for contender in analysis.contenders:
        cells = analysis.of(scenario, contender.name)
        p99 = analysis.figure(scenario, contender.name, "read-p99")
        if contender.kind != "contender" or not cells or p99.missing or not p99.value:
            continue
        own_ms = own_lags_ms(cells)[1]
        if own_ms / p99.value > worst:
            worst, lag_ms, name = own_ms / p99.value, own_ms, contender.name
    if worst > MOST_LAG:
        lag = f"{formatting.number(lag_ms)} ms"
        return f"the load generator sent 1 % of {name}'s requests more than {lag} late ({100 * worst:.0f} % of its p99)"
    return ""
