"""Judging a run: its figures, the four sentences, and what it must doubt about itself."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from artefact import doubts as d
from artefact.doubts import Doubt, DoubtKind
from artefact.read import Run
from artefact.schema import ContenderInfo, ScenarioInfo
from reports import frames
from reports.clocks import clocks_apart
from reports.frames import Cell, of_group
from reports.freshness.doubts import doubts_of_freshness
from reports.freshness.history import AT_REST
from reports.metrics import counts
from reports.metrics.metric import Metric, find_metric, metrics
from reports.metrics.response import waits_ms
from reports.statistics import (
    LEAST_DIFFERENCE,
    MIN_ROUNDS,
    Comparison,
    Estimate,
    Sentence,
    compare,
    holm,
    missing,
    noise_floor,
    quantile,
    sentence,
    shift,
)
from reports.surroundings import CHECKS as SURROUNDINGS
from reports.surroundings import OF_GROUPS as SURROUNDINGS_OF_GROUPS


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One contender against the reference (a twin: against what it is the twin of) by one metric."""

    scenario: str
    contender: str
    against: str
    metric: Metric
    comparison: Comparison
    m: float
    """Noise floor, a share."""
    adjusted_p: float
    sentence: Sentence


Check = Callable[["Judgement"], Iterable[Doubt]]


@of_group
def figures_of(cells: Sequence[Cell]) -> dict[str, Estimate]:
    """Every metric's figure of one contender in one scenario."""
    return {metric.name: metric.estimate(cells) for metric in metrics()}


@of_group
def values_of(cells: Sequence[Cell]) -> dict[str, list[float]]:
    """The figure of each round, of the metrics that are compared."""
    return {metric.name: [metric.of_cell(cell) for cell in cells] for metric in metrics() if metric.compared}


