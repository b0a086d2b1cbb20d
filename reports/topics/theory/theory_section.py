"""Report section on theory: measured figures against the predictions of closed forms."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.core.models import closed_forms as forms
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.cpu_use import cores
from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.database_loads import load_times_s
from stampede.reports.output import charts, formatting
from stampede.reports.output.charts import Chart
from stampede.reports.output.charts.scenario_chart import asks_no_cache
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.rate_limiting.limiter_analysis import limiter_results
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

ONE_LOAD = "ONE_LOAD_PER_MISS"
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
    chart: Chart | None
    caption: str


def section(analysis: Analysis) -> Theory | None:
    """The section; None if no closed form applies to the run."""
    lines = [line for line in every_line(analysis) if not line.measured.missing and not math.isnan(line.predicted)]
    if not lines:
        return None
    return Theory(lines=lines, chart=chart(analysis, lines), caption=summary(lines))


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


def reads_per_s(scenario: ScenarioInfo) -> float:
    """The scenario's rate of reads."""
    return float(scenario.workload["rate_per_s"]) * float(scenario.workload["read_share"])


def is_plain(c: ContenderInfo, analysis: Analysis) -> bool:
    """Whether it is the reference or its A/A copy: a TTL, a DEL on write, and nothing else."""
    return analysis.reference in (c.name, c.copy_of)


def of_expiries(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Loads per expiry."""
    measured = analysis.figure(scenario.name, c.name, "loads-per-expiry")
    if measured.missing:
        return
    rate, load_s = reads_per_s(scenario), load_times_s(cells)[0]
    cpu_s = float(scenario.measured.get("cpu_ms") or scenario.workload.get("load_cpu_ms") or 0.0) / 1e3
    c_cores = cores(analysis.run)
    shown = f"1 + {rate:g}/s × {1e3 * load_s:.3g} ms"
    predicted = forms.loads_per_expiry(rate, load_s)
    if rate * cpu_s > c_cores:
        shown = f"loads grow as e^(r·S/c): c = {c_cores:g} cores, r = {rate:g}/s, S = {1e3 * cpu_s:.3g} ms of CPU"
        predicted = forms.loads_when_cpu_bound(rate, cpu_s, int(c_cores))
    beta = c.config.get("beta")
    if ONE_LOAD in c.guarantees:
        shown, predicted, bound = "one load (coalescing)", 1.0, False
    elif isinstance(beta, int | float) and beta > 0:
        shown, predicted, bound = f"e^(1/β), β = {beta:g}", forms.xfetch_recomputations(float(beta)), False
    else:
        bound = not is_plain(c, analysis)
    if bound:
        shown = f"at most {shown}"
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="loads per expiry",
        form=shown,
        predicted=predicted,
        measured=measured,
        bound=bound,
    )


def rates(scenario: ScenarioInfo) -> tuple[forms.Floats, forms.Floats]:
    """(reads, writes) per second of each record, most popular first."""
    w = scenario.workload
    shares = forms.zipf_shares(int(w.get("active_records") or w["records"]), float(w["key_skew"]))
    return shares * reads_per_s(scenario), shares * (float(w["rate_per_s"]) - reads_per_s(scenario))


def of_hits(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Hit rate of the plain pattern."""
    if not is_plain(c, analysis) or scenario.workload.get("arrivals") != "poisson" or scenario.cold:
        return
    reads, writes = rates(scenario)
    _, mean_s, loads = load_times_s(cells)
    load_s = mean_s if loads else 0.0
    ttl_s = float(scenario.workload["ttl_s"])
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="hit rate",
        form=f"λL / (1 + λ(Δ + L)) over {len(reads):,} keys, T = {ttl_s:g} s, Δ = {1e3 * load_s:.3g} ms",
        predicted=100 * forms.ttl_hit_rate(reads, ttl_s, load_s=load_s, writes_per_s=writes),
        measured=analysis.figure(scenario.name, c.name, "hit-rate"),
        unit="%",
    )


TTL_ONLY = "ttl-only"


