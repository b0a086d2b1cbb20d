"""Renders report.html and the CSV files of a run of plan `serializers`. The same folder gives the same bytes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stampede.core.files import write_whole
from stampede.reports.output import charts as style
from stampede.reports.output.csv_output.csv_text import as_csv, plain
from stampede.reports.output.formatting import listed, number
from stampede.reports.output.html_report import template, write_page
from stampede.reports.output.panels.run_description import begun_text
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL, holm
from stampede.reports.topics.serializers import break_even, serializer_advice, serializer_charts
from stampede.reports.topics.serializers.serializer_analysis import added, has_schema, level
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts, read_facts
from stampede.reports.topics.serializers.serializer_limits import limits
from stampede.reports.topics.serializers.serializer_records import SerializerSection, section
from stampede.run_folder.schema import METHOD

LOOSE = 0.1
"""The noise floor above which a table is called loose."""


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
    changes = facts.changes.assign(row=facts.changes["change"] + ": " + facts.changes["direction"])
    claim_text = claim(facts, at)
    extra = [
        serializer_charts.time_against_size(facts),
        serializer_charts.cost_against_size(at, claim_text),
        serializer_charts.compression_pays(facts, break_even_text(even)),
        serializer_charts.what_others_feel(facts),
    ]
    servers = facts.run.metadata.get("servers", {})
    return template("serializers.html.j2").render(
        number=number,
        inf=math.inf,
        from_=from_,
        size_text=serializer_advice.size_text,
        saving_text=serializer_advice.saving_text,
        run=facts.run,
        name=facts.folder.resolve().name,
        machine=machine(facts),
        sections=sections,
        begun=begun_text(facts.run),
        headline=serializer_advice.headline([s.advice for s in sections]),
        limits=limits(facts),
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
    loose = [(v.m, s.name, v.operation) for s in sections for v in s.verdicts if v.group == "A/A" and v.m > LOOSE]
    if loose:
        m, name, operation = max(loose)
        tables = f"{len(loose)} of {sum(v.group == 'A/A' for s in sections for v in s.verdicts)} tables"
        found.append(
            f"json differs from its A/A copy by more than {100 * LOOSE:.0f} % in {tables} (most: ± {100 * m:.0f} %, "
            f"{name} {operation}); small differences there mean nothing: stop other load on the machine and run again"
        )
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
