"""`stampede init`, `stampede screen` and `stampede new`: the user's values, and files for the user to fill in."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stampede.cli.commands.bench_command import LoadOptions, PlanOptions, RecordOptions, bench_order, run_to_end
from stampede.cli.input_checks import check_runs, checked_stack, read_workload_file
from stampede.cli.output import print_result, print_status
from stampede.cli.shared_options import RunOptions, ServerOptions

if TYPE_CHECKING:
    from stampede.core.models.screening import ScreenedPattern
    from stampede.loadtests.bench.bench_config import BenchConfig
    from stampede.reports.output.report_model import Report
    from stampede.reports.topics.theory.deciding_values import DecidingValues
    from stampede.scenarios.workload import WorkloadFile

TEMPLATES = Path(__file__).parent.parent.parent / "file_templates"
LONGEST_NAME = 40


def preset_names() -> list[str]:
    """Completions of `--preset`."""
    from stampede.scenarios.traffic.presets.preset_files import presets

    return ["list", *presets()]


def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("workload.toml"),
    preset: Annotated[
        str | None,
        typer.Option(
            help="published traffic: etc, zipf-0.99, twitter-cluster-1 …; list prints all", autocompletion=preset_names
        ),
    ] = None,
) -> None:
    """Write a commented workload file."""
    if preset is not None:
        init_from_preset(path, preset)
        return
    write_new_file(path, (TEMPLATES / "workload.txt").read_text(encoding="utf-8"))
    decides = deciding_values_of(read_workload_file(path))
    print_status(f"{decides.sentence} `stampede screen --workload {path}` prints where an answer changes.")


SCENARIO = "read-mostly"
"""The scenario whose values are screened."""
CELL_ROUNDS = 6
"""Rounds of the measured part: the fewest that give an interval."""
CELL_CONTENDERS = ("cache-aside", "write-through", "coalescing")
CELL_METRICS = ("read-p50", "loads-per-1000-reads")
DEFAULT_RTT_MS = 0.5
"""The simulated RTT of servers that the suite starts."""
NO_OWN_SQL = (
    "a workload without [sql] and [[query]]: the time of your query is not known before a run, and the report of "
    "`make bench` says which of your values decide"
)
RECORD_BYTES = (200, 2000)
"""The smallest and the largest record of the built-in table."""


def screen(
    server_options: ServerOptions,
    run_options: RunOptions,
    cells: Annotated[
        bool, typer.Option("--cells", help="also measure record size and processes, in four short runs")
    ] = False,
) -> None:
    """Say which values of a workload decide its answers."""
    from stampede.core.errors import require

    workload_file = read_workload_file(run_options.workload)
    require("queries" not in workload_file.common, "workload", "your own SQL", NO_OWN_SQL)
    require(workload_file.trace is None, "workload", "[trace]", "a workload whose requests are drawn")
    if cells:
        check_runs(run_options.runs)
        checked_stack(server_options.stack)
    for line in screening_lines(deciding_values_of(workload_file, run_options.rtt)):
        print_result(line)
    if cells:
        order = bench_order(
            PlanOptions(scenario=[SCENARIO], only=[*CELL_CONTENDERS], rounds=CELL_ROUNDS, races=False),
            server_options,
            run_options,
            LoadOptions(),
            RecordOptions(),
        )
        measure_levels(order, server_options)


def deciding_values_of(workload_file: WorkloadFile, rtt_ms: float | None = None) -> DecidingValues:
    """The screening of a workload file's values by the closed forms, with the suite's patterns.

    `rtt_ms`: the simulated RTT in place of the file's.
    """
    from stampede.core.models.screening import ScreenedWorkload
    from stampede.reports.topics.theory.deciding_values import described
    from stampede.scenarios.scenario import find_scenario

    workload = workload_file.applied(SCENARIO, find_scenario(SCENARIO).overrides)
    rtt_ms = workload.rtt_ms if rtt_ms is None else rtt_ms
    query_ms = workload.load_cpu_ms + workload.load_wait_ms + (DEFAULT_RTT_MS if rtt_ms is None else rtt_ms)
    screened = ScreenedWorkload(
        rate_per_s=workload.rate_per_s,
        write_share=1 - workload.read_share,
        keys=workload.active_records or workload.records,
        key_skew=workload.key_skew,
        ttl_s=workload.ttl_s,
        query_s=query_ms / 1e3,
    )
    return described(screened, screened_candidates())


def screening_lines(found: DecidingValues) -> Iterator[str]:
    """The screening as lines of at most 80 columns, except for long lists of changes."""
    yield found.sentence
    yield ""
    for row in found.rows:
        yield f"{row.name:<13} {row.value:>8}   queries {row.queries}"
        yield f"{'':24} changes: {row.changes}"
    yield ""
    yield from textwrap.wrap(found.note, 80)


def screened_candidates() -> list[ScreenedPattern]:
    """The suite's patterns that the closed forms describe, simplest first."""
    from stampede.core.models.screening import ScreenedPattern
    from stampede.patterns.caching.cache_pattern import Guarantee
    from stampede.patterns.contender_registry import find_contender

    return [
        ScreenedPattern(
            name=name,
            on_write=pattern.on_write,
            one_load_per_miss=Guarantee.ONE_LOAD_PER_MISS in pattern.guarantees,
        )
        for name in CELL_CONTENDERS
        for pattern in [find_contender(name).pattern]
    ]


