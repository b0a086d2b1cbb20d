"""What an experiment is, and where experiments are found."""

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
    """One fact, as the run folder's table `experiments` has it."""

    variant: str
    """What is compared."""
    round: int
    """From 1."""
    parameter: str
    """Under which condition, in words; "": there is but one."""
    at: float | None
    """The place on the experiment's axis; None: it has none."""
    name: str
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """With what an experiment is to be run."""

    stack: Stack
    rounds: int
    """For what is timed; what is counted exactly needs none."""
    seed: int
    small: bool = False
    """The quick form, of which less can be read."""
    workload: WorkloadFile = field(default_factory=WorkloadFile)
    """The user's."""
    rates_per_s: Mapping[str, float] = field(default_factory=dict)
    """Requests a second that the grid's scenarios were offered, where they were."""
    say: Callable[[str], None] = field(repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    """What the experiment states of itself while it runs: sizes, servers. It goes into the run folder."""

    def __post_init__(self) -> None:
        require(1 <= self.rounds <= 1000, "rounds", self.rounds, "1 to 1,000")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question, and how it is put to the servers."""

    name: str
    question: str
    application: str
    """Where it matters in practice."""
    expectation: str
    """What theory says will be seen."""
    run: Callable[[ExperimentConfig], Iterator[ExperimentRow]]
    """Yields facts as they are seen. An exception ends this experiment only, and is recorded."""
    once_s: float = 0.0
    """About how long it takes, besides its rounds."""
    small_once_s: float = 0.0
    """In its quick form."""
    round_s: float = 0.0
    """About how long a round takes."""
    needs_our_redis: bool = False
    """Whether it does to the run's Redis what nobody should do to a server of somebody else's without being told so."""

    def lasts_s(self, rounds: int, *, small: bool) -> float:
        """About how long it takes on two cores."""
        return (self.small_once_s if small else self.once_s) + rounds * self.round_s

    def as_dict(self) -> ExperimentInfo:
        """For the run folder, before it has run."""
        return ExperimentInfo(
            name=self.name, question=self.question, application=self.application, expectation=self.expectation
        )


@cache
def experiments() -> Mapping[str, Experiment]:
    """Every experiment by name: each module beside this one that holds an EXPERIMENT."""
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
    """The experiment of that name. Raises ConfigError with the names that there are."""
    known = experiments()
    if name not in known:
        raise ConfigError("experiment", name, f"one of {', '.join(known)}")
    return known[name]
