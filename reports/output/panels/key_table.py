"""A scenario's table on the page: at most six figures per contender, each on one line, and why a figure is withheld."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.results import Verdict
from stampede.reports.analysis.time_scale import scale_preserved
from stampede.reports.metrics.metric import Metric, metrics
from stampede.reports.output import formatting
from stampede.reports.output.csv_output.csv_text import plain
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

MOST = 6
"""Figures of a row; the name of the contender is the seventh column."""
Focus = Literal["expiries", "freshness", "hits"]
"""What a scenario is about: expiries of a hot key, fresh records, or hits and misses of a mixed load."""
COLUMNS: dict[Focus, tuple[str, ...]] = {
    "expiries": (
        "loads-per-expiry",
        "misses-per-ttl",
        "hit-p50",
        "miss-p50",
        "waiting-p50",
        "commands-per-request",
        "read-p50",
        "database-ms-per-1000-reads",
        "service-p10",
    ),
    "freshness": (
        "stale-after-told",
        "fresh-99",
        "loads-per-1000-reads",
        "hit-p50",
        "miss-p50",
        "write-p50",
        "read-p50",
        "commands-per-request",
    ),
    "hits": (
        "loads-per-1000-reads",
        "hit-p50",
        "miss-p50",
        "commands-per-request",
        "read-p50",
        "write-p50",
        "service-p10",
        "hit-rate",
    ),
}
"""Metrics of the table, most important first. The first six that a contender has are shown."""
HEADINGS = {
    "misses-per-1000-reads": "misses per 1,000 reads",
    "misses-per-ttl": "misses per TTL",
    "waiting-p50": "latency of waiting readers",
    "hit-p50": "hit latency",
    "miss-p50": "miss latency",
    "commands-per-request": "commands per request",
    "read-p50": "read p50",
    "write-p50": "write p50",
    "stale-after-told": "stale reads",
    "fresh-99": "time until 99 % fresh",
    "database-ms-per-1000-reads": "database time per 1,000 reads",
    "service-p10": "service time p10",
}
"""Short headings, by the metric's name; the others have their full name."""
SYMBOLS = {"better": ("▼", "▲"), "worse": ("▲", "▼"), "same": ("=", "="), "cannot tell": ("○", "○")}
"""The symbol of a verdict, for a metric whose lower values are better and for one whose higher values are better."""
CLASSES = {"better": "better", "worse": "worse", "same": "same", "cannot tell": "unclear"}


@dataclass(frozen=True, kw_only=True)
class KeyColumn:
    """A column of the table."""

    title: str
    """Short heading with the unit: "hit latency, ms"."""
    explain: str
    """The definition: the tooltip."""


@dataclass(frozen=True, kw_only=True)
class KeyEntry:
    """One figure of the table."""

    value: str
    span: str = ""
    """The interval: "(416–462)"; empty if there is none."""
    exact: str = ""
    """The value for sorting."""
    title: str = ""
    """The tooltip: how the figure was computed, or why it is missing."""
    symbol: str = ""
    """The verdict of the comparison with the reference."""
    mark: str = ""
    """The CSS class of the symbol."""
    verdict: str = ""
    """The verdict in words, with the paired ratio: the tooltip of the symbol."""


@dataclass(frozen=True, kw_only=True)
class KeyTableRow:
    """One contender."""

    contender: ContenderInfo
    entries: list[KeyEntry]


@dataclass(frozen=True, kw_only=True)
class KeyTable:
    """The table of a scenario."""

    columns: list[KeyColumn]
    rows: list[KeyTableRow]
    footnotes: list[str]
    """Why figures are withheld, each reason once."""
    remarks: list[str]
    """Which contenders are not compared here, each with the reason."""

    @property
    def compared(self) -> bool:
        """Whether any figure has a verdict."""
        return any(entry.symbol for row in self.rows for entry in row.entries)


def focus_of(figures: FigureSet, scenario: ScenarioInfo) -> Focus:
    """What the scenario is about."""
    names = [c.name for c in figures.contenders]
    if any(not figures.figure(scenario.name, name, "loads-per-expiry").missing for name in names):
        return "expiries"
    return "freshness" if scenario.check_after_drain else "hits"


def key_metrics(figures: FigureSet, scenario: ScenarioInfo) -> list[Metric]:
    """The metrics of the table: the first six of the scenario's focus that any contender has."""
    known = {metric.name: metric for metric in metrics()}
    found = [
        known[name]
        for name in COLUMNS[focus_of(figures, scenario)]
        if name in known and any(not figures.figure(scenario.name, c.name, name).missing for c in figures.contenders)
    ]
    return found[:MOST]


def heading(metric: Metric) -> str:
    """The short heading of a column, with the unit."""
    title = HEADINGS.get(metric.name, formatting.label(metric))
    return f"{title}, {metric.unit}" if metric.unit else title


