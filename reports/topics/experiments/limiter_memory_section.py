"""Report section on limiter memory: bytes of a rate limiter's state as a function of the limit."""

import pandas as pd

from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "limiter-memory"
GROWS = 0.5
"""Bytes per call from which the state counts as growing with the limit."""


def by_limiter(facts: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Bytes by limit, for each limiter."""
    sizes = facts[facts["name"] == "key_bytes"]
    return {
        str(name): {int(at): float(value) for at, value in zip(own["at"], own["value"], strict=True)}
        for name, own in sizes.groupby("variant", sort=True)
    }


def bytes_a_call(sizes: dict[int, float]) -> float:
    """Slope in bytes per call between the smallest and the largest limit."""
    low, high = min(sizes), max(sizes)
    return (sizes[high] - sizes[low]) / (high - low) if high > low else 0.0


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    found = by_limiter(facts)
    slopes = {name: bytes_a_call(sizes) for name, sizes in found.items()}
    growing = [
        f"{name} {formatting.number(slopes[name])} bytes per call "
        f"({formatting.number(found[name][max(found[name])] / 1e3)} kB at {max(found[name]):,})"
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
            "MEMORY USAGE of all keys of the subject, with every element sampled, after it has used its whole limit. "
            "Bytes a call: the slope between the smallest and the largest limit. The values are exact counts, so one "
            "measurement is enough."
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
