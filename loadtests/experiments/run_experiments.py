"""Runs experiments one after the other and writes their facts into a run folder.

They run in the process of the command, without gevent. An experiment that fails or is not allowed is recorded as such;
the next one runs.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from stampede.core.errors import NotHere, StackError
from stampede.core.files import SOURCES
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.planning import new_folder
from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, find_experiment
from stampede.loadtests.instrumentation.run_metadata import metadata
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ExperimentInfo, RunInfo
from stampede.run_folder.write import RunWriter
from stampede.stack.servers import Stack

NOT_ALLOWED = "needs a Redis that Stampede started, or --may-configure"


def prepare_experiments(bench_config: BenchConfig, stack: Stack) -> Path:
    """Make a run folder for experiments only, without cells."""
    started = datetime.now(UTC)
    run = RunInfo(
        plan=bench_config.plan.name,
        rounds=bench_config.plan.rounds,
        reference=bench_config.reference,
        seed=bench_config.seed,
        command=bench_config.command,
        started_utc=started.isoformat(timespec="seconds"),
        experiments=[find_experiment(name).as_dict() for name in bench_config.plan.experiments],
        metadata={**metadata(SOURCES), "servers": stack.as_dict()},
        remarks=[asdict(remark) for remark in stack.remarks],
    )
    folder = new_folder(bench_config, started)
    RunWriter(folder, run)
    return folder


def run_experiments(folder: Path, bench_config: BenchConfig, stack: Stack, say: Callable[[str], None]) -> None:
    """Run the plan's experiments; the folder records the status of each. KeyboardInterrupt passes through."""
    writer = RunWriter(folder, read_run(folder).info)
    run = writer.run
    if run.status == "running":  # experiments only: no cells have set the status
        run.status = "finished"
    config = ExperimentConfig(
        stack=stack,
        rounds=bench_config.plan.rounds,
        seed=bench_config.seed,
        small=bench_config.plan.small_experiments,
        workload=bench_config.workload,
        rates_per_s={scenario.name: scenario.workload["rate_per_s"] for scenario in run.scenarios},
        say=say,
    )
    for info in run.experiments:
        try:
            own = replace(config, settings={})
            run_experiment(find_experiment(info.name), info, own, bench_config.may_configure, writer)
        except KeyboardInterrupt:
            info.status, info.why, run.status = "failed", "stopped before its end", "cut"
            raise
        finally:
            run.finished_utc = datetime.now(UTC).isoformat(timespec="seconds")
            writer.save()
        if info.status != "done":
            say(f"{info.name} {info.status}: {info.why}")


def run_experiment(
    experiment: Experiment, info: ExperimentInfo, config: ExperimentConfig, may_configure: bool, writer: RunWriter
) -> None:
    """Run one experiment and record its status."""
    if experiment.needs_our_redis and not (config.stack.managed or may_configure):
        info.status, info.why = "skipped", NOT_ALLOWED
        return
    info.settings = config.settings
    config.settings.update(rounds=config.rounds, small=config.small)
    try:
        rows = [(experiment.name, *row) for row in experiment.run(config)]
    except (StackError, NotHere) as error:
        info.status, info.why = "skipped", " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001 - one experiment's failure is recorded, and the next one runs
        info.status, info.why = "failed", " ".join(f"{type(error).__name__}: {error}".split())
    else:
        writer.add_experiment(experiment.name, rows)
        info.status = "done"
