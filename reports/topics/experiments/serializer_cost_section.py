"""Report section on serializer cost: ms per object by size for JSON and MessagePack, and the ratio, paired by round."""

import math

import pandas as pd

from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import median
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "serializer-cost"
WAYS = ("encode", "decode")
CODECS = ("JSON", "MessagePack")


def sizes_bytes(facts: pd.DataFrame) -> dict[float, float]:
    """The size of the object as JSON in bytes, by its number of rows, smallest first."""
    own = facts[facts["name"] == "size"].sort_values("at")
    return {float(at): float(value) for at, value in zip(own["at"], own["value"], strict=True)}


def both_ways(facts: pd.DataFrame, codec: str) -> pd.DataFrame:
    """Encode + decode of a serializer in ms: a row for each number of rows, a column for each round that has both."""
    own = facts[(facts["name"] == "object") & (facts["variant"] == codec)]
    tables = [
        own[own["parameter"] == way].pivot_table(index="at", columns="round", values="value", aggfunc="median")
        for way in WAYS
    ]
    total: pd.DataFrame = (tables[0] + tables[1]).dropna(axis="columns")
    return total


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    sizes = sizes_bytes(facts)
    timed = facts[facts["name"] == "object"]
    rows: list[tuple[str, list[GridEntry]]] = []
    csv: list[list[object]] = []
    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    for at, own in timed.groupby("at", sort=True):
        size = sizes.get(at, math.nan)
        entries = []
        for way in WAYS:
            by_codec = {
                codec: own[(own["parameter"] == way) & (own["variant"] == codec)].sort_values("round")["value"].tolist()
                for codec in CODECS
            }
            for codec, values in by_codec.items():
                e = median(values)
                entries.append(GridEntry(text=formatting.with_unit(e.value, "ms"), detail=formatting.span(e)))
                csv.append([codec, way, int(size), *(f"{x:.6g}" for x in (e.value, e.low, e.high)), e.level or ""])
            ratio = compare(by_codec["JSON"], by_codec["MessagePack"]).ratio
            entries.append(
                GridEntry(text="too few rounds")
                if ratio is None
                else GridEntry(text=f"× {formatting.number(ratio.estimate)}")
            )
            ratios[way] += [] if ratio is None else [ratio.estimate]
        rows.append((f"{size:,.0f} bytes", entries))
    columns = ["object, as JSON", *(f"{head}, {way}" for way in WAYS for head in (*CODECS, "JSON over MessagePack"))]
    explain = "CPU time of one conversion: the median over rounds with its interval. The ratio is paired by round."
    return Findings(
        answer=answer(ratios),
        grids=[Grid(anchor=f"{NAME}-table", title="Time an object", explain=explain, columns=columns, rows=rows)],
        notes=["Fidelity, sizes and all other serializers: make serializers."],
        names="codec way size_bytes ms low high level",
        csv=csv,
    )


def answer(ratios: dict[str, list[float]]) -> str:
    """The range of the ratios of JSON to MessagePack over the sizes."""
    parts = [
        f"{formatting.number(min(each))} to {formatting.number(max(each))} times as long to {way}"
        for way, each in ratios.items()
        if each
    ]
    return f"JSON takes {formatting.listed(parts)} as MessagePack." if parts else "Too few rounds for a comparison."
