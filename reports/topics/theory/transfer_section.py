"""Report section "Will it be the same for you?": hit rate and queries under other TTLs and rates.

The curves follow from closed forms. The measured points of cache-aside show whether the forms hold on this machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stampede.core.models import closed_forms as forms
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.output.charts import Chart
from stampede.reports.output.charts.expiries_chart import load_time_s
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.deciding_values import DecidingValues, deciding_values
from stampede.reports.topics.theory.hit_model import PLAIN, HitModel, key_count, plain_model, why_not
from stampede.reports.topics.theory.transfer_chart import TENFOLD, CurvePoint, transfer_chart
from stampede.reports.topics.theory.transfer_points import BASE, is_transfer_point
from stampede.run_folder.schema import ScenarioInfo

MARKS_S = (10.0, 60.0, 600.0, 3600.0)
"""The TTLs of the table."""
NEAR_POINTS = 3.0
"""A measured hit rate within this many percentage points of theory confirms it."""
RATES_PER_S = (10.0, 100.0, 1000.0)
QUERY_TIMES_MS = (5.0, 50.0, 500.0)
"""Rows and columns of the table of queries per expiry."""


@dataclass(frozen=True, kw_only=True)
class TransferRow:
    """One TTL of the table: what theory predicts at the run's rate and at ten times that rate."""

    ttl: str
    hit_percent: float
    queries_per_s: float
    """Database queries per second that the reads cause."""
    tenfold_hit_percent: float
    tenfold_queries_per_s: float


@dataclass(frozen=True, kw_only=True)
class HitTransfer:
    """Hit rate and queries against the TTL."""

    sentence: str
    agreement: str
    """How far the measured points are from theory."""
    columns: list[str]
    """Titles of the table's columns after the TTL: the rate is in requests per second."""
    rows: list[TransferRow]
    note: str
    """Why a higher rate has fewer hits, if it has; otherwise empty."""
    points: list[CurvePoint]
    chart: Chart


@dataclass(frozen=True, kw_only=True)
class ExpiryRow:
    """Queries per expiry at one rate of reads, by query time in the order of QUERY_TIMES_MS."""

    rate_per_s: float
    queries: list[float]


@dataclass(frozen=True, kw_only=True)
class ExpiryTransfer:
    """Queries per expiry of a hot key without protection."""

    sentence: str
    predicted: float
    measured: Estimate
    rows: list[ExpiryRow]
    query_times_ms: Sequence[float] = QUERY_TIMES_MS


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """The page's section on transfer."""

    hits: HitTransfer | None
    why_no_hits: str
    """Why there is no curve of the hit rate; empty if there is one."""
    expiry: ExpiryTransfer | None
    why_no_expiry: str
    """Why there are no queries per expiry; empty if there are."""
    deciding: DecidingValues | None
    """Which values decide the answers; None: theory does not describe the run."""
    anchors: list[str]
    """Names of the transfer points: other sections link to them, and they have no section of their own."""


def section(analysis: Analysis) -> Transfer | None:
    """The section; None if the run has no caching scenario."""
    base, hot = base_scenario(analysis), hot_scenario(analysis)
    if base is None and hot is None:
        return None
    why = "this run has no scenario with many keys" if base is None else why_not(base)
    hits = None if base is None or why else hit_transfer(analysis, base)
    agrees = hits is not None and bool(hits.points) and all(abs(p.difference) <= NEAR_POINTS for p in hits.points)
    return Transfer(
        hits=hits,
        why_no_hits=why,
        expiry=None if hot is None else expiry_transfer(analysis, hot),
        why_no_expiry="" if hot else "this run has no scenario in which one hot key expires",
        deciding=deciding_values(analysis, base) if base is not None and agrees else None,
        anchors=[s.name for part in parts_of(analysis) for s in part.scenarios if is_transfer_point(s)],
    )


def parts_of(analysis: Analysis) -> Iterator[Analysis]:
    """The compared part of the run, and the part that is reported separately."""
    yield analysis
    if analysis.separate is not None:
        yield analysis.separate


def base_scenario(analysis: Analysis) -> ScenarioInfo | None:
    """The scenario whose workload is transferred: read-mostly, or else the first steady one with many keys."""
    found = [
        s
        for s in analysis.scenarios
        if not (s.variant_of or s.cold or s.fault) and s.workload.get("active_records") != 1
    ]
    return next((s for s in found if s.name == BASE), found[0] if found else None)


def hot_scenario(analysis: Analysis) -> ScenarioInfo | None:
    """The first scenario in which every request reads one key."""
    for s in analysis.scenarios:
        one_key = s.workload.get("active_records") == 1 and s.workload["read_share"] == 1
        if one_key and not (s.variant_of or s.cold or s.fault):
            return s
    return None


def hit_transfer(analysis: Analysis, base: ScenarioInfo) -> HitTransfer | None:
    """Sentence, table and chart of the hit rate against the TTL."""
    model = plain_model(analysis, base)
    if model is None:
        return None
    points = list(measured_points(analysis, base, model))
    rows = [row_of(model, ttl_s) for ttl_s in MARKS_S]
    rate = float(base.workload["rate_per_s"])
    agreement = agreement_text(points)
    return HitTransfer(
        sentence=hit_sentence(base, model, points),
        agreement=agreement,
        columns=[f"{what} at {times * rate:,.10g}/s" for times in (1.0, TENFOLD) for what in ("hits", "queries")],
        rows=rows,
        note=fewer_hits_text(rows),
        points=points,
        chart=transfer_chart(model, points, rate, agreement),
    )


