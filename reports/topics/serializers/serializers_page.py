"""Renders report.html and the CSV files of a run of plan `serializers`. The same folder gives the same bytes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from stampede.core.files import write_whole
from stampede.core.text.safe_text import shown
from stampede.reports.output import charts as style
from stampede.reports.output.charts import Chart
from stampede.reports.output.csv_output.csv_text import as_csv, plain
from stampede.reports.output.formatting import listed, number
from stampede.reports.output.html_report import TEMPLATES, flat, write_page
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL, holm
from stampede.reports.topics.serializers import break_even, serializer_advice, serializer_charts
from stampede.reports.topics.serializers.serializer_analysis import (
    OPERATIONS,
    SerializerVerdict,
    added,
    has_schema,
    level,
    verdicts,
)
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts, read_facts
from stampede.run_folder.schema import METHOD, ContenderInfo

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
    advice: str
    columns: list[tuple[str, str]]
    """(title, explanation)"""
    rows: list[SerializerRow]
    charts: list[Chart]
    verdicts: list[SerializerVerdict]


def render_serializers(folder: Path) -> Path:
    """Write report.html and the CSV files into the folder. Returns the page's path.

    Raises RunFolderError (one line) if the folder is no such run, has another schema, or contains a truncated file.
    """
    facts = read_facts(folder)
    sections = [section(facts, s.name, s.application) for s in facts.run.scenarios]
    even, at = break_even.break_evens(facts), break_even.claim_sizes(facts)
    found = tables(facts, sections, even, at)
    for name, text in found.items():
        write_whole(folder / name, text.encode())
    path = folder / "report.html"
    write_page(path, page(facts, sections, even, at, sorted(found)))
    return path


def print_advice(folder: Path) -> None:
    """Print the recommendation for each kind of record."""
    facts = read_facts(folder)
    for scenario in facts.run.scenarios:
        print(shown(f"{scenario.name}: {serializer_advice.advise(facts, scenario.name).text}"))


def section(facts: SerializerFacts, record: str, what: str) -> SerializerSection:
    """The section of one kind of record. `what`: its description."""
    found = [v for operation in OPERATIONS for v in verdicts(facts, record, operation)]
    chart = serializer_charts.time_against_bytes(facts, record, what)
    shown = columns(facts, record)
    rows = [row(facts, record, c, found, [key for *_, key in shown]) for c in facts.run.contenders]
    return SerializerSection(
        name=record,
        what=what,
        advice=serializer_advice.advise(facts, record).text,
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


def matrix(frame: pd.DataFrame, rows: str, across: str) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
    """(column names, [(row name, [(outcome, explanation)])]) in the order of the facts."""
    names = list(dict.fromkeys(frame[across]))
    found = []
    for key in dict.fromkeys(frame[rows]):
        here = frame[frame[rows] == key]
        by_name = {n: (o, w) for n, o, w in zip(here[across], here["outcome"], here["what"], strict=True)}
        found.append((str(key), [by_name.get(n, ("none", "")) for n in names]))
    return names, found


def page(
    facts: SerializerFacts,
    sections: Sequence[SerializerSection],
    even: Sequence[break_even.BreakEven],
    at: list[break_even.AtSize],
    downloads: Sequence[str],
) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["flat"] = flat
    environment.globals.update(number=number, inf=math.inf, from_=from_)
    changes = facts.changes.assign(row=facts.changes["change"] + ": " + facts.changes["direction"])
    claim_text = claim(facts, at)
    extra = [
        serializer_charts.cost_against_size(at, claim_text),
        serializer_charts.compression_pays(facts, break_even_text(even)),
        serializer_charts.what_others_feel(facts),
    ]
    servers = facts.run.metadata.get("servers", {})
    return environment.get_template("serializers.html.j2").render(
        run=facts.run,
        name=facts.folder.resolve().name,
        machine=machine(facts),
        sections=sections,
        rule=serializer_advice.RULE,
        rounds=len(facts.rounds),
        min_rounds=MIN_ROUNDS,
        warnings=warnings(facts, sections),
        untyped=matrix(facts.fidelity[facts.fidelity["build"] == "untyped"], "case", "contender"),
        typed=matrix(facts.fidelity[facts.fidelity["build"] == "typed"], "case", "contender"),
        changes=matrix(changes, "row", "contender"),
        attacks=attack_matrix(facts.attacks),
        runs_code=listed(sorted(set(facts.attacks[facts.attacks["verdict"] == "ran code"]["reader"]))),
        claim=claim_text,
        at=at,
        even=even,
        extra={c.anchor: c for c in extra if c is not None},
        colors={c.name: style.style_of(facts.run.contenders, c.name).variable for c in facts.run.contenders},
        has_schema=has_schema,
        palette=style.PALETTE,
        method=METHOD,
        servers=servers,
        downloads=downloads,
    )


def attack_matrix(frame: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
    """The matrix of hostile inputs by reader."""
    return matrix(frame.rename(columns={"verdict": "outcome"}), "reader", "attack")


def machine(facts: SerializerFacts) -> str:
    """Machine, Python and server as text."""
    box = facts.run.metadata.get("machine", {})
    redis = facts.run.metadata.get("servers", {}).get("redis", {})
    python = facts.run.metadata.get("python", "")
    parts = [str(box.get("system", "")), str(box.get("cpu", "")), f"{box.get('cores', '?')} cores", f"Python {python}"]
    return ", ".join(p for p in parts if p) + f"; {redis.get('name', 'Redis')} {redis.get('version', '')}"


def warnings(facts: SerializerFacts, sections: Sequence[SerializerSection]) -> list[str]:
    """Limitations of the run, to be printed above the figures."""
    found = []
    if len(facts.rounds) < MIN_ROUNDS:
        found.append(f"{len(facts.rounds)} rounds: ranges of the rounds instead of intervals, and no verdicts")
    if facts.run.status != "finished":
        found.append(f"the run did not finish ({facts.run.status}); only finished rounds count")
    aa_pairs = [(part.name, v) for part in sections for v in part.verdicts if v.group == "A/A"]
    found += [
        f"{name}, {v.operation}: json against itself came out {v.sentence}; small differences are not reliable"
        for (name, v), p in zip(aa_pairs, holm([v.comparison.p for _, v in aa_pairs]), strict=True)
        if v.sentence in ("better", "worse") and p <= 1 - PAIRED_LEVEL
    ]
    loose = [
        f"{s.name} {v.operation} ± {100 * v.m:.0f} %"
        for s in sections
        for v in s.verdicts
        if v.group == "A/A" and v.m > 0.1
    ]
    if loose:
        found.append(f"the noise floor is above 10 %: {listed(loose)}; stop other load on the machine and run again")
    return found + [f"{r['what']}: {r['cost']}" for r in facts.run.remarks]


def claim(facts: SerializerFacts, at: Sequence[break_even.AtSize]) -> str:
    """Result for the article's claim C8: the size at which json takes 1 ms, and its ratio to msgpack."""
    if not at:
        return ""
    found = []
    for call, key in (("json.dumps", ("json", "encode")), ("json.loads", ("json", "decode"))):
        size = break_even.one_millisecond(facts, *key)
        largest = f"above {number(at[-1].bytes)} bytes, the largest size"
        where = (
            largest
            if math.isinf(size.value)
            else f"at {number(size.value)} bytes ({number(size.low)} – {number(size.high)})"
        )
        found.append(f"{call} takes 1 ms {where}")
    times = {op: [t.estimate for a in at if (t := a.times[op].ratio) is not None] for op in ("encode", "decode")}
    spans = [f"{number(min(t))} – {number(max(t))} to {op}" for op, t in times.items() if t]
    ratio = f"; json takes {' and '.join(spans)} times as long as msgpack, over all sizes" if spans else ""
    return f"{'; '.join(found)}{ratio}."


