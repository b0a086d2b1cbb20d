"""Formatting of figures: units, digits, intervals, verdicts, and the mark for a missing figure."""

import math
import statistics
from collections.abc import Sequence

from stampede.reports.analysis.results import Verdict
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate
from stampede.reports.statistics.power import rounds_to_decide
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL

MISSING = "–"


def number(value: float) -> str:
    """Three significant digits, thousands grouped; "> D" beyond the deadline."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "> D"
    if value == 0:
        return "0"
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(max(digits, 0), 4)}f}"


def with_unit(value: float, unit: str) -> str:
    """A number and its unit: "70.0 ms"."""
    text = number(value)
    if not unit or math.isinf(value) or math.isnan(value):
        return text
    return f"{text} %" if unit == "%" else f"{text} {unit}"


def figure(value: float, metric: Metric) -> str:
    """A figure of a metric: counts as whole numbers, all others with three digits and the unit."""
    if metric.whole and math.isfinite(value):
        return f"{value:,.0f}"
    return with_unit(value, metric.unit)


def interval(estimate: Estimate) -> str:
    """An interval as text: "1.2 – 3.4"; empty if there is none."""
    if not has_interval(estimate):
        return ""
    return f"{number(estimate.low)} – {number(estimate.high)}"


def in_brackets(estimate: Estimate) -> str:
    """An interval in brackets after a space: " (1.2 – 3.4)"; empty if there is none."""
    text = interval(estimate)
    return f" ({text})" if text else ""


def span(estimate: Estimate) -> str:
    """An interval in brackets, without spaces, for a line of a table: "(416–462)"; empty if there is none."""
    if not has_interval(estimate):
        return ""
    return f"({number(estimate.low)}–{number(estimate.high)})"


def format_estimate(estimate: Estimate, metric: Metric, *, name_it: bool = True) -> str:
    """An estimate as text: "70 ms read response time p99 (60 – 90)". `name_it`: include the metric's name."""
    name = f" {metric.group} {metric.title}" if name_it else ""
    span = interval(estimate)
    return f"{with_unit(estimate.value, metric.unit)}{name}{f' ({span})' if span else ''}"


def has_interval(estimate: Estimate) -> bool:
    """Whether the bounds are printed: not for one round, a sum, a maximum, or a figure that never varied."""
    constant = number(estimate.low) == number(estimate.value) == number(estimate.high)
    return not estimate.missing and not math.isnan(estimate.low) and estimate.rounds > 1 and not constant


def level(value: float | None, rounds: int) -> str:
    """The kind of an interval: its level, or the range of few rounds."""
    if value is not None:
        return f"{100 * value:.1f} % interval, {rounds} rounds"
    return f"range of {rounds} round{'' if rounds == 1 else 's'}"


def provenance(estimate: Estimate) -> str:
    """How a figure was computed: the text of its tooltip."""
    parts = [estimate.how]
    if has_interval(estimate) or estimate.rounds == 1:
        parts.append(level(estimate.level, estimate.rounds))
    if estimate.why:
        parts.append(estimate.why)
    return "; ".join(parts)


def against(verdict: Verdict) -> str:
    """The ratio with its interval; the difference if there is no ratio; the range if there are few rounds."""
    c = verdict.comparison
    if c.ratio is not None:
        return f"× {number(c.ratio.estimate)} ({number(c.ratio.low)} – {number(c.ratio.high)})"
    if c.difference is not None:
        return difference(verdict)
    if c.rounds and not math.isnan(c.low_seen):
        if c.rounds == 1:
            return f"× {number(c.low_seen)}"
        return f"× {number(c.low_seen)} – {number(c.high_seen)}"
    return ""


def difference(verdict: Verdict) -> str:
    """The absolute difference with its interval."""
    t = verdict.comparison.difference
    if t is None:
        return ""
    unit = f" {verdict.metric.unit}" if verdict.metric.unit else ""
    return f"{signed(t.estimate)}{unit} ({signed(t.low)} to {signed(t.high)})"


def signed(value: float) -> str:
    """A difference: "+2,950", "-0.8"."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def spoken(verdict: Verdict) -> str:
    """The verdict as text: better, worse, same within ± m, not significant; below MIN_ROUNDS the range of rounds."""
    if verdict.sentence == "same":
        return f"same within ± {100 * verdict.m:.0f} %"
    if verdict.sentence == "cannot tell":
        return f"not significant{more_rounds(verdict)}"
    if verdict.sentence:
        return verdict.sentence
    rounds = verdict.comparison.rounds
    if not rounds:
        return ""
    return f"range of {rounds} round{'' if rounds == 1 else 's'}" if rounds < MIN_ROUNDS else ""


MANY_ROUNDS = 200
"""The largest number of rounds that is suggested; beyond it, another workload or machine helps more."""


def more_rounds(verdict: Verdict) -> str:
    """The rounds that would make a difference significant, if the estimate is true; empty for other verdicts."""
    if verdict.sentence != "cannot tell":
        return ""
    table = max(1.0, verdict.adjusted_p / verdict.comparison.p) if verdict.comparison.p else 1.0
    wanted = rounds_to_decide(verdict.comparison, verdict.m, (1 - PAIRED_LEVEL) / table)
    why = f"{AMONG_ALL}; " if by_its_table(verdict) else ""
    if wanted > MANY_ROUNDS:
        return f": {why}more than {MANY_ROUNDS} rounds would be needed"
    if wanted <= verdict.comparison.rounds:
        return f": {why}a few more rounds may decide"
    return f": {why}about {wanted:.0f} rounds would decide"


AMONG_ALL = "left open by Holm's correction alone"


def by_its_table(verdict: Verdict) -> bool:
    """Whether only Holm's correction leaves a comparison open: its own interval excludes "no difference"."""
    c = verdict.comparison
    if verdict.adjusted_p <= 1 - PAIRED_LEVEL:  # the noise floor is too high
        return False
    if c.ratio is not None:
        return c.ratio.low > 1 or c.ratio.high < 1
    return c.difference is not None and (c.difference.low > 0 or c.difference.high < 0)


def so_what(verdict: Verdict) -> str:
    """The practical meaning of a difference: "30 fewer queries each time a hot key expires"."""
    if verdict.sentence == "same":
        return "no difference to act on"
    shift = verdict.comparison.difference
    if verdict.sentence not in ("better", "worse") or shift is None or not verdict.metric.so_what:
        return ""
    size = abs(shift.estimate)
    down = shift.estimate < 0
    return verdict.metric.so_what.format(
        fewer=f"{number(size)} {'fewer' if down else 'more'}",
        less=f"{with_unit(size, verdict.metric.unit)} {'less' if down else 'more'}",
    )


def label(metric: Metric) -> str:
    """The full name of a metric: "read response time p99"."""
    return metric.title if metric.group in ("", "requests") else f"{metric.group} {metric.title}"


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def listed(names: Sequence[str]) -> str:
    """Names joined by commas and "and": "a", "a and b", "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def duration(seconds: float) -> str:
    """A time span with its largest fitting unit: "500 ms", "1.4 s", "5 min", "1 h", "1 day"."""
    for unit_s, unit in ((86_400.0, "day"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit_s * 0.9995:
            count = f"{seconds / unit_s:.3g}"
            return f"{count} {unit}{'s' if unit == 'day' and count != '1' else ''}"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
