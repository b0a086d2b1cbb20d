"""A run's summary for machines: the figures that decide, with their intervals, as plain JSON."""

import json
import math
from typing import Any

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import metrics
from stampede.reports.output.report_model import Report


def machine_summary(report: Report) -> str:
    """One JSON object.

    `low` and `high` are an interval of `level`, or where `level` is null the range of the rounds; a figure beyond the
    deadline is "inf"; one that is missing is null, and `why` says why.
    """
    analysis = report.analysis
    summary = {
        "run": str(report.folder),
        "report": str(report.folder / "report.html"),
        "status": report.run.status,
        "void": bool(analysis.void),
        "rounds": analysis.rounds,
        "reference": report.run.reference,
        "answer": report.headline if analysis.cells else None,
        "winners": {a.scenario.name: a.winner for a in report.answers},
        "figures": figures(analysis),
        "doubts": [{"number": d.number, "scenario": d.scenario, "what": d.what} for d in analysis.warnings],
    }
    return json.dumps(summary, indent=2, allow_nan=False)


def figures(analysis: Analysis) -> list[dict[str, Any]]:
    rows = []
    for scenario, contender in analysis.groups:
        for metric in metrics():
            if not metric.decides:
                continue
            figure = analysis.figure(scenario, contender, metric.name)
            verdict = analysis.verdicts.get((scenario, contender, metric.name))
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