@dataclass(frozen=True)
class Judgement:
    """All that a report says about one run, before it is put into words."""

    run: Run
    cells: Sequence[Cell]
    """Of caching scenarios; a judgement of its own holds those of limiting ones."""
    apart: "Judgement | None" = None
    """What the same run provoked in few rounds (outages, cold starts, queues): told in sections of its own."""
    limiting: "Judgement | None" = None
    """What the same run says about rate limiters: its cells and groups; what is found is in reports.limiting."""

    @cached_property
    def groups(self) -> dict[tuple[str, str], list[Cell]]:
        """The done cells of each (scenario, contender), by round."""
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in sorted(self.cells, key=lambda c: (c.info.round, c.info.id)):
            found.setdefault((cell.info.scenario, cell.info.contender), []).append(cell)
        return found

    def of(self, scenario: str, contender: str) -> list[Cell]:
        return self.groups.get((scenario, contender), [])

    @property
    def scenarios(self) -> list[ScenarioInfo]:
        """Those with a done cell."""
        seen = {scenario for scenario, _ in self.groups}
        return [s for s in self.run.info.scenarios if s.name in seen]

    @cached_property
    def figures(self) -> dict[tuple[str, str, str], Estimate]:
        """(scenario, contender, metric): the figure over the rounds."""
        found = {}
        for s, c in itertools.product(self.scenarios, self.run.info.contenders):
            for name, estimate in figures_of(self.of(s.name, c.name)).items():
                found[s.name, c.name, name] = estimate
        return found

    def figure(self, scenario: str, contender: str, metric: str) -> Estimate:
        """The figure, or one that is missing where that contender did not run there."""
        return self.figures.get((scenario, contender, metric), missing("did not run"))

    @property
    def reference(self) -> str:
        return self.run.info.reference

    @property
    def rounds(self) -> int:
        """The least number of rounds that any (scenario, contender) finished; 0 without cells.

        Rulers do not count: the no-op does not run in every round.
        """
        return min((len(cells) for cells in self.groups.values() if cells[0].contender.kind != "ruler"), default=0)

    def paired(self, scenario: str, contender: str, against: str, metric: Metric) -> Comparison:
        mine, other = (
            {cell.info.round: value for cell, value in zip(cells, values_of(cells)[metric.name], strict=True)}
            for cells in (self.of(scenario, contender), self.of(scenario, against))
        )
        both = sorted(mine.keys() & other.keys())
        return compare([mine[r] for r in both], [other[r] for r in both])

    @cached_property
    def twins(self) -> dict[tuple[str, str], Verdict]:
        """(scenario, metric): the A/A pair. Its p is Holm's over the A/A pairs of one scenario: its table.

        Over a whole run of two scenarios and eight rounds even the least p could not make it fire.
        """
        rows = []
        for s, c, m in itertools.product(self.scenarios, self.run.info.contenders, metrics()):
            if c.kind == "twin" and c.twin_of is not None and m.compared:
                rows.append((s.name, c, m, self.paired(s.name, c.name, c.twin_of, m)))
        tested = [row for row in rows if row[3].rounds >= MIN_ROUNDS]
        adjusted: dict[int, float] = {}
        for _, table in itertools.groupby(tested, key=lambda row: row[0]):
            comparisons = [row[3] for row in table]
            adjusted |= zip(map(id, comparisons), holm([c.p for c in comparisons]), strict=True)
        found = {}
        for scenario, twin, metric, comparison in rows:
            p = adjusted.get(id(comparison), 1.0)
            found[scenario, metric.name] = Verdict(
                scenario=scenario,
                contender=twin.name,
                against=str(twin.twin_of),
                metric=metric,
                comparison=comparison,
                m=noise_floor(comparison),
                adjusted_p=p,
                sentence=sentence(comparison, LEAST_DIFFERENCE, p, metric.better or "lower"),
            )
        return found

    @cached_property
    def verdicts(self) -> dict[tuple[str, str, str], Verdict]:
        """(scenario, contender, metric): each contender against the reference; Holm over the rows of one metric."""
        found = {}
        rivals = [c for c in self.run.info.contenders if c.kind == "contender" and c.name != self.reference]
        for s, m in itertools.product(self.scenarios, [m for m in metrics() if m.compared]):
            comparisons = [self.paired(s.name, c.name, self.reference, m) for c in rivals]
            tested = [c for c in comparisons if c.rounds >= MIN_ROUNDS]
            adjusted = dict(zip([id(c) for c in tested], holm([c.p for c in tested]), strict=True))
            twin = self.twins.get((s.name, m.name))
            floor = noise_floor(twin.comparison if twin else None)
            for rival, comparison in zip(rivals, comparisons, strict=True):
                if not self.of(s.name, rival.name):  # it runs in other scenarios
                    continue
                p = adjusted.get(id(comparison), 1.0)
                found[s.name, rival.name, m.name] = Verdict(
                    scenario=s.name,
                    contender=rival.name,
                    against=self.reference,
                    metric=m,
                    comparison=comparison,
                    m=floor,
                    adjusted_p=p,
                    sentence=sentence(comparison, floor, p, m.better or "lower"),
                )
        return found

    @cached_property
    def doubts(self) -> list[Doubt]:
        """Gravest first, numbered."""
        checks = (
            bounds,
            twins_differ,
            counts_differ,
            unfinished,
            cells_missing,
            few_rounds,
            saturated,
            errors,
            generator_late,
            database_busy,
            machine_busy,
            distance_off,
            not_steady,
            *SURROUNDINGS,
            clocks_apart,
            remarks,
        )
        limiting = self.limiting
        aside = self.apart
        about_apart = [x for check in OF_APART for x in check(aside)] if aside is not None else []
        about_limiters = [x for check in OF_LIMITING for x in check(limiting)] if limiting is not None else []
        about_freshness = self.checked(about_fresh)
        general = (doubt for check in checks for doubt in self.checked(check))
        found = together(itertools.chain(general, about_freshness, about_apart, about_limiters))
        found.sort(key=lambda doubt: d.KINDS.index(doubt.kind))
        return [replace(doubt, number=i) for i, doubt in enumerate(found, 1)]

    def checked(self, check: Check) -> Iterator[Doubt]:
        """What a check finds: group by group, where it looks at one at a time."""
        if check not in BY_GROUP:
            return iter(check(self))
        return (doubt for _, _, cells in each(self) for doubt in doubts_of_group(cells)[check.__name__])

    @property
    def above_all(self) -> list[Doubt]:
        """Doubts that stand above the answer: the run is void, or its own copies differ."""
        return [x for x in self.doubts if x.kind.voids or x.kind is d.TWINS_DIFFER or self.broke(x)]

    @property
    def void(self) -> bool:
        """Whether nothing may be taken from this run: a contender beat its bound, or the harness broke."""
        return any(x.kind.voids or self.broke(x) for x in self.doubts)

    def broke(self, doubt: Doubt) -> bool:
        return doubt.kind is d.UNFINISHED and self.run.info.status == "failed"

    @property
    def passed(self) -> list[DoubtKind]:
        """The checks that found nothing to doubt."""
        failed = {doubt.kind.name for doubt in self.doubts}
        return [kind for kind in d.KINDS if kind.name not in failed]

    def doubts_of(self, scenario: str, contender: str) -> list[Doubt]:
        """Those that stand beside a row: of this scenario and contender, not of the whole run."""
        return [x for x in self.doubts if x.scenario == scenario and (not x.contenders or contender in x.contenders)]


