"""Runs experiments from the front process, one after the other, and writes what they saw into a run folder.

Plain threads, no gevent. An experiment that fails or may not run is recorded as such; the next one runs.
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

NOT_OURS = "needs a Redis that we started, or --may-configure"


def prepare_experiments(order: BenchConfig, stack: Stack) -> Path:
    """A run folder for experiments alone, without a grid of cells."""
    started = datetime.now(UTC)
    run = RunInfo(
        plan=order.plan.name,
        rounds=order.plan.rounds,
        reference=order.reference,
        seed=order.seed,
        command=order.command,
        started_utc=started.isoformat(timespec="seconds"),
        experiments=[find_experiment(name).as_dict() for name in order.plan.experiments],
        metadata={**metadata(SOURCES), "servers": stack.as_dict()},
        remarks=[asdict(remark) for remark in stack.remarks],
    )
    folder = new_folder(order, started)
    RunWriter(folder, run)
    return folder


def run_experiments(folder: Path, order: BenchConfig, stack: Stack, say: Callable[[str], None]) -> None:
    """Run the plan's experiments; the folder says what became of each. KeyboardInterrupt passes through."""
    writer = RunWriter(folder, read_run(folder).info)
    run = writer.run
    if run.status == "running":  # experiments alone: no grid has said how it ended
        run.status = "finished"
    terms = ExperimentConfig(
        stack=stack,
        rounds=order.plan.rounds,
        seed=order.seed,
        small=order.plan.small_experiments,
        workload=order.workload,
        rates_per_s={scenario.name: scenario.workload["rate_per_s"] for scenario in run.scenarios},
        say=say,
    )
    for info in run.experiments:
        try:
            run_one(find_experiment(info.name), info, replace(terms, settings={}), order.may_configure, writer)
        except KeyboardInterrupt:
            info.status, info.why, run.status = "failed", "stopped before its end", "cut"
            raise
        finally:
            run.finished_utc = datetime.now(UTC).isoformat(timespec="seconds")
            writer.save()
        if info.status != "done":
            say(f"{info.name} {info.status}: {info.why}")


def run_one(
    experiment: Experiment, info: ExperimentInfo, terms: ExperimentConfig, may_configure: bool, writer: RunWriter
) -> None:
    """Run one experiment and note how it went."""
    if experiment.needs_our_redis and not (terms.stack.ours or may_configure):
        info.status, info.why = "skipped", NOT_OURS
        return
    info.settings = terms.settings
    terms.settings.update(rounds=terms.rounds, small=terms.small)
    try:
        rows = [(experiment.name, *row) for row in experiment.run(terms)]
    except (StackError, NotHere) as error:
        info.status, info.why = "skipped", " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001 - one experiment's failure is recorded, and the next one runs
        info.status, info.why = "failed", " ".join(f"{type(error).__name__}: {error}".split())
    else:
        writer.add_experiment(experiment.name, rows)
        info.status = "done"
