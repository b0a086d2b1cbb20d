"""The gate: may this run pass? Each rule passes, fails, or cannot be told; what fails must be beyond doubt."""

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
from stampede.run_folder import run_warnings as d
from stampede.run_folder.read import read_run

PASS, FAIL, CANNOT_TELL = 0, 1, 3
"""Exit codes; 2 is bad input."""


def exit_code(findings: Sequence[GateFinding]) -> int:
    """1 where any rule failed; else 3 where one could not be told, or there was none; else 0."""
    rulings = {f.ruling for f in findings}
    if "fail" in rulings:
        return FAIL
    return PASS if rulings == {"pass"} else CANNOT_TELL


def gate(run: Path, base: Path | None, thresholds: Thresholds, *, force: bool = False) -> list[GateFinding]:
    """Hold a run to thresholds, and against a base where one is given.

    A run against itself has changed nothing: only what gate.toml asks for by itself is judged. Raises RunFolderError
    where a folder is no run; InputError where the runs are not alike, or a limit names a scenario or contender that the
    run does not have.
    """
    judged, other = read_run(run), None if base is None else read_run(base)
    if other is None:
        return of_run(analyse(judged), thresholds)
    if same_run(other, judged):
        found = [GateFinding(ruling="pass", rule="nothing changed", what="the run and its base are the same run")]
        asked = thresholds.absolute or thresholds.limits
        return found + (of_run(analyse(judged), replace(thresholds, contracts=thresholds.absolute)) if asked else [])
    return of_pair(pair(other, judged, force=force), thresholds)


def of_run(analysis: Analysis, thresholds: Thresholds) -> list[GateFinding]:
    """A run by itself."""
    found = [*of_books(analysis, None), *of_guarantees(analysis, None)] if thresholds.contracts else []
    return found + list(of_limits(analysis, thresholds.limits, MAX_MISSING))


def of_pair(both: RunPair, thresholds: Thresholds) -> list[GateFinding]:
    """A run against its base: what changed, and what gate.toml asks of the run by itself."""
    found: list[GateFinding] = []
    if thresholds.contracts:
        found += of_books(both.b, both.a)
        found += of_guarantees(both.b, both.a, absolute=thresholds.absolute)
    found += of_limits(both.b, thresholds.limits, MAX_MISSING)
    return found + of_regressions(both, thresholds)


def of_books(run: Analysis, base: Analysis | None) -> Iterator[GateFinding]:
    """The run's own books. Counts: they need no rounds."""
    grave = [x for x in run.warnings if x.kind.voids or run.broke(x)]
    said = "; ".join(x.what for x in grave)
    if grave and base is not None and base.void:
        yield GateFinding(ruling="cannot tell", rule="the run is not void", what=f"{said}; the base is void, too")
    else:
        what = said or f"{len(run.run.done)} cells finished"
        yield GateFinding(ruling="fail" if grave else "pass", rule="the run is not void", what=what)
    wrong = [x for x in run.warnings if x.kind is d.COUNTS_DIFFER]
    yield GateFinding(
        ruling="cannot tell" if wrong else "pass",
        rule="our counts equal the servers'",
        what=shorten("; ".join(x.what for x in wrong), 300, placeholder=" …")
        or "in every cell where they can be compared",
    )


MAX_MISSING = "no such figure in this run"


def of_limits(analysis: Analysis, limits: Sequence[Limit], missing: str) -> Iterator[GateFinding]:
    """Absolute bounds: the interval must lie within them to pass, and beyond them to fail."""
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
            wild = "*" in (limit.scenario, limit.contender)
            if figure.missing and wild:
                continue
            found += 1
            yield of_limit(limit, figure, f"{scenario}, {contender}: {formatting.label(limit.metric)}")
        if not found:
            yield GateFinding(ruling="cannot tell", rule=f"limit of {formatting.label(limit.metric)}", what=missing)


def of_limit(limit: Limit, figure: Estimate, name: str) -> GateFinding:
    parts = [f"at most {limit.most:g}"] if limit.most < math.inf else []
    parts += [f"at least {limit.least:g}"] if limit.least > -math.inf else []
    rule = f"{name} {' and '.join(parts)}"
    if figure.missing:
        return GateFinding(ruling="cannot tell", rule=rule, what=figure.why or "not measured")
    said = f"{formatting.figure(figure.value, limit.metric)} ({formatting.interval(figure) or 'no interval'})"
    if figure.why:
        return GateFinding(ruling="cannot tell", rule=rule, what=f"{said}: {figure.why}")
    bounds = (figure.value, figure.value) if math.isnan(figure.low) else (figure.low, figure.high)
    if bounds[0] > limit.most or bounds[1] < limit.least:
        return GateFinding(ruling="fail", rule=rule, what=said)
    inside = bounds[1] <= limit.most and bounds[0] >= limit.least
    return GateFinding(ruling="pass" if inside else "cannot tell", rule=rule, what=said)


STYLES: dict[Ruling, str] = {"pass": "green", "fail": "red", "cannot tell": "yellow"}


def print_findings(
    findings: Sequence[GateFinding], console: Console | None = None, *, everything: bool = False
) -> None:
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