def together(doubts: Iterable[Doubt]) -> list[Doubt]:
    """One doubt a kind and scenario, however many contenders it touches; remarks stand alone."""
    groups: dict[tuple[str, str | None, str], list[Doubt]] = {}
    for doubt in doubts:
        alone = doubt.what if doubt.kind is d.REMARK else ""
        groups.setdefault((doubt.kind.name, doubt.scenario, alone), []).append(doubt)
    found = []
    for group in groups.values():
        worst = max(group, key=lambda x: abs(x.value or 0.0))
        found.append(
            replace(
                worst,
                what=worst.kind.opens + (", " if worst.kind.opens else "; ").join(dict.fromkeys(x.what for x in group)),
                contenders=()
                if any(not x.contenders for x in group)
                else tuple(n for x in group for n in x.contenders),
                cells=tuple(i for x in group for i in x.cells),
            )
        )
    return found


def judge(run: Run) -> Judgement:
    """Read the tables and judge. Raises RunFolderError where a table cannot be read."""
    whole = frames.cells(run)
    caching, limiting = ([c for c in whole if c.scenario.kind == kind] for kind in ("caching", "limiting"))
    judged, apart = ([c for c in caching if c.scenario.apart is aside] for aside in (False, True))
    return Judgement(
        run,
        judged,
        apart=Judgement(run, apart) if apart else None,
        limiting=Judgement(run, limiting) if limiting else None,
    )


def each(judgement: Judgement) -> Iterator[tuple[str, ContenderInfo, list[Cell]]]:
    for scenario, contender in itertools.product(judgement.scenarios, judgement.run.info.contenders):
        cells = judgement.of(scenario.name, contender.name)
        if cells:
            yield scenario.name, contender, cells


def ids(cells: Iterable[Cell]) -> tuple[int, ...]:
    return tuple(cell.info.id for cell in cells)


def bounds(judgement: Judgement) -> Iterator[Doubt]:
    """No contender's read can be faster than one bare GET and decode."""
    metric = find_metric("read-p50")
    contenders = judgement.run.info.contenders
    for scenario in judgement.scenarios:
        twin = judgement.twins.get((scenario.name, metric.name))
        floor = noise_floor(twin.comparison if twin else None)
        for ruler, c in itertools.product([c for c in contenders if c.kind == "ruler"], contenders):
            if c.kind == "ruler":
                continue
            ratio = judgement.paired(scenario.name, c.name, ruler.name, metric).ratio
            if ratio is not None and ratio.high < 1 / (1 + floor):
                yield Doubt(
                    kind=d.BETTER_THAN_BOUND,
                    what=f"{c.name}'s read p50 is {ratio.estimate:.2f} times that of {ruler.name}, its bound",
                    value=ratio.high,
                    limit=1 / (1 + floor),
                    scenario=scenario.name,
                    contenders=(c.name,),
                )


def twins_differ(judgement: Judgement) -> Iterator[Doubt]:
    for verdict in judgement.twins.values():
        if verdict.sentence in ("better", "worse"):
            test = verdict.comparison.ratio or verdict.comparison.difference
            assert test is not None
            yield Doubt(
                kind=d.TWINS_DIFFER,
                what=(
                    f"{verdict.contender} came out {verdict.sentence} than {verdict.against}, its own copy, by "
                    f"{verdict.metric.group} {verdict.metric.title}: {test.estimate:.3g} ({test.low:.3g} to "
                    f"{test.high:.3g})"
                ),
                value=verdict.adjusted_p,
                limit=0.05,
                scenario=verdict.scenario,
            )


OF_COMMAND = (".usec", ".failed", ".rejected")
"""What Redis accounts for each command beside its calls. Calls leave out what was rejected before it ran."""


