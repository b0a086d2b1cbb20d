"""A run's summary for machines: the figures that decide, with their intervals, as plain JSON."""

import json
import math
from pathlib import Path
from typing import Any

from artefact.read import read_run
from reports import answer
from reports.judge import Judgement, judge
from reports.metrics.metric import metrics


def machine_summary(folder: Path) -> str:
    """One JSON object. Raises RunFolderError where the folder is no run."""
    return json.dumps(summarised(judge(read_run(folder)), folder), indent=2, allow_nan=False)


def summarised(judgement: Judgement, folder: Path) -> dict[str, Any]:
    """`low` and `high` are an interval of `level`, or where `level` is null the range of the rounds; a figure beyond
    the deadline is "inf"; one that is missing is null, and `why` says why.
    """
    found = answer.answers(judgement)
    return {
        "run": str(folder),
        "report": str(folder / "report.html"),
        "status": judgement.run.info.status,
        "void": bool(judgement.void),
        "rounds": judgement.rounds,
        "reference": judgement.run.info.reference,
        "answer": answer.headline(found, judgement) if judgement.cells else None,
        "winners": {a.scenario.name: a.winner for a in found},
        "figures": figures(judgement),
        "doubts": [{"number": d.number, "scenario": d.scenario, "what": d.what} for d in judgement.doubts],
    }


def figures(judgement: Judgement) -> list[dict[str, Any]]:
    rows = []
    for scenario, contender in judgement.groups:
        for metric in metrics():
            if not metric.decides:
                continue
            figure = judgement.figure(scenario, contender, metric.name)
            verdict = judgement.verdicts.get((scenario, contender, metric.name))
            rows.append(
                {
                    "scenario": scenario,
                    "contender": contender,
                    "metric": metric.name,
                    "unit": metric.unit,
                    "value": number(figure.value),
                    "low": number(figure.low),
                    "high": number(figure.high),
                    "level": figure.level,
                    "rounds": figure.rounds,
                    "against": None if verdict is None else verdict.against,
                    "verdict": None if verdict is None else verdict.sentence,
                    "why": figure.why,
                }
            )
    return rows


def number(value: float) -> float | str | None:
    """JSON has neither infinity nor nan."""
    if math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else "inf"
