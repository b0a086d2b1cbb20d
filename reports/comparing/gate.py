"""The gate: may this run pass? Each rule passes, fails, or cannot be told; what fails must be beyond doubt."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Literal

from rich.console import Console
from rich.text import Text

from artefact import doubts as d
from artefact.read import read_run
from core.terminal import PlainConsole
from core.text import shown
from reports import words
from reports.comparing.compare import Pair, pair, rounds_of
from reports.comparing.thresholds import Limit, Thresholds
from reports.errors import InputError
from reports.judge import Judgement, judge
from reports.limiting.judge import judged as judge_limiters
from reports.metrics.metric import Metric
from reports.statistics import MIN_ROUNDS, Estimate, compare_independent, rounds_needed

Ruling = Literal["pass", "fail", "cannot tell"]
PASS, FAIL, CANNOT_TELL = 0, 1, 3
"""Exit codes; 2 is bad input."""
TOLD_STALE = "NO_STALE_AFTER_WRITE"
"""The promise that a read after a told write breaks when it is stale."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule and how it was decided."""

    ruling: Ruling
    rule: str
    what: str
    """The figures, in words."""


def exit_code(findings: Sequence[Finding]) -> int:
    """1 where any rule failed; else 3 where one could not be told, or there was none; else 0."""
    rulings = {f.ruling for f in findings}
    if "fail" in rulings:
        return FAIL
    return PASS if rulings == {"pass"} else CANNOT_TELL


def gate(run: Path, base: Path | None, thresholds: Thresholds, *, force: bool = False) -> list[Finding]:
    """Hold a run to thresholds, and against a base where one is given.

    Raises RunFolderError where a folder is no run; InputError where the runs are not alike, or a limit names a
    scenario or contender that the run does not have.
    """
    both = None if base is None else pair(read_run(base), read_run(run), force=force)
    judgement = judge(read_run(run)) if both is None else both.b
    found = list(of_contracts(judgement)) if thresholds.contracts else []
    found += list(of_limits(judgement, thresholds.limits, MAX_MISSING))
    if both is not None:
        found += list(of_regressions(both, thresholds))
    return found


def of_contracts(judgement: Judgement) -> Iterator[Finding]:
    """The run's own books, promises of freshness, limiters' contracts. Counts: they need no rounds."""
    grave = [x for x in judgement.doubts if x.kind.voids or judgement.broke(x)]
    yield Finding(
        ruling="fail" if grave else "pass",
        rule="the run is not void",
        what="; ".join(x.what for x in grave) or f"{len(judgement.run.done)} cells finished",
    )
    wrong = [x for x in judgement.doubts if x.kind is d.COUNTS_DIFFER]
    yield Finding(
        ruling="cannot tell" if wrong else "pass",
        rule="our counts equal the servers'",
        what=shorten("; ".join(x.what for x in wrong), 300, placeholder=" …")
        or "in every cell where they can be compared",
    )
    for scenario, c in itertools.product(judgement.scenarios, judgement.run.info.contenders):
        figure = judgement.figure(scenario.name, c.name, "stale-after-told")
        if c.kind == "ruler" or TOLD_STALE not in c.promises or figure.missing:
            continue
        yield Finding(
            ruling="fail" if figure.value > 0 else "pass",
            rule=f"{scenario.name}, {c.name}: no stale read after a write was told, as it promises",
            what=f"{words.with_unit(figure.value, '%')} of the reads ({words.provenance(figure)})",
        )
    for limiter in judge_limiters(judgement.limiting) if judgement.limiting is not None else ():
        if limiter.info.kind != "contender":
            continue
        broken = limiter.kept == "broken"
        yield Finding(
            ruling="fail" if broken else "pass",
            rule=f"{limiter.scenario.name}, {limiter.info.name}: its own contract",
            what=(
                f"worst window {limiter.most_certain} admitted of a limit of {limiter.limit}; its contract bounds "
                f"{words.number(limiter.need_certain)} by {words.number(limiter.bound)}: "
                f"{'broken' if broken else 'not broken'}"
            ),
        )


MAX_MISSING = "no such figure in this run"


def of_limits(judgement: Judgement, limits: Sequence[Limit], missing: str) -> Iterator[Finding]:
    """Absolute bounds: the interval must lie within them to pass, and beyond them to fail."""
    scenarios = [s.name for s in judgement.scenarios]
    contenders = [c.name for c in judgement.run.info.contenders if c.kind == "contender"]
    for limit in limits:
        for kind, name, known in (("scenario", limit.scenario, scenarios), ("contender", limit.contender, contenders)):
            if name != "*" and name not in known:
                raise InputError(f"limits: {kind}", repr(name), f"* or one of {', '.join(known)}")
        found = 0
        for scenario, contender in itertools.product(scenarios, contenders):
            if limit.scenario not in ("*", scenario) or limit.contender not in ("*", contender):
                continue
            figure = judgement.figure(scenario, contender, limit.metric.name)
            wild = "*" in (limit.scenario, limit.contender)
            if figure.missing and wild:
                continue
            found += 1
            yield of_limit(limit, figure, f"{scenario}, {contender}: {words.label(limit.metric)}")
        if not found:
            yield Finding(ruling="cannot tell", rule=f"limit of {words.label(limit.metric)}", what=missing)


