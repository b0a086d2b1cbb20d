"""The gate: whether a run may pass. Each rule passes, fails, or cannot tell; a rule fails only with certainty."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import shorten

from rich.console import Console
from rich.text import Text

from stampede.core.errors import InputError
from stampede.core.text.safe_text import shown
from stampede.core.text.terminal import PlainConsole
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.compare.comparability import same_run
from stampede.reports.compare.compare_runs import RunPair, pair
from stampede.reports.compare.guarantee_changes import GateFinding, Ruling, of_guarantees
from stampede.reports.compare.regressions import of_regressions
from stampede.reports.compare.thresholds import Limit, Thresholds
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder import run_warnings
from stampede.run_folder.read import read_run

PASS, FAIL, CANNOT_TELL = 0, 1, 3
"""Exit codes; 2 is bad input."""


def exit_code(findings: Sequence[GateFinding]) -> int:
    """1 if any rule failed; else 3 if one cannot tell, or there is no rule; else 0."""
    rulings = {f.ruling for f in findings}
    if "fail" in rulings:
        return FAIL
    return PASS if rulings == {"pass"} else CANNOT_TELL


def gate(run: Path, base: Path | None, thresholds: Thresholds, *, force: bool = False) -> list[GateFinding]:
    """Check a run against the thresholds, and against a base if one is given.

    If the run and its base are the same run, only the absolute rules of gate.toml are checked. Raises RunFolderError
    if a folder is no run; InputError if the runs are not comparable, or a limit names a scenario or contender that the
    run does not have.
    """
    tested, other = read_run(run), None if base is None else read_run(base)
    if other is None:
        return of_run(analyse(tested), thresholds)
    if same_run(other, tested):
        found = [GateFinding(ruling="pass", rule="nothing changed", what="the run and its base are the same run")]
        absolute = thresholds.absolute or thresholds.limits
        return found + (of_run(analyse(tested), replace(thresholds, contracts=thresholds.absolute)) if absolute else [])
    return of_pair(pair(other, tested, force=force), thresholds)


def of_run(analysis: Analysis, thresholds: Thresholds) -> list[GateFinding]:
    """The findings for a run without a base."""
    found = [*of_integrity(analysis, None), *of_guarantees(analysis, None)] if thresholds.contracts else []
    return found + list(of_limits(analysis, thresholds.limits))


def of_pair(both: RunPair, thresholds: Thresholds) -> list[GateFinding]:
    """The findings for a run and its base: the changes, and the absolute rules of gate.toml."""
    found: list[GateFinding] = []
    if thresholds.contracts:
        found += of_integrity(both.b, both.a)
        found += of_guarantees(both.b, both.a, absolute=thresholds.absolute)
    found += of_limits(both.b, thresholds.limits)
    return found + of_regressions(both, thresholds)


def of_integrity(run: Analysis, base: Analysis | None) -> Iterator[GateFinding]:
    """The integrity of the run: it is not void, and its counts equal the servers'. Counts need no rounds."""
    voiding = [x for x in run.warnings if x.kind.voids or run.broke(x)]
    reasons = "; ".join(x.what for x in voiding)
    if voiding and base is not None and base.void:
        yield GateFinding(ruling="cannot tell", rule="the run is not void", what=f"{reasons}; the base is also void")
    else:
        what = reasons or f"{len(run.run.done)} cells finished"
        yield GateFinding(ruling="fail" if voiding else "pass", rule="the run is not void", what=what)
    wrong = [x for x in run.warnings if x.kind is run_warnings.COUNTS_DIFFER]
    yield GateFinding(
        ruling="cannot tell" if wrong else "pass",
        rule="our counts equal the servers'",
        what=shorten("; ".join(x.what for x in wrong), 300, placeholder=" …") or "in every cell that can be compared",
    )


def of_limits(analysis: Analysis, limits: Sequence[Limit]) -> Iterator[GateFinding]:
    """The absolute limits: a figure passes if its interval lies within the limit, and fails if it lies beyond."""
    scenarios = [s.name for s in analysis.scenarios]
    contenders = [c.name for c in analysis.run.info.contenders if c.kind == "contender"]
    for limit in limits:
        for kind, name, known in (("scenario", limit.scenario, scenarios), ("contender", limit.contender, contenders)):
            if name != "*" and name not in known:
                raise InputError(f"limits: {kind}", repr(name), f"* or one of {', '.join(known)}")
        found = 0
        for scenario, contender in itertools.product(scenarios, contenders):
            if limit.scenario not in ("*", scenario) or limit.contender not in ("*", contender):
                continue
            figure = analysis.figure(scenario, contender, limit.metric.name)
            if figure.missing and "*" in (limit.scenario, limit.contender):
                continue
            found += 1
            yield of_limit(limit, figure, f"{scenario}, {contender}: {formatting.label(limit.metric)}")
        if not found:
            rule = f"limit of {formatting.label(limit.metric)}"
            yield GateFinding(ruling="cannot tell", rule=rule, what="no such figure in this run")


def of_limit(limit: Limit, figure: Estimate, name: str) -> GateFinding:
    """The finding for one figure and its limit."""
    parts = [f"at most {limit.most:g}"] if limit.most < math.inf else []
    parts += [f"at least {limit.least:g}"] if limit.least > -math.inf else []
    rule = f"{name} {' and '.join(parts)}"
    if figure.missing:
        return GateFinding(ruling="cannot tell", rule=rule, what=figure.why or "not measured")
    what = f"{formatting.figure(figure.value, limit.metric)} ({formatting.interval(figure) or 'no interval'})"
    if figure.why:
        return GateFinding(ruling="cannot tell", rule=rule, what=f"{what}: {figure.why}")
    bounds = (figure.value, figure.value) if math.isnan(figure.low) else (figure.low, figure.high)
    if bounds[0] > limit.most or bounds[1] < limit.least:
        return GateFinding(ruling="fail", rule=rule, what=what)
    inside = bounds[1] <= limit.most and bounds[0] >= limit.least
    return GateFinding(ruling="pass" if inside else "cannot tell", rule=rule, what=what)


STYLES: dict[Ruling, str] = {"pass": "green", "fail": "red", "cannot tell": "yellow"}


def print_findings(
    findings: Sequence[GateFinding], console: Console | None = None, *, everything: bool = False
) -> None:
    """Print the failures, the rules that cannot tell, those that passed (if `everything`), and the ruling."""
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
    tail = f"{counts['pass']} passed, {counts['fail']} failed, {counts['cannot tell']} cannot tell"
    console.print(Text(f"gate: {verdict} ({tail})", style="bold"), soft_wrap=True)