def imbalances(cell: Cell) -> list[str]:
    """Where our counts and others' differ, over the whole cell; what one side does not have is not compared.

    Locust counts every request, one that never began as a failure. Our loads and commands are the processes' and the
    conductor's own rulers; the samples' loads must add up to them. What a script calls nobody sent, though Redis counts
    it under its own name: commands that the contender's scripts name may be counted more often than sent, all others
    must be equal. With failed requests the servers' accounts are not comparable (a cancelled statement is missing from
    pg_stat_statements), and are left out.
    """
    found = []
    foreground = cell.rows[~cell.rows["operation"].isin(["background", AT_REST])]
    if cell.info.locust_requests is not None and cell.info.locust_requests != len(foreground):
        found.append(f"Locust counted {cell.info.locust_requests:,} requests, the samples hold {len(foreground):,}")
    ours: dict[str, float] = {}
    redis: dict[str, float] = {}
    for (source, name), value in cell.counters.items():
        if source.startswith("process-") or source == "conductor":
            ours[name] = ours.get(name, 0.0) + value
        elif source == "redis" and name.startswith("command.") and not name.endswith(OF_COMMAND):
            redis[name] = value
    for (source, name), value in cell.counters.items():
        if source == "redis" and name.startswith("command.") and name.endswith(".rejected"):
            redis[name.removesuffix(".rejected")] += value
    sampled = float(cell.rows["loads"].sum())
    if any(s.startswith("process-") for s, _ in cell.counters) and ours.get("load", 0.0) != sampled:
        found.append(f"the rulers counted {ours.get('load', 0.0):,.0f} loads, the samples hold {sampled:,.0f}")
    if cell.rows["error"].notna().any() or incomparable(cell):
        return found
    theirs = cell.counters.get(("postgres", "statement.load.calls"))
    if theirs is not None and theirs != ours.get("load", 0.0):
        found.append(f"we sent {ours.get('load', 0.0):,.0f} loads, pg_stat_statements counted {theirs:,.0f}")
    if redis:
        names = sorted(redis.keys() | {n for n in ours if n.startswith("command.")})
        for name in names:
            sent, counted = ours.get(name, 0.0), redis.get(name, 0.0)
            scripted = name.removeprefix("command.") in cell.contender.script_commands
            if sent > counted or (sent < counted and not scripted):
                command = name.removeprefix("command.").upper()
                found.append(f"we sent {sent:,.0f} {command}, Redis counted {counted:,.0f}")
    return found


def incomparable(cell: Cell) -> str:
    """Why the servers' own accounts of a cell cannot be held against ours; empty where they can."""
    if cell.scenario.fault is not None:
        return "not comparable, because a fault was injected"
    return f"not comparable, because {cell.contender.foreign}" if cell.contender.foreign else ""


