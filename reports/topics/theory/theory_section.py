"""Report section on theory: measured figures against the predictions of closed forms."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stampede.core.models import closed_forms as forms
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.cpu_use import cores
from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.database_loads import load_times_s
from stampede.reports.output.charts.scenario_chart import asks_no_cache
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, limiter_results
from stampede.reports.topics.theory.hit_model import hit_model, mean_query_s, reads_per_s, refresh_share
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

ONE_LOAD = "ONE_LOAD_PER_MISS"
ONE_REFRESH = "ONE_REFRESH_PER_EXPIRY"
REFRESH_SHARE = "refresh_below_share"
NEAR = 0.25
"""A smaller relative error counts as agreement: closed forms ignore everything else that a machine does."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One quantity of one contender, predicted and measured."""

    scenario: str
    contender: str
    quantity: str
    form: str
    """The formula with its values."""
    predicted: float
    measured: Estimate
    unit: str = ""
    bound: bool = False
    """Whether the form is an upper bound, not an expectation."""

    @property
    def error(self) -> float:
        """Measured over predicted minus 1; nan if either is missing, infinity for a prediction of 0."""
        if self.measured.missing or math.isnan(self.predicted):
            return math.nan
        if not self.predicted:
            return 0.0 if not self.measured.value else math.inf
        return self.measured.value / self.predicted - 1

    @property
    def error_text(self) -> str:
        """The error in per cent, for example "+3 %"; empty without an error, and for a bound: it predicts no value."""
        if self.bound or not math.isfinite(self.error):
            return ""
        percent = round(100 * self.error)
        return f"{percent:+d} %" if percent else "0 %"

    @property
    def obeys(self) -> str:
        """The verdict as text; empty if a value is missing."""
        if math.isnan(self.error):
            return ""
        if self.bound:
            least = self.measured.value if math.isnan(self.measured.low) else self.measured.low
            return "within the bound" if least <= self.predicted * (1 + 1e-9) else "beyond the bound"
        inside = self.measured.level is not None and self.measured.low <= self.predicted <= self.measured.high
        if inside or abs(self.error) <= NEAR:
            return "agrees"
        return "differs"


@dataclass(frozen=True, kw_only=True)
class Theory:
    """The page's section on theory."""

    lines: list[Line]
    caption: str


def section(analysis: Analysis) -> Theory | None:
    """The section; None if no closed form applies to the run."""
    lines = [line for line in every_line(analysis) if not line.measured.missing and not math.isnan(line.predicted)]
    if not lines:
        return None
    return Theory(lines=lines, caption=summary(lines))


def every_line(analysis: Analysis) -> Iterator[Line]:
    """All lines, in the order of scenarios and contenders."""
    for scenario in analysis.scenarios:
        for c in analysis.run.info.contenders:
            cells = analysis.of(scenario.name, c.name)
            if not cells or c.kind == "baseline" or scenario.workload.get("own_sql"):
                continue
            yield from of_expiries(analysis, scenario, c, cells)
            yield from of_hits(analysis, scenario, c, cells)
            yield from of_staleness(analysis, scenario, c, cells)
            yield from of_database(analysis, scenario, c, cells)
    if analysis.limiting is not None:
        yield from of_limiters(analysis.limiting)


def is_plain(c: ContenderInfo, analysis: Analysis) -> bool:
    """Whether it is the reference or its A/A copy: a TTL, a DEL on write, and nothing else."""
    return analysis.reference in (c.name, c.copy_of)


def of_expiries(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Queries per expiry. No form covers background refreshes, which wait in a pool before they query."""
    measured = analysis.figure(scenario.name, c.name, "loads-per-expiry")
    if measured.missing or (REFRESH_SHARE in c.config and ONE_REFRESH not in c.guarantees):
        return
    rate, load_s = reads_per_s(scenario), load_times_s(cells)[0]
    cpu_s = float(scenario.measured.get("cpu_ms") or scenario.workload.get("load_cpu_ms") or 0.0) / 1e3
    c_cores = cores(analysis.run)
    shown = f"1 + {rate:g}/s × {1e3 * load_s:.3g} ms"
    predicted = forms.loads_per_expiry(rate, load_s)
    if rate * cpu_s > c_cores:
        shown = f"queries grow as e^(r·S/c): c = {c_cores:g} cores, r = {rate:g}/s, S = {1e3 * cpu_s:.3g} ms of CPU"
        predicted = forms.loads_when_cpu_bound(rate, cpu_s, int(c_cores))
    beta = c.config.get("beta")
    if ONE_LOAD in c.guarantees:
        shown, predicted, bound = "one query (coalescing)", 1.0, False
    elif isinstance(beta, int | float) and beta > 0:
        shown, predicted, bound = f"e^(1/β), β = {beta:g}", forms.xfetch_recomputations(float(beta)), False
    else:
        bound = not is_plain(c, analysis)
    if bound:
        shown = f"at most {shown}"
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="queries per expiry",
        form=shown,
        predicted=predicted,
        measured=measured,
        bound=bound,
    )


def of_hits(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Hit rate of a contender of the suite that uses the cache, by what its writes and refreshes do to entries."""
    if c.file is not None or asks_no_cache(cells) or scenario.workload.get("arrivals") != "poisson" or scenario.cold:
        return
    model = hit_model(scenario, mean_query_s(cells))
    if model is None:
        return
    ttl_s = float(scenario.workload["ttl_s"])
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="hit rate",
        form=(
            f"λL / (1 + λ(Δ + L)) over {counted(len(model.reads_per_s))}, {renewals(c, scenario)}T = {ttl_s:g} s, "
            f"Δ = {1e3 * model.query_s:.3g} ms"
        ),
        predicted=100 * model.hit_rate_of(c, ttl_s),
        measured=analysis.figure(scenario.name, c.name, "hit-rate"),
        unit="%",
    )


