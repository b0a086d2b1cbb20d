"""Bytes of a rate limiter's state over the limit: the same at any, or so many a call."""

import pandas as pd

from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "limiter-memory"
GROWS = 0.5
"""Bytes a call from which state is said to grow with the limit."""


def by_limiter(facts: pd.DataFrame) -> dict[str, dict[int, float]]:
    """By limiter: bytes by limit."""
    sizes = facts[facts["name"] == "key_bytes"]
    return {
        str(name): {int(at): float(value) for at, value in zip(own["at"], own["value"], strict=True)}
        for name, own in sizes.groupby("variant", sort=True)
    }


def bytes_a_call(sizes: dict[int, float]) -> float:
    """Between the smallest limit and the largest."""
    low, high = min(sizes), max(sizes)
    return (sizes[high] - sizes[low]) / (high - low) if high > low else 0.0


def tell(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - its words stand in the page already
    found = by_limiter(facts)
    slopes = {name: bytes_a_call(sizes) for name, sizes in found.items()}
    growing = [
        f"{name} {formatting.number(slopes[name])} bytes a call ({formatting.number(found[name][max(found[name])] / 1e3)} kB at "
        f"{max(found[name]):,})"
        for name in found
        if slopes[name] >= GROWS
    ]
    flat = [f"{name} ({formatting.number(max(found[name].values()))} bytes)" for name in found if slopes[name] < GROWS]
    parts = [f"Grows with the limit: {formatting.listed(growing)}"] if growing else []
    parts += [f"the same at any limit: {formatting.listed(flat)}"] if flat else []
    limits = sorted({limit for sizes in found.values() for limit in sizes})
    grid = Grid(
        anchor="limiter-memory-table",
        title="Bytes of one subject that has reached its limit",
        explain=(
            "All keys of the subject by MEMORY USAGE, every element weighed, once it has called as often as the limit "
            "allows. Bytes a call: between the smallest limit and the largest. Counted, so one look is enough."
        ),
        columns=["limiter", *(f"L = {limit:,}" for limit in limits), "bytes a call"],
        rows=[
            (
                name,
                [
                    *(
                        GridEntry(text=f"{sizes[limit]:,.0f}" if limit in sizes else formatting.MISSING)
                        for limit in limits
                    ),
                    GridEntry(text=formatting.number(slopes[name])),
                ],
            )
            for name, sizes in found.items()
        ],
    )
    csv = [(name, limit, size) for name, sizes in found.items() for limit, size in sizes.items()]
    return Findings(answer=f"{'; '.join(parts)}.", grids=[grid], names="limiter limit bytes", csv=csv)