def counts_differ(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, cells in each(judgement):
        wrong = [(cell, imbalances(cell)) for cell in cells]
        wrong = [(cell, lines) for cell, lines in wrong if lines]
        if wrong:
            cell, lines = wrong[0]
            more = f"; and in {len(wrong) - 1} more cells" if len(wrong) > 1 else ""
            yield Doubt(
                kind=d.COUNTS_DIFFER,
                what=f"cell {cell.info.id}: {'; '.join(lines[:3])}{more}",
                value=float(len(wrong)),
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
                cells=ids(cell for cell, _ in wrong),
            )


def unfinished(judgement: Judgement) -> Iterator[Doubt]:
    status = judgement.run.info.status
    words = {"running": "was killed, or still runs", "cut": "was cut by its user", "failed": "broke: it is void"}
    if status != "finished":
        done, planned = len(judgement.run.done), len(judgement.run.info.cells)
        yield Doubt(
            kind=d.UNFINISHED, what=f"the run {words.get(status, status)}; {done} of {planned} cells were finished"
        )


def cells_missing(judgement: Judgement) -> Iterator[Doubt]:
    ended = judgement.run.info.status == "finished"
    lost = [c for c in judgement.run.info.cells if c.status == "failed" or (ended and c.status != "done")]
    if lost:
        why = next((cell.why for cell in lost if cell.why), "")
        yield Doubt(
            kind=d.CELLS_MISSING,
            what=f"{len(lost)} of {len(judgement.run.info.cells)} planned cells are missing{': ' if why else ''}{why}",
            value=float(len(lost)),
            limit=0,
            cells=tuple(cell.id for cell in lost),
        )


def few_rounds(judgement: Judgement) -> Iterator[Doubt]:
    planned = judgement.run.info.cells  # experiments alone have rounds of their own
    elsewhere = judgement.limiting is not None or judgement.apart is not None
    if planned and judgement.rounds < MIN_ROUNDS and (judgement.cells or not elsewhere):
        yield Doubt(
            kind=d.FEW_ROUNDS,
            what=f"{judgement.rounds} complete round{'' if judgement.rounds == 1 else 's'}: no verdict",
            value=float(judgement.rounds),
            limit=MIN_ROUNDS,
        )


def saturated(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, cells in each(judgement):
        due = sum(counts.due(cell) for cell in cells)
        open_ = sum(counts.unanswered(cell) for cell in cells)
        if open_:
            drain = cells[0].scenario.drain_s
            yield Doubt(
                kind=d.SATURATED,
                what=f"{contender.name}: {due - open_:,.0f} of {due:,.0f} requests ended within D = {drain:g} s",
                value=(due - open_) / due,
                limit=1,
                scenario=scenario,
                contenders=(contender.name,),
                cells=ids(cell for cell in cells if counts.unanswered(cell)),
            )


def errors(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, cells in each(judgement):
        failed = sum(counts.failed(cell) for cell in cells)
        background = sum(int((c.work["operation"].eq("background") & c.work["error"].notna()).sum()) for c in cells)
        if failed or background:
            classes: dict[str, int] = {}
            for cell in cells:
                for name, count in cell.work["error"].value_counts().items():
                    if count:
                        classes[str(name)] = classes.get(str(name), 0) + int(count)
            listed = ", ".join(f"{count:,} {name}" for name, count in sorted(classes.items()))
            yield Doubt(
                kind=d.ERRORS,
                what=f"{contender.name}: {failed:,.0f} requests and {background:,} background tasks failed ({listed})",
                value=failed + background,
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
            )


@of_group
def own_lags_ms(cells: Sequence[Cell]) -> tuple[float, float]:
    """Our own lateness at p50 and p99."""
    lags = own_lag_ms(cells)
    return quantile(lags, 0.5), quantile(lags, 0.99)


def own_lag_ms(cells: Sequence[Cell]) -> frames.Floats:
    """start − max(due, thread free) of what began.

    Of requests that are due on one tick in one process the first: the others queue for its core, as in any server.
    """
    rows = [cell.due[~cell.due.duplicated(["process", "due_s"])] for cell in cells]
    lag = np.concatenate([each["own_lag_ms"].to_numpy(dtype=np.float64) for each in rows])
    known: frames.Floats = lag[~np.isnan(lag)]
    return known


def generator_late(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, cells in each(judgement):
        late = quantile(own_lag_ms(cells), 0.99)
        response = quantile(np.concatenate([waits_ms(cell.due) for cell in cells]), 0.99)
        limit = max(1.0, 0.1 * response) if not math.isnan(response) else 1.0
        if late > limit:
            yield Doubt(
                kind=d.GENERATOR_LATE,
                what=f"{late:.2f} ms with {contender.name} (allowed: {limit:.2f} ms)",
                value=late,
                limit=limit,
                scenario=scenario,
                contenders=(contender.name,),
            )


def cpu_share(cell: Cell, *sources: str) -> float:
    """Cores that those sources used, on the average of the cell; nan where it is not known."""
    names = ("cpu_s", "cpu.used_cpu_user", "cpu.used_cpu_sys")
    spent = [v for (s, n), v in cell.counters.items() if n in names and any(s.startswith(x) for x in sources)]
    return sum(spent) / wall_s(cell) if spent else math.nan


def wall_s(cell: Cell) -> float:
    """Between the two readings of the accounts; where nobody noted it, from the first due to the window's end."""
    noted = cell.counters.get(("machine", "clock.monotonic_s"))
    if noted:
        return noted
    return cell.window_s + max(0.0, -float(cell.rows["due_s"].min())) if len(cell.rows) else math.nan


def database_cpu(cell: Cell) -> float:
    """Cores that the database used; where it does not say, at most what the machine used beyond all others."""
    own = cpu_share(cell, "postgres")
    busy = cell.counters.get(("machine", "cpu.busy_s"), math.nan) / wall_s(cell)
    others = cpu_share(cell, "redis", "process-", "conductor")
    return max(0.0, busy - (0.0 if math.isnan(others) else others)) if math.isnan(own) else own


def machine_cpu(cell: Cell) -> float:
    """Cores that were busy: the machine's own account, else the sum of what is known."""
    busy = cell.counters.get(("machine", "cpu.busy_s"))
    return cpu_share(cell, "postgres", "redis", "process-", "conductor") if busy is None else busy / wall_s(cell)


def cores(judgement: Judgement) -> float:
    """How many the machine has; nan where the run does not say."""
    return float(judgement.run.info.circumstances.get("machine", {}).get("cores") or math.nan)


def over_limit(judgement: Judgement, used: Callable[[Cell], float], limit: float) -> Iterator[tuple[str, str, float]]:
    """Scenario, contender and share of all cores, median over rounds, where it exceeds the limit."""
    for scenario, contender, cells in each(judgement):
        share = float(np.median([used(cell) for cell in cells])) / cores(judgement)
        if share > limit:
            yield scenario, contender.name, share


def database_busy(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, share in over_limit(judgement, database_cpu, 0.5):
        if not any(cell.rows["loads"].any() for cell in judgement.of(scenario, contender)):
            continue
        yield Doubt(
            kind=d.DATABASE_BUSY,
            what=f"{100 * share:.0f} % with {contender}",
            value=share,
            limit=0.5,
            scenario=scenario,
            contenders=(contender,),
        )


def machine_busy(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, share in over_limit(judgement, machine_cpu, 0.9):
        yield Doubt(
            kind=d.MACHINE_BUSY,
            what=f"{100 * share:.0f} % with {contender}",
            value=share,
            limit=0.9,
            scenario=scenario,
            contenders=(contender,),
        )


@of_group
def distance_ms(cells: Sequence[Cell]) -> float:
    """Simulated distance a round trip as achieved, at the median over requests; nan where none was made."""
    each_ms = [
        (rows["distance_ns"] / rows["round_trips"]).to_numpy(dtype=np.float64) / 1e6
        for rows in (cell.work[cell.work["round_trips"] > 0] for cell in cells)
    ]
    whole = np.concatenate(each_ms) if each_ms else np.array([])
    return float(np.median(whole)) if len(whole) else math.nan


def distance_off(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, cells in each(judgement):
        asked = float(cells[0].scenario.workload.get("rtt_ms") or 0.0)
        achieved = distance_ms(cells)
        if abs(achieved - asked) > 0.1:
            yield Doubt(
                kind=d.DISTANCE_OFF,
                what=f"{achieved:.2f} ms with {contender.name} (asked for: {asked:g} ms)",
                value=achieved - asked,
                limit=0.1,
                scenario=scenario,
                contenders=(contender.name,),
            )


def not_steady(judgement: Judgement) -> Iterator[Doubt]:
    for scenario, contender, cells in each(judgement):
        halves = []
        for cell in cells:
            first = cell.reads["due_s"] < cell.window_s / 2
            pair = [quantile(waits_ms(cell.reads[half]), 0.5) for half in (first, ~first)]
            if all(math.isfinite(x) and x > 0 for x in pair):
                halves.append(pair)
        if len(halves) < MIN_ROUNDS:
            continue
        change = shift([math.log(b / a) for a, b in halves])
        if change.low > math.log(1.1) or change.high < -math.log(1.1):
            a, b = np.median(np.array(halves), axis=0)
            yield Doubt(
                kind=d.NOT_STEADY,
                what=f"{contender.name}: read p50 {a:.3g} ms in the first half of a cell, {b:.3g} ms in the second",
                value=math.exp(change.estimate),
                limit=1.1,
                scenario=scenario,
                contenders=(contender.name,),
            )


def remarks(judgement: Judgement) -> Iterator[Doubt]:
    for remark in judgement.run.info.remarks:
        cost = remark.get("cost", "")
        yield Doubt(kind=d.REMARK, what=f"{remark.get('what', remark.get('name', ''))}{': ' if cost else ''}{cost}")


def about_fresh(judgement: Judgement) -> Iterator[Doubt]:
    return doubts_of_freshness(each(judgement))


BY_GROUP: tuple[Check, ...] = (
    counts_differ,
    saturated,
    errors,
    generator_late,
    database_busy,
    machine_busy,
    distance_off,
    not_steady,
    about_fresh,
    *SURROUNDINGS_OF_GROUPS,
)
"""Checks that look at one contender in one scenario at a time."""


@of_group
def doubts_of_group(cells: Sequence[Cell]) -> dict[str, list[Doubt]]:
    """What each of them finds in one group, by the check's name."""
    alone = Judgement(cells[0].shelf.run, cells)
    return {check.__name__: list(check(alone)) for check in BY_GROUP}


OF_APART = (counts_differ, machine_busy)
"""The checks of what was provoked: errors, late answers and loads are what it is about."""
OF_LIMITING = (counts_differ, saturated, errors, generator_late, machine_busy, distance_off)
"""The checks that a limiting scenario's cells go through as well."""