def renewals(c: ContenderInfo, scenario: ScenarioInfo) -> str:
    """What lengthens the life L of an entry or ends it, as the beginning of a list; empty: its TTL alone."""
    written = {"deletes": "a write deletes, ", "fills": "a write fills, ", "keeps": "a write changes no entry, "}
    what = "" if scenario.workload["read_share"] == 1 else written[c.on_write]
    share = refresh_share(c)
    return f"{what}reads of the last {100 * share:.3g} % of T refresh, " if share else what


TTL_ONLY = "ttl-only"


def of_staleness(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Stale reads of the pattern that only expires."""
    model = hit_model(scenario, mean_query_s(cells))
    before = analysis.figure(scenario.name, c.name, "stale-before-told")  # quoted
    after = analysis.figure(scenario.name, c.name, "stale-after-told")  # quoted
    if c.name != TTL_ONLY or model is None or not model.writes_per_s.any() or before.missing or after.missing:
        return
    ttl_s = float(scenario.workload["ttl_s"])
    if ttl_s > scenario.window_s:  # a cell begins with current values, so its window is too short for old ones
        return
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="stale reads",
        form=f"hits × (1 − (1 − e^(−wT)) / (wT)) over {counted(len(model.reads_per_s))}, T = {ttl_s:g} s",
        predicted=100 * forms.ttl_stale_share(model.reads_per_s, model.writes_per_s, ttl_s, load_s=model.query_s),
        measured=Estimate(
            value=before.value + after.value,
            low=before.low + after.low,
            high=before.high + after.high,
            rounds=after.rounds,
        ),
        unit="%",
    )


def of_database(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Loads and load time without a cache: loads arrive at a steady rate and wait as in M/M/c, one core per server."""
    if not asks_no_cache(cells):
        return
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="queries per 1,000 reads",
        form="every read is a query",
        predicted=1000.0,
        measured=analysis.figure(scenario.name, c.name, "loads-per-1000-reads"),
    )
    alone_ms, cpu_ms = (float(scenario.measured.get(name, math.nan)) for name in ("load_ms", "cpu_ms"))
    (_, mean_s, _), servers, rate = load_times_s(cells), cores(analysis.run), reads_per_s(scenario)
    if any(math.isnan(x) for x in (alone_ms, cpu_ms, servers, mean_s)):
        return
    if not 0 < rate * cpu_ms / 1e3 < servers:  # below 0: a calibration on a busy machine that measured only noise
        return
    wait_ms = 1e3 * forms.mmc_wait_s(rate, cpu_ms / 1e3, int(servers))
    rtt_ms = float(scenario.workload.get("rtt_ms") or 0.0)
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="mean query time",
        form=(
            f"alone {alone_ms:.3g} ms + simulated RTT {rtt_ms:g} ms + wait for one of {servers:g} cores "
            f"{wait_ms:.2g} ms (M/M/c at {rate:g}/s × {cpu_ms:.3g} ms)"
        ),
        predicted=alone_ms + rtt_ms + wait_ms,
        measured=Estimate(value=1e3 * mean_s, rounds=len(cells)),
        unit="ms",
    )


def of_limiters(limiting: Analysis) -> Iterator[Line]:
    """The quantity that each limiter's contract bounds."""
    for x in limiter_results(limiting):
        if x.info.kind != "contender":
            continue
        strict = x.contract["kind"] == "strict"
        yield Line(
            scenario=x.scenario.name,
            contender=x.info.name,
            quantity="most admitted in a window" if strict else "most admitted beyond the refill",
            form=f"at most {contract_bound(x)}, its contract",
            predicted=x.bound,
            measured=Estimate(value=x.need_certain, rounds=len(x.cells)),
            bound=True,
        )


def contract_bound(x: LimiterResult) -> str:
    """The bound of a contract: the capacity B of a bucket, or a multiple of the limit L that was asked for."""
    if x.contract["kind"] != "strict":
        return f"B = {x.bound:g}"
    times = x.bound / x.limit
    return f"{'' if times == 1 else f'{times:g} '}L = {x.bound:g}"


def summary(lines: Sequence[Line]) -> str:
    """Number of figures that agree and of bounds that hold, and what the formulas have as input."""
    expected = [line for line in lines if not line.bound]
    bounds = [line for line in lines if line.bound]
    parts = []
    if expected:
        agree = sum(line.obeys == "agrees" for line in expected)
        near = f"the prediction is in the interval, or within {100 * NEAR:.0f} %"
        parts.append(f"{agree} of {len(expected)} figures agree with the formula ({near})")
        worst = max(expected, key=lambda line: abs(line.error) if math.isfinite(line.error) else 0.0)
        if worst.error_text:
            parts.append(
                f"largest error: {worst.quantity} of {worst.contender} in {worst.scenario}, {worst.error_text}"
            )
    if bounds:
        kept = sum(line.obeys == "within the bound" for line in bounds)
        parts.append(f"{kept} of {len(bounds)} upper bounds hold")
    return f"{'; '.join(parts)}. The formulas have the measured query time as input."


def counted(keys: int) -> str:
    """A number of keys: "1 key", "20,000 keys"."""
    return f"{keys:,} key{'' if keys == 1 else 's'}"
