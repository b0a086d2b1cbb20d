"""`stampede trace`: what recorded traffic is like."""

from pathlib import Path
from typing import Annotated

import typer

from stampede.cli.completion import trace_formats
from stampede.cli.option_types import number_option
from stampede.cli.output import print_result

SMALLEST_SAMPLE = 0.0001


def trace(
    file: Annotated[Path, typer.Argument(help="the trace: text, gzip or zstd; - is standard input")],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="redis-monitor, access-log, meta, twitter or csv; without it, the first lines decide",
            autocompletion=trace_formats,
        ),
    ] = None,
    sample: Annotated[
        float,
        number_option(
            "--sample", lowest=SMALLEST_SAMPLE, highest=1, help="the largest share of the keys to look at; 1: all"
        ),
    ] = 1.0,
    workload: Annotated[
        Path | None, typer.Option("--write-workload", help="write the workload that stands for the trace to this file")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the figures for machines, as JSON")] = False,
) -> None:
    """Print rate, mix, skew, sizes, TTLs, bursts and hit rates of recorded traffic."""
    from stampede.cli.commands.init_command import check_new_file, write_new_file
    from stampede.scenarios.traffic.trace_files.trace_reader import open_trace
    from stampede.scenarios.traffic.trace_statistics.trace_page import page_lines
    from stampede.scenarios.traffic.trace_statistics.trace_summary import summarize
    from stampede.scenarios.traffic.trace_statistics.trace_workload import workload_text

    if workload is not None:
        check_new_file(workload)
    summary = summarize(open_trace(file, format), sample)
    if as_json:
        import json

        print_result(json.dumps(summary.as_dict(), indent=2))
    else:
        for line in page_lines(summary):
            print_result(line)
    if workload is not None:
        write_new_file(workload, workload_text(summary))
