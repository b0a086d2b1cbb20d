"""The JSON summary of a run for other programs: the answers, and the metrics that decide, with their intervals."""

import json
import math
from dataclasses import asdict
from typing import Any

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import metrics
from stampede.reports.output.report_model import Report
from stampede.reports.recommend.answer_row import AnswerRow


def machine_summary(report: Report) -> str:
    """The summary as one JSON object.

    `low` and `high` are an interval of `level`; if `level` is null, they are the range of the rounds. A figure beyond
    the deadline is "inf". A missing figure is null, and `why` is the reason.
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
        "answers": [answer(row) for row in report.answer_rows],
        "figures": figures(analysis),
        "warnings": [{"number": w.number, "scenario": w.scenario, "what": w.what} for w in analysis.warnings],
    }
    return json.dumps(summary, indent=2, allow_nan=False)


def answer(row: AnswerRow) -> dict[str, Any]:
    """A row of the answer. A bound or a change that is not known is null."""
    found = asdict(row)
    if row.effect is not None:
        found["effect"] |= {name: number(found["effect"][name]) for name in ("change", "low", "high")}
    return found


def figures(analysis: Analysis) -> list[dict[str, Any]]:
    """One object for each scenario, contender and deciding metric."""
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
    """A value that JSON can hold: it has neither infinity nor nan."""
    if math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else "inf"
