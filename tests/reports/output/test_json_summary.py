"""The JSON summary has the figures and verdicts of the report, as JSON that any parser accepts."""

import json

from stampede.reports.output.json_summary import machine_summary, number
from stampede.reports.output.report_model import Report


def test_every_deciding_figure_and_verdict_equals_the_reports(report: Report) -> None:
    summary = json.loads(machine_summary(report), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
    analysis = report.analysis
    assert summary["rounds"] == 6
    assert {(f["scenario"], f["contender"]) for f in summary["figures"]} == set(analysis.groups)
    assert any(f["level"] and f["low"] <= f["value"] <= f["high"] for f in summary["figures"])
    for f in summary["figures"]:
        exact = analysis.figure(f["scenario"], f["contender"], f["metric"])
        assert f["value"] == number(exact.value)
        verdict = analysis.verdicts.get((f["scenario"], f["contender"], f["metric"]))
        assert f["verdict"] == (verdict.sentence if verdict else None)
    assert len(summary["warnings"]) == len(analysis.warnings)
