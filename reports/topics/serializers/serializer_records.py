"""The table of every serializer for each kind of record, which the page shows in folds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.output.charts import Chart
from stampede.reports.output.formatting import number
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.serializers import break_even, serializer_charts
from stampede.reports.topics.serializers.serializer_advice import SerializerAdvice, advise
from stampede.reports.topics.serializers.serializer_analysis import (
    OPERATIONS,
    SerializerVerdict,
    added,
    level,
    verdicts,
)
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts
from stampede.run_folder.schema import ContenderInfo

EMPTY = "empty call"
"""The contender's name in the data for a call that does nothing."""
MARKS = {"cannot tell": "unclear", "better": "better", "worse": "worse", "same": "same", "": ""}


@dataclass(frozen=True, kw_only=True)
class SerializerFigure:
    """One cell of a table, as text."""

    value: str
    low: str = ""
    high: str = ""
    verdict: str = ""
    ratios: tuple[str, ...] = ()
    mark: str = ""
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class SerializerRow:
    name: str
    info: ContenderInfo | None
    kind: str
    """contender, aa-copy or baseline."""
    note: str
    cells: list[SerializerFigure]


@dataclass(frozen=True, kw_only=True)
class SerializerSection:
    """The page's section on one kind of record."""

    name: str
    what: str
    advice: SerializerAdvice
    columns: list[tuple[str, str]]
    """(title, explanation)"""
    rows: list[SerializerRow]
    charts: list[Chart]
    verdicts: list[SerializerVerdict]


def section(facts: SerializerFacts, record: str, what: str) -> SerializerSection:
    """The section of one kind of record. `what`: its description."""
    found = [v for operation in OPERATIONS for v in verdicts(facts, record, operation)]
    chart = serializer_charts.time_against_bytes(facts, record, what)
    shown = columns(facts, record)
    rows = [row(facts, record, c, found, [key for *_, key in shown]) for c in facts.run.contenders]
    return SerializerSection(
        name=record,
        what=what,
        advice=advise(facts, record),
        columns=[(title, explained) for title, explained, _ in shown],
        rows=[made for made in rows if made.note or any(cell.value for cell in made.cells)]
        + empty_row(facts, record, len(shown)),
        charts=[chart] if chart else [],
        verdicts=found,
    )


def columns(facts: SerializerFacts, record: str) -> list[tuple[str, str, str]]:
    """(title, explanation, key) of the columns for which this kind of record has figures."""
    found = [
        (
            "encode µs",
            "record to bytes; the verdict compares with json, or with protobuf for serializers with a schema",
            "encode",
        ),
        ("decode µs", "bytes to record", "decode"),
        ("bytes", "mean over the kind's records", "bytes"),
    ]
    for compressor in break_even.COMPRESSORS:
        rows = facts.sizes[(facts.sizes["record"] == record) & (facts.sizes["compressor"] == compressor)]
        if len(rows):
            extra = f"; without its dictionary ({int(rows['dictionary_bytes'].max()):,} bytes, trained on other rows)"
            title = compressor.replace("dictionary", "dict")
            text = f"bytes with {compressor}" + (extra if "dictionary" in compressor else "")
            found.append((f"{title} bytes", text, f"+{compressor}"))
    if any(r == record and op == "set" for r, _, op in facts.blocks):
        found += [
            ("adds to SET µs", "encode + SET minus SET of the same number of raw bytes, paired by round", "set"),
            ("adds to GET µs", "GET + decode minus GET of the same number of raw bytes, paired by round", "get"),
            ("GET + decode µs", "a whole cache hit on this machine, without a simulated RTT", "hit"),
        ]
    if (facts.stored["record"] == record).any():
        found.append(("in Redis, bytes", f"MEMORY USAGE of the key and value ({allocator(facts)})", "memory"))
    return found


def allocator(facts: SerializerFacts) -> str:
    """The server and its memory allocator."""
    redis = facts.run.metadata.get("servers", {}).get("redis", {})
    name = f"{redis.get('name', 'server')} {redis.get('version', '')}"
    return f"{name}, allocator {redis.get('allocator') or 'not reported'}"


def row(
    facts: SerializerFacts, record: str, c: ContenderInfo, found: Sequence[SerializerVerdict], keys: Sequence[str]
) -> SerializerRow:
    """A contender's row of the table."""
    outcome, what = facts.outcome(record, c.name)
    note = {"refused": f"refused: {what}", "changed": f"changed silently: {what}"}.get(outcome, "")
    return SerializerRow(
        name=c.name, info=c, kind=c.kind, note=note, cells=[cell(facts, record, c, found, key) for key in keys]
    )


def cell(
    facts: SerializerFacts, record: str, c: ContenderInfo, found: Sequence[SerializerVerdict], key: str
) -> SerializerFigure:
    """One cell of the table, by the key of its column."""
    if key in OPERATIONS:
        own = [v for v in found if v.contender == c.name and v.operation == key]
        within = next((v for v in own if v.group != "across"), None)
        across = next((v for v in own if v.group == "across"), None)
        return timed(level(facts, record, c.name, key), within, across)
    if key in ("set", "get"):
        return timed(added(facts, record, c.name, key), None, None)
    if key == "hit":
        return timed(level(facts, record, c.name, "get"), None, None)
    if key == "memory":
        stored = facts.stored[(facts.stored["record"] == record) & (facts.stored["contender"] == c.name)]
        return SerializerFigure(value=number(float(stored["memory_bytes"].mean())) if len(stored) else "")
    size = facts.bytes_of(record, c.name, key.removeprefix("+") if key.startswith("+") else "")
    return SerializerFigure(value="" if math.isnan(size) else number(size))


def timed(estimate: Estimate, within: SerializerVerdict | None, across: SerializerVerdict | None) -> SerializerFigure:
    """A time with its interval, and its verdicts within its group and across groups."""
    if estimate.missing:
        return SerializerFigure(value="")
    shown = within or across
    ratios = [
        f"× {number(v.comparison.ratio.estimate)} of {v.against}"
        for v in (within, across)
        if v is not None and v.comparison.ratio is not None
    ]
    kind = f"{100 * estimate.level:.1f} % interval" if estimate.level is not None else "range"
    return SerializerFigure(
        value=number(estimate.value),
        low=number(estimate.low),
        high=number(estimate.high),
        verdict=shown.spoken if shown is not None else "",
        ratios=tuple(ratios),
        mark=MARKS[shown.sentence] if shown is not None else "",
        title=f"median of {estimate.rounds} rounds; {kind}",
    )


def empty_row(facts: SerializerFacts, record: str, width: int) -> list[SerializerRow]:
    """The row of a call that does nothing: the harness's own time."""
    empty = level(facts, record, EMPTY, "encode")
    if empty.missing:
        return []
    cells = [timed(empty, None, None), *[SerializerFigure(value="")] * (width - 1)]
    return [SerializerRow(name=EMPTY, info=None, kind="baseline", note="", cells=cells)]