def measure_levels(order: BenchConfig, server_options: ServerOptions) -> None:
    """Run short cells at the low and high level of each factor without a closed form, and print what changes."""
    low, high = RECORD_BYTES
    levels = [
        ("record size", f"{low} bytes", with_record_bytes(order, low)),
        ("record size", f"{high:,} bytes", with_record_bytes(order, high)),
        ("processes", "1", replace(order, processes=1)),
        ("processes", str(2 * order.processes), replace(order, processes=2 * order.processes)),
    ]
    for factor, level, each in levels:
        print_status(f"{factor} {level}: {CELL_ROUNDS} rounds of {SCENARIO}")
        report = run_to_end(each, server_options, None, None, CELL_ROUNDS)
        for line in level_lines(factor, level, report):
            print_result(line)


def with_record_bytes(order: BenchConfig, record_bytes: int) -> BenchConfig:
    """The order with records of that size."""
    common = {**order.workload.common, "record_bytes": record_bytes}
    return replace(order, workload=replace(order.workload, common=common))


def level_lines(factor: str, level: str, report: Report) -> Iterator[str]:
    """The answers at one level and the figures behind them, with their intervals."""
    from stampede.reports.metrics.metric import find_metric
    from stampede.reports.output import formatting

    answers = "; ".join(f"{row.question}: {row.use}" for row in report.answer_rows if row.scenario == SCENARIO)
    yield f"{factor} {level}: {answers or 'no answer'}"
    for contender in CELL_CONTENDERS:
        figures = [
            formatting.format_estimate(report.analysis.figure(SCENARIO, contender, name), find_metric(name))
            for name in CELL_METRICS
        ]
        yield f"    {contender}: {'; '.join(figures)}"


def init_from_preset(path: Path, name: str) -> None:
    """Write the workload file of a preset, or print the list of presets."""
    from stampede.scenarios.traffic.presets.preset_files import find_preset, presets

    if name == "list":
        for each in presets().values():
            print_result(each.line())
        return
    preset = find_preset(name)
    write_new_file(path, preset.workload_text())
    print_status(f"{preset.size_text()}; {preset.not_reproduced()}")
    decides = deciding_values_of(read_workload_file(path))
    print_status(f"{decides.sentence} `stampede screen --workload {path}` prints where an answer changes.")


KINDS = ("pattern", "limiter", "serializer", "scenario", "source")
NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")


def kind_names() -> list[str]:
    """Completions of `stampede new`."""
    return list(KINDS)


def new(
    kind: Annotated[
        str, typer.Argument(help="pattern, limiter, serializer, scenario or source", autocompletion=kind_names)
    ],
    name: Annotated[str, typer.Argument(help="its name, such as my-cache; the file is my_cache.py")],
) -> None:
    """Write a commented pattern, limiter, serializer, scenario or loader (source) to fill in; it works unchanged."""
    from stampede.core.errors import require

    require(kind in KINDS, "kind", kind, f"one of {', '.join(KINDS)}")
    valid = len(name) <= LONGEST_NAME and NAME.fullmatch(name) is not None and not iskeyword(name)
    require(valid, "name", name, f"up to {LONGEST_NAME} lower-case letters, digits and hyphens, such as my-cache")
    path = Path(f"{name.replace('-', '_')}.py")
    write_new_file(path, file_text(kind, path))


def file_text(kind: str, path: Path) -> str:
    """The commented file of that kind. The class is called after the file: my_cache.py defines MyCache."""
    template = (TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8")
    class_name = "".join(word.capitalize() for word in path.stem.split("_"))
    return template.format(file=path, name=class_name, dashed=path.stem.replace("_", "-"))


def check_new_file(path: Path) -> None:
    """Raise ConfigError, before work whose result goes to the file, if it exists or its folder does not."""
    from stampede.core.errors import require

    require(not path.exists() and not path.is_symlink(), "path", str(path), "a file that does not exist yet")
    require(path.absolute().parent.is_dir(), "path", str(path), "a file in a folder that exists")


def write_new_file(path: Path, text: str) -> None:
    """Write the file. Raises ConfigError if it exists or cannot be written."""
    from stampede.core.errors import ConfigError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError("path", str(path), "a file that does not exist yet") from None
    except OSError as error:
        raise ConfigError("path", str(path), f"a file that can be written ({error.strerror})") from error
    print_status(f"wrote {path}")
