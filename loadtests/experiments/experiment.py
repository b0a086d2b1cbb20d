"""The definition of an experiment, and the search for experiments."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from stampede.core.errors import ConfigError, require
from stampede.run_folder.schema import ExperimentInfo
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack


class ExperimentRow(NamedTuple):
    """One fact: a row of the run folder's table `experiments`."""

    variant: str
    """The variant that is compared with others."""
    round: int
    """Counts from 1."""
    parameter: str
    """The condition, in words; "" if there is only one."""
    at: float | None
    """The position on the experiment's axis; None if it has no axis."""
    name: str
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """The settings of one execution of an experiment."""

    stack: Stack
    rounds: int
    """Rounds of timed measurements; exact counts need one only."""
    seed: int
    small: bool = False
    """Whether to run the short form, which shows less."""
    workload: WorkloadFile = field(default_factory=WorkloadFile)
    """The user's workload file."""
    rates_per_s: Mapping[str, float] = field(default_factory=dict)
    """Offered requests per second of the scenarios that the run's cells used."""
    say: Callable[[str], None] = field(repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    """Facts that the experiment adds while it runs, such as sizes and servers. Stored in the run folder."""

    def __post_init__(self) -> None:
        require(1 <= self.rounds <= 1000, "rounds", self.rounds, "1 to 1,000")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question, and the function that measures the answer."""

    name: str
    question: str
    application: str
    """The application in which the question occurs."""
    expectation: str
    """The result that theory predicts."""
    run: Callable[[ExperimentConfig], Iterator[ExperimentRow]]
    """Yields facts. An exception ends this experiment only, and is recorded."""
    once_s: float = 0.0
    """About how long it takes without its rounds."""
    small_once_s: float = 0.0
    """The same for the short form."""
    round_s: float = 0.0
    """About how long a round takes."""
    needs_our_redis: bool = False
    """Whether it disturbs the run's Redis in a way that needs the permission of a server's owner."""

    def lasts_s(self, rounds: int, *, small: bool) -> float:
        """About how long it takes on two cores."""
        return (self.small_once_s if small else self.once_s) + rounds * self.round_s

    def as_dict(self) -> ExperimentInfo:
        """For the run folder, before the experiment has run."""
        return ExperimentInfo(
            name=self.name, question=self.question, application=self.application, expectation=self.expectation
        )


@cache
def experiments() -> Mapping[str, Experiment]:
    """Every experiment by name: each module of this package that defines an EXPERIMENT."""
    package = importlib.import_module("stampede.loadtests.experiments")
    found = {}
    modules = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    for module_info in sorted(modules, key=lambda m: m.name.rpartition(".")[2]):
        module = importlib.import_module(module_info.name)
        experiment = getattr(module, "EXPERIMENT", None)
        if isinstance(experiment, Experiment):
            found[experiment.name] = experiment
    return found


def find_experiment(name: str) -> Experiment:
    """The experiment of that name. Raises ConfigError with the known names."""
    known = experiments()
    if name not in known:
        raise ConfigError("experiment", name, f"one of {', '.join(known)}")
    return known[name]
