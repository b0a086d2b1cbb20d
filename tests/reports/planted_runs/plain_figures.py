"""Figure sets of plain numbers, so that tests of the recommendation need no run folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from stampede.reports.analysis.figure_set import PlainFigures
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo
from tests.reports.planted_runs.planted import contender

GUARANTEES = ["STALE_AT_MOST_TTL", "NO_STALE_AFTER_WRITE"]
ROUNDS = 10


def estimate(value: float, low: float, high: float, *, level: float | None = 0.95, why: str = "") -> Estimate:
    """A figure over ten rounds."""
    return Estimate(value=value, low=low, high=high, level=level, rounds=ROUNDS, why=why)


def promising(name: str) -> ContenderInfo:
    """A contender with all guarantees that the questions require."""
    info = contender(name)
    info.guarantees = GUARANTEES
    return info


def guaranteed(folder: Path, *names: str) -> Path:
    """Give every contender of a run folder, or the named ones, the guarantees that the questions require."""
    path = folder / "run.json"
    info = json.loads(path.read_text())
    for c in info["contenders"]:
        if not names or c["name"] in names:
            c["guarantees"] = GUARANTEES
    path.write_text(json.dumps(info))
    return folder


def plain_figures(
    names: Sequence[str], place: ScenarioInfo, by_metric: Mapping[str, Mapping[str, Estimate]]
) -> PlainFigures:
    """Figures of contenders in one scenario, by metric and name. 100 requests are due and answered by default."""
    figures = {(place.name, name, metric): Estimate(value=100) for name in names for metric in ("due", "answered")}
    figures |= {
        (place.name, name, metric): figure for metric, by_name in by_metric.items() for name, figure in by_name.items()
    }
    return PlainFigures(
        contenders=[promising(name) for name in names],
        scenarios=[place],
        figures=figures,
        reference="cache-aside",
        rounds=ROUNDS,
    )