def of_staleness(analysis: Analysis, scenario: ScenarioInfo, c: ContenderInfo, cells: Sequence[Cell]) -> Iterator[Line]:
    """Stale reads of the pattern that only expires."""
    reads, writes = rates(scenario)
    before = analysis.figure(scenario.name, c.name, "stale-before-told")  # quoted
    after = analysis.figure(scenario.name, c.name, "stale-after-told")  # quoted
    if c.name != TTL_ONLY or not writes.any() or before.missing or after.missing:
        return
    _, mean_s, loads = load_times_s(cells)
    load_s = mean_s if loads else 0.0
    ttl_s = float(scenario.workload["ttl_s"])
    yield Line(
        scenario=scenario.name,
        contender=c.name,
        quantity="stale reads",
        form=f"hits × (1 − (1 − e^(−wT)) / (wT)) over {len(reads):,} keys, T = {ttl_s:g} s",
        predicted=100 * forms.ttl_stale_share(reads, writes, ttl_s, load_s=load_s),
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
        quantity="loads per 1,000 reads",
        form="every read loads",
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
        quantity="mean load time",
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
            form=f"at most {'L' if strict else 'B'} = {formatting.number(x.bound)}, its contract",
            predicted=x.bound,
            measured=Estimate(value=x.need_certain, rounds=len(x.cells)),
            bound=True,
        )


def summary(lines: Sequence[Line]) -> str:
    """Number of figures that agree and of bounds that hold."""
    expected = [line for line in lines if not line.bound]
    bounds = [line for line in lines if line.bound]
    parts = []
    if expected:
        agree = sum(line.obeys == "agrees" for line in expected)
        near = f"the prediction is in the interval, or within {100 * NEAR:.0f} %"
        parts.append(f"{agree} of {len(expected)} figures agree with the formula ({near})")
        worst = max(expected, key=lambda line: abs(line.error))
        parts.append(
            f"largest error: {worst.quantity} of {worst.contender} in {worst.scenario}, {100 * worst.error:+.0f} %"
        )
    if bounds:
        kept = sum(line.obeys == "within the bound" for line in bounds)
        parts.append(f"{kept} of {len(bounds)} are within their bound")
    return "; ".join(parts) + "."


def chart(analysis: Analysis, lines: Sequence[Line]) -> Chart | None:
    """Measured against predicted figures on log axes; on the diagonal they are equal."""
    drawn = [line for line in lines if line.predicted > 0 and line.measured.value > 0]
    if len(drawn) < 2:
        return None
    figure = charts.new_figure(7.6, 5.4)
    axes = figure.add_subplot()
    values = [v for line in drawn for v in (line.predicted, line.measured.value)]
    low, high = min(values) / 1.6, max(values) * 1.6
    axes.fill_between([low, high], [low * (1 - NEAR), high * (1 - NEAR)], [low * (1 + NEAR), high * (1 + NEAR)],
                      color=charts.GRID, alpha=0.5, linewidth=0)  # fmt: skip
    axes.plot([low, high], [low, high], color=charts.MUTED, linewidth=1)
    draw_marks(axes, analysis.run.info.contenders, drawn)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(charts.short))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("predicted (log)")
    axes.set_ylabel("measured (log)")
    charts.style_axes(axes)
    charts.legend(figure)
    question, caption = "Do the measurements agree with the formulas?", summary(lines)
    return Chart(
        anchor="theory-chart",
        question=question,
        caption=caption,
        how_to_read=(
            "One mark per figure: the horizontal axis is the closed form's prediction, the vertical axis the measured "
            f"value. On the line they are equal; shaded: within {100 * NEAR:.0f} %. Hollow marks are bounds and may be "
            "below the line. Colour: contender."
        ),
        svg=charts.drawn(figure, "theory-chart", question, caption),
        columns=["scenario", "contender", "figure", "predicted", "measured", "error"],
        rows=[
            [
                *row,
                formatting.number(line.predicted),
                formatting.number(line.measured.value),
                f"{100 * line.error:+.0f} %",
            ]
            for line in drawn
            for row in [(line.scenario, line.contender, line.quantity)]
        ],
    )


def draw_marks(axes: Axes, contenders: Sequence[ContenderInfo], drawn: Sequence[Line]) -> None:
    """One mark per line, and the entries of the legend: a marker per quantity, a colour per contender."""
    quantities = list(dict.fromkeys(line.quantity for line in drawn))
    for line in drawn:
        style = charts.style_of(contenders, line.contender)
        marker = charts.MARKERS[quantities.index(line.quantity) % len(charts.MARKERS)]
        axes.plot(
            [line.predicted],
            [line.measured.value],
            marker=marker,
            markersize=7,
            color=style.color,
            markerfacecolor="none" if line.bound else style.color,
            linestyle="none",
        )
    for quantity in quantities:
        marker = charts.MARKERS[quantities.index(quantity) % len(charts.MARKERS)]
        axes.plot([], [], marker=marker, linestyle="none", color=charts.MUTED, label=quantity)
    for name in dict.fromkeys(line.contender for line in drawn):
        style = charts.style_of(contenders, name)
        axes.plot([], [], color=style.color, linewidth=5, label=name)