def measured_points(analysis: Analysis, base: ScenarioInfo, model: HitModel) -> Iterator[CurvePoint]:
    """The measured hit rates of cache-aside, by TTL: the scenario itself and its transfer points."""
    found = []
    for part in parts_of(analysis):
        for s in part.scenarios:
            measured = part.figure(s.name, PLAIN, "hit-rate")
            if not measured.missing and (s.name == base.name or (base.name == BASE and is_transfer_point(s))):
                ttl_s = float(s.workload["ttl_s"])
                predicted = 100 * model.hit_rate(ttl_s)
                found.append(CurvePoint(scenario=s.name, ttl_s=ttl_s, predicted=predicted, measured=measured))
    yield from sorted(found, key=lambda point: point.ttl_s)


def row_of(model: HitModel, ttl_s: float) -> TransferRow:
    """What the model predicts for one TTL."""
    return TransferRow(
        ttl=formatting.duration(ttl_s),
        hit_percent=100 * model.hit_rate(ttl_s),
        queries_per_s=model.queries_per_s(ttl_s),
        tenfold_hit_percent=100 * model.hit_rate(ttl_s, TENFOLD),
        tenfold_queries_per_s=model.queries_per_s(ttl_s, TENFOLD),
    )


def fewer_hits_text(rows: Sequence[TransferRow]) -> str:
    """Why the higher rate has fewer hits than the run's rate at some TTL; empty if it has at every TTL as many."""
    fewer = [row for row in rows if row.tenfold_hit_percent < row.hit_percent - 0.5]
    if not fewer:
        return ""
    return (
        f"From a TTL of {fewer[0].ttl} on, ten times the rate has fewer hits: more writes delete popular entries, and "
        "every read misses until the next query ends. Coalescing merges these queries."
    )


def hit_sentence(base: ScenarioInfo, model: HitModel, points: Sequence[CurvePoint]) -> str:
    """The run's conditions and hit rate, and what to expect of another TTL and a higher rate."""
    ttl_s, keys = float(base.workload["ttl_s"]), key_count(base)
    own = next((p.measured for p in points if p.scenario == base.name), None)
    found = "hit rate not measured with cache-aside"
    if own is not None:
        found = f"{formatting.number(own.value)} % hits{formatting.in_brackets(own)}"
    records = "ids" if base.workload.get("own_sql") else "records"
    other_s = 60.0 if abs(ttl_s - 60) > 1 else 600.0
    once, tenfold = (100 * model.hit_rate(other_s, times) for times in (1.0, TENFOLD))
    return (
        f"This run: TTL {formatting.duration(ttl_s)}, {base.workload['rate_per_s']:g} requests/s, "
        f"{100 * float(base.workload['read_share']):g} % reads, {keys:,} {records} with a Zipf skew of "
        f"{base.workload['key_skew']:g}: {found}. By theory, a TTL of "
        f"{formatting.duration(other_s)} gives {once:.0f} % at this rate and {tenfold:.0f} % at ten times this rate."
    )


def agreement_text(points: Sequence[CurvePoint]) -> str:
    """How far the measured points are from theory."""
    if not points:
        return "Theory only: this run did not measure cache-aside here."
    far = [p for p in points if abs(p.difference) > NEAR_POINTS]
    if far:
        parts = [
            f"at a TTL of {formatting.duration(p.ttl_s)} it is {abs(p.difference):.1f} percentage points "
            f"{'above' if p.difference > 0 else 'below'} theory"
            for p in far
        ]
        return f"The measured hit rate of cache-aside differs from theory: {formatting.listed(parts)}."
    if len(points) == 1:
        return f"The measured point of cache-aside is within {NEAR_POINTS:g} percentage points of theory."
    return f"All {len(points)} measured points of cache-aside are within {NEAR_POINTS:g} percentage points of theory."


def expiry_transfer(analysis: Analysis, hot: ScenarioInfo) -> ExpiryTransfer:
    """Queries per expiry: the formula with the run's values, the measured point, and a table of other values."""
    rate, query_s = float(hot.workload["rate_per_s"]), load_time_s(analysis, hot)
    predicted = forms.loads_per_expiry(rate, query_s)
    measured = analysis.figure(hot.name, PLAIN, "loads-per-expiry")
    if measured.missing:
        found = f"not measured with {PLAIN} ({measured.why})"
    else:
        found = f"{formatting.number(measured.value)}{formatting.in_brackets(measured)} measured with {PLAIN}"
        found += f" ({measured.why})" if measured.why else ""
    return ExpiryTransfer(
        sentence=(
            "An expiry of a hot key causes 1 + reads/s × query time database queries without protection, while the "
            f"database has free cores. This run: 1 + {rate:g}/s × {formatting.number(1e3 * query_s)} ms = "
            f"{formatting.number(predicted)} by theory, {found}."
        ),
        predicted=predicted,
        measured=measured,
        rows=[
            ExpiryRow(
                rate_per_s=each,
                queries=[forms.loads_per_expiry(each, time_ms / 1e3) for time_ms in QUERY_TIMES_MS],
            )
            for each in RATES_PER_S
        ],
    )