def of_limit(limit: Limit, figure: Estimate, name: str) -> Finding:
    parts = [f"at most {limit.most:g}"] if limit.most < math.inf else []
    parts += [f"at least {limit.least:g}"] if limit.least > -math.inf else []
    rule = f"{name} {' and '.join(parts)}"
    if figure.missing:
        return Finding(ruling="cannot tell", rule=rule, what=figure.why or "not measured")
    said = f"{words.figure(figure.value, limit.metric)} ({words.interval(figure) or 'no interval'})"
    if figure.why:
        return Finding(ruling="cannot tell", rule=rule, what=f"{said}: {figure.why}")
    bounds = (figure.value, figure.value) if math.isnan(figure.low) else (figure.low, figure.high)
    if bounds[0] > limit.most or bounds[1] < limit.least:
        return Finding(ruling="fail", rule=rule, what=said)
    inside = bounds[1] <= limit.most and bounds[0] >= limit.least
    return Finding(ruling="pass" if inside else "cannot tell", rule=rule, what=said)


def of_regressions(both: Pair, thresholds: Thresholds) -> Iterator[Finding]:
    """Each contender's figures against the base's. Limiters: a contract kept by the base must not be broken now."""
    for scenario in both.scenarios:
        for c in both.contenders(scenario):
            if c.kind != "contender":
                continue
            for metric in thresholds.metrics:
                if metric.name == "loads-per-1000-reads" and hot(both, scenario, c.name):
                    continue  # loads per expiry say it better
                finding = of_regression(both, scenario, c.name, metric, *thresholds.allowed(metric.name))
                if finding is not None:
                    yield finding


def hot(both: Pair, scenario: str, contender: str) -> bool:
    return not both.a.figure(scenario, contender, "loads-per-expiry").missing


def of_regression(
    both: Pair, scenario: str, contender: str, metric: Metric, most: float, why: str = ""
) -> Finding | None:
    """None where neither run has the figure. The metric's resolution is added to both sides of the ratio, so that what
    matters to nobody cannot fail, and a zero in the base can be a base."""
    sides = [rounds_of(j, scenario, contender, metric) for j in (both.b, both.a)]
    known = [[v for v in side if not math.isnan(v)] for side in sides]
    rule = f"{scenario}, {contender}: {words.label(metric)} at most {100 * most:g} % {worse(metric)} than the base"
    rule += f" ({why})" if why else ""
    if not any(known):
        return None
    if not all(known):
        return Finding(ruling="cannot tell", rule=rule, what="only one of the runs has it")
    if known[0] == known[1]:
        return Finding(ruling="pass", rule=rule, what="the same in every round of both")
    if any(math.isinf(v) for side in known for v in side):
        return Finding(ruling="cannot tell", rule=rule, what="beyond the deadline D in some rounds")
    shifted = [[v + metric.resolution for v in side] for side in known]
    comparison = compare_independent(*shifted)
    if comparison.rounds < MIN_ROUNDS:
        what = f"{comparison.rounds} rounds, {MIN_ROUNDS} wanted on both sides"
        return Finding(ruling="cannot tell", rule=rule, what=what)
    said = " against ".join(words.figure(words.middle(side), metric) for side in known)
    if comparison.ratio is None:
        test = comparison.difference
        assert test is not None
        sign = 1 if metric.better == "lower" else -1
        low, high = sorted((sign * test.low, sign * test.high))
        ruling: Ruling = "fail" if low > 0 else "pass" if high <= 0 else "cannot tell"
        return Finding(ruling=ruling, rule=rule, what=f"{said}, difference {test.low:+.3g} to {test.high:+.3g}")
    low, high = comparison.ratio.low, comparison.ratio.high
    if metric.better == "higher":
        low, high = 1 / high, 1 / low
    ruling = "fail" if low > 1 + most else "pass" if high <= 1 + most else "cannot tell"
    room = math.log1p(most) - math.log(comparison.ratio.estimate) * (1 if metric.better == "lower" else -1)
    wanted = rounds_needed(comparison.spread, room)
    more = f"; about {wanted:.0f} rounds on both sides would do" if wanted <= words.MANY_ROUNDS else ""
    return Finding(
        ruling=ruling,
        rule=rule,
        what=(
            f"{said}: × {words.number(comparison.ratio.estimate)} ({words.number(comparison.ratio.low)} – "
            f"{words.number(comparison.ratio.high)}, {100 * comparison.ratio.level:.1f} % interval)"
            f"{more if ruling == 'cannot tell' else ''}"
        ),
    )


def worse(metric: Metric) -> str:
    return "more" if metric.better == "lower" else "less"


STYLES: dict[Ruling, str] = {"pass": "green", "fail": "red", "cannot tell": "yellow"}


def print_findings(findings: Sequence[Finding], console: Console | None = None, *, everything: bool = False) -> None:
    """What failed, then what cannot be told, then how many passed (or each of them), and the ruling in one line."""
    console = console or PlainConsole()
    for ruling in ("fail", "cannot tell", *(("pass",) if everything else ())):
        for f in findings:
            if f.ruling == ruling:
                console.print(
                    Text(shown(f"{ruling.upper()}: {f.rule}: {f.what}"), style=STYLES[ruling]), soft_wrap=True
                )
    counts = {r: sum(f.ruling == r for f in findings) for r in STYLES}
    code = exit_code(findings)
    verdict = {PASS: "pass", FAIL: "fail", CANNOT_TELL: "cannot tell"}[code]
    tail = f"{counts['pass']} passed, {counts['fail']} failed, {counts['cannot tell']} cannot be told"
    console.print(Text(f"gate: {verdict} ({tail})", style="bold"), soft_wrap=True)
