"""The JSON summary has the figures and verdicts of the report, as JSON that any parser accepts."""

import json
from pathlib import Path

from stampede.reports.analysis.analysis import analyse
from stampede.reports.output.json_summary import machine_summary, number
from stampede.reports.output.report_model import read_report
from stampede.run_folder.read import read_run


def test_every_deciding_figure_and_verdict_equals_the_reports(rendered: Path) -> None:
    summary = json.loads(
        machine_summary(read_report(rendered)), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name))
    )
    analysis = analyse(read_run(rendered))
    assert summary["rounds"] == 6
    assert {(f["scenario"], f["contender"]) for f in summary["figures"]} == set(analysis.groups)
    assert any(f["level"] and f["low"] <= f["value"] <= f["high"] for f in summary["figures"])
    for f in summary["figures"]:
        exact = analysis.figure(f["scenario"], f["contender"], f["metric"])
        assert f["value"] == number(exact.value)
        verdict = analysis.verdicts.get((f["scenario"], f["contender"], f["metric"]))
        assert f["verdict"] == (verdict.sentence if verdict else None)
    assert len(summary["warnings"]) == len(analysis.warnings)