def key_table(figures: FigureSet, scenario: ScenarioInfo, contenders: Sequence[ContenderInfo]) -> KeyTable:
    """The table of a scenario, with one row per contender, in that order."""
    columns = key_metrics(figures, scenario)
    notes: dict[str, None] = {}
    rows = []
    for contender in contenders:
        entries = []
        for metric in columns:
            figure = figures.figure(scenario.name, contender.name, metric.name)
            verdict = figures.verdicts.get((scenario.name, contender.name, metric.name))
            if contender.kind == "aa-copy":
                verdict = figures.aa_pairs.get((scenario.name, metric.name))
            entries.append(entry(figure, verdict, metric))
            if is_withheld(figure) and has_reason(figures, scenario, contender, figure):
                name = HEADINGS.get(metric.name, formatting.label(metric))
                notes.setdefault(f"{contender.name}, {name}: {reason(figure)}")
        rows.append(KeyTableRow(contender=contender, entries=entries))
    titles = [KeyColumn(title=heading(metric), explain=metric.explain) for metric in columns]
    return KeyTable(columns=titles, rows=rows, footnotes=list(notes), remarks=list(not_compared(scenario, contenders)))


def not_compared(scenario: ScenarioInfo, contenders: Sequence[ContenderInfo]) -> Iterator[str]:
    """The contenders that do the same as another one here, and those whose times do not keep their scale."""
    for name, other in scenario.same_as.items():
        yield f"{name}: did not run here, because without writes it does the same as {other}"
    for contender in contenders:
        if why := scale_preserved(contender, scenario):
            yield f"{contender.name}: not compared; {why}"


def has_reason(figures: FigureSet, scenario: ScenarioInfo, contender: ContenderInfo, figure: Estimate) -> bool:
    """Whether a footnote says why a figure is withheld.

    Not for baselines, for a contender without a cache, or if there was nothing to measure ("0 such reads").
    """
    commands = figures.figure(scenario.name, contender.name, "commands-per-request")
    none = reason(figure).startswith("0 such ")
    return bool(figure.why) and not none and contender.kind == "contender" and (commands.missing or commands.value > 0)


def reason(figure: Estimate) -> str:
    """Why a figure is withheld."""
    return figure.why.removeprefix("not estimated: ") or "not measured"


def is_withheld(figure: Estimate) -> bool:
    """Whether the table shows no value: not measured, or too few samples for an estimate."""
    return figure.missing or bool(figure.why)


def entry(figure: Estimate, verdict: Verdict | None, metric: Metric) -> KeyEntry:
    """The texts of one figure."""
    if is_withheld(figure):
        seen = "" if figure.missing else f"; observed: {formatting.figure(figure.value, metric)}"
        return KeyEntry(value=formatting.MISSING, title=f"not estimated: {reason(figure)}{seen}")
    word = verdict.sentence if verdict is not None and verdict.comparison.rounds else ""
    return KeyEntry(
        value=f"{figure.value:,.0f}" if metric.whole else formatting.number(figure.value),
        span=formatting.span(figure),
        exact=plain(figure.value).replace("inf", "Infinity"),
        title=formatting.provenance(figure),
        symbol=SYMBOLS[word][metric.better == "higher"] if word else "",
        mark=CLASSES.get(word, ""),
        verdict=verdict_text(verdict) if verdict is not None and word else "",
    )


def verdict_text(verdict: Verdict) -> str:
    """The verdict with what it compares: "better than cache-aside, paired by round: × 0.924 (0.911 – 0.940)"."""
    words = {"cannot tell": "not significant against", "same": "no difference that matters to"}
    said = words.get(verdict.sentence, f"{verdict.sentence} than")
    return f"{said} {verdict.against}, paired by round: {formatting.against(verdict)}"


def key_sentence(figures: FigureSet, scenario: ScenarioInfo) -> str:
    """The table's first column in a sentence: the reference, then the contenders that are significantly different.

    Empty if the reference has no such figure.
    """
    columns = key_metrics(figures, scenario)
    if not columns or is_withheld(figures.figure(scenario.name, figures.reference, columns[0].name)):
        return ""
    metric = columns[0]
    name = HEADINGS.get(metric.name, formatting.label(metric))
    parts = [f"{name[0].upper()}{name[1:]}: {named_figure(figures, scenario.name, figures.reference, metric)}"]
    for word in ("better", "worse"):
        found = [
            named_figure(figures, scenario.name, contender, metric)
            for (where, contender, which), verdict in figures.verdicts.items()
            if (where, which, verdict.sentence) == (scenario.name, metric.name, word)
        ]
        if found:
            parts.append(f"significantly {word}: {formatting.listed(found)}")
    return f"{'; '.join(parts)}{'' if len(parts) > 1 else '; no significant difference from it'}."


def named_figure(figures: FigureSet, scenario: str, contender: str, metric: Metric) -> str:
    """A contender with its figure and interval: "coalescing 1.12 (1.00–1.27)"."""
    figure = figures.figure(scenario, contender, metric.name)
    span = formatting.span(figure)
    return f"{contender} {formatting.with_unit(figure.value, metric.unit)}{f' {span}' if span else ''}"
