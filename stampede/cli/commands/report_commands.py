"""Commands that read run folders: `stampede report`, `compare` and `gate`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stampede.cli.input_checks import check_run_folder, check_thresholds_file
from stampede.cli.output import print_status, rare_collections


def report(
    run: Annotated[Path | None, typer.Argument(help="a run folder; the newest where none is given")] = None,
    runs: Annotated[Path, typer.Option(help="where run folders are")] = Path("runs"),
) -> None:
    """Write a run folder's report again."""
    folder = run or newest(runs)
    check_run_folder(folder)
    with rare_collections():
        from stampede.run_folder.read import read_run
        from stampede.run_folder.serializer_tables import PLAN

        recorded = read_run(folder)
        from stampede.reports.analysis.analysis import analyse
        from stampede.reports.output.html_report import write_report
        from stampede.reports.output.report_console import print_report  # after the check: these take seconds to import
        from stampede.reports.output.report_model import build_report
        from stampede.reports.topics.serializers.serializers_console import print_advice
        from stampede.reports.topics.serializers.serializers_page import render_serializers

        if recorded.info.plan == PLAN:
            print_status(f"report: {render_serializers(folder)}")
            print_advice(folder)
        else:
            built = build_report(analyse(recorded))
            write_report(built)
            print_report(built)


def newest(runs: Path) -> Path:
    """The newest run folder. Raises RunFolderError where there is none."""
    from stampede.core.errors import RunFolderError

    folders = sorted(path.parent for path in runs.glob("*/run.json"))
    if not folders:
        raise RunFolderError(runs, "no run folder in it", "make bench, or the path of a run folder")
    return folders[-1]


def compare(
    run_a: Annotated[Path, typer.Argument(help="the run folder that is the base")],
    run_b: Annotated[Path, typer.Argument(help="the run folder that is compared with it")],
    force: Annotated[bool, typer.Option("--force", help="compare runs that are not alike, and say so on top")] = False,
    out: Annotated[Path | None, typer.Option(help="folder of the page and its Markdown; else run B's")] = None,
) -> None:
    """Compare run B with run A: better, worse, the same, or cannot tell. Refuses runs that are not alike."""
    check_run_folder(run_a)
    check_run_folder(run_b)
    with rare_collections():
        from stampede.reports.compare.comparison_page import files, print_comparison, render_comparison

        both = render_comparison(run_a, run_b, force=force, out=out)
    print_status(f"comparison: {files(both, out)[0]}")
    print_comparison(both)


def gate(
    run: Annotated[Path, typer.Argument(help="the run folder that is judged")],
    against: Annotated[Path | None, typer.Option(help="the run folder that is the base")] = None,
    max_regression: Annotated[str | None, typer.Option(help="how much worse than the base may be, e.g. 10%")] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="judge this against the base, instead of counts; repeatable")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="a gate.toml with absolute limits")] = None,
    force: Annotated[bool, typer.Option("--force", help="judge against a base that is not alike")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="print what passed, too")] = False,
) -> None:
    """Pass or fail a run, for CI: exit 0 pass, 1 fail, 2 bad input, 3 cannot tell."""
    check_thresholds_file(config)
    from stampede.reports.compare.run_gate import exit_code, print_findings
    from stampede.reports.compare.run_gate import gate as findings_of
    from stampede.reports.compare.thresholds import as_share, metric_named, read_thresholds

    thresholds = read_thresholds(config)
    if max_regression is not None:
        thresholds = replace(thresholds, max_regression=as_share(max_regression, "--max-regression"))
    if metric:
        thresholds = replace(thresholds, metrics=tuple(metric_named(name, "--metric") for name in metric))
    with rare_collections():
        findings = findings_of(run, against, thresholds, force=force)
    print_findings(findings, everything=verbose)
    raise typer.Exit(exit_code(findings))