def break_even_text(even: Sequence[break_even.BreakEven]) -> str:
    """The sizes from which compression pays for one write and one read."""
    found = [f"{e.compressor} on {e.link} {from_(e.write_and_read)}" for e in even]
    if not found:
        return "Nothing was compressed in this run."
    return f"Compression pays for one write and one read: {'; '.join(found)}."


def from_(span: tuple[Estimate, Estimate]) -> str:
    """A range of sizes as text: "from 200 bytes", "from 200 to 9,000 bytes", "never"."""
    begin, end = span[0].value, span[1].value
    if math.isnan(begin):
        return "unknown"
    if math.isinf(begin):
        return "never"
    return f"from {number(begin)} bytes" if math.isinf(end) else f"from {number(begin)} to {number(end)} bytes"


def tables(
    facts: SerializerFacts,
    sections: Sequence[SerializerSection],
    even: Sequence[break_even.BreakEven],
    at: Sequence[break_even.AtSize],
) -> dict[str, str]:
    """The CSV files, by name."""
    figures: list[Sequence[object]] = []
    compared: list[Sequence[object]] = []
    for s in sections:
        for c in facts.run.contenders:
            made = {key: level(facts, s.name, c.name, key) for key in ("encode", "decode", "both")}
            made |= {f"{key}-added": added(facts, s.name, c.name, key) for key in ("set", "get")}
            figures += [(s.name, c.name, key, "us", *numbers(e)) for key, e in made.items()]
        for v in s.verdicts:
            r = v.comparison.ratio
            shifts = [r.estimate, r.low, r.high, r.level] if r else [None] * 4
            tail = (*map(plain, shifts), v.comparison.rounds, plain(v.adjusted_p), plain(v.m), v.spoken)
            compared.append((s.name, v.operation, v.group, v.contender, v.against, *tail))
    pays = [
        (e.compressor, e.link, what, bound, *numbers(estimate))
        for e in even
        for what, span in (("read", e.reads), ("write and read", e.write_and_read))
        for bound, estimate in zip(("from", "until"), span, strict=True)
    ]
    costs = [
        (a.bytes, serializer, op, *numbers(a.us[serializer, op])) for a in at for serializer, op in break_even.CALLS
    ]
    found = {
        "serializers.csv": as_csv("record contender figure unit value low high level rounds", figures),
        "comparisons.csv": as_csv(
            "record operation group contender against ratio low high level rounds holm_p noise_floor sentence", compared
        ),
        "compression.csv": as_csv("compressor link what bound bytes low high level rounds", pays),
        "sizes-and-times.csv": as_csv("bytes serializer operation us low high level rounds", costs),
    }
    raw: dict[str, Any] = {
        "sizes.csv": facts.sizes,
        "memory.csv": facts.stored,
        "fidelity.csv": facts.fidelity,
        "schema-changes.csv": facts.changes,
        "hostile-bytes.csv": facts.attacks,
    }
    return found | {name: frame.to_csv(index=False, lineterminator="\n") for name, frame in raw.items()}


def numbers(e: Estimate) -> tuple[object, ...]:
    """An estimate's CSV columns."""
    return (plain(e.value), plain(e.low), plain(e.high), plain(e.level), e.rounds)
