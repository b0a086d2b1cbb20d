"""The summary for machines says what the report says, as JSON that any reader takes."""

import json
from pathlib import Path

from stampede.reports.analysis.analysis import analyse
from stampede.reports.output.json_summary import machine_summary, number
from stampede.reports.output.report_model import read_report
from stampede.run_folder.read import read_run


def test_every_deciding_figure_and_verdict_is_the_reports(rendered: Path) -> None:
    told = json.loads(
        machine_summary(read_report(rendered)), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name))
    )
    analysis = analyse(read_run(rendered))
    assert told["rounds"] == 6
    assert {(f["scenario"], f["contender"]) for f in told["figures"]} == set(analysis.groups)
    assert any(f["level"] and f["low"] <= f["value"] <= f["high"] for f in told["figures"])
    for f in told["figures"]:
        exact = analysis.figure(f["scenario"], f["contender"], f["metric"])
        assert f["value"] == number(exact.value)
        verdict = analysis.verdicts.get((f["scenario"], f["contender"], f["metric"]))
        assert f["verdict"] == (verdict.sentence if verdict else None)
    assert len(told["doubts"]) == len(analysis.warnings)
