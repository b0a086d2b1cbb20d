"""Runs that test the suite itself: one contender under two names, and contenders with a known fault."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.progress import bench_progress
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.scenarios.plans import Plan
from stampede.stack.servers import Stack

FAULT_FOLDER = Path(__file__).resolve().parent / "known_faults"
BLOCK = 8
"""The rounds of plan quick: each block of this many rounds is also judged as a separate run."""


@dataclass(frozen=True, kw_only=True)
class KnownFault:
    """A contender that differs from cache-aside in one known way."""

    file: str
    metric: str
    """The metric that shows the difference."""
    share: float
    """The difference from cache-aside, as a share."""

    @property
    def contender(self) -> str:
        return self.file.replace("_", "-")

    @property
    def path(self) -> str:
        return str(FAULT_FOLDER / f"{self.file}.py")


KNOWN_FAULTS = (
    KnownFault(file="slower_20_percent", metric="service-p10", share=0.2),
    KnownFault(file="slower_twice", metric="service-p10", share=1.0),
    KnownFault(file="slower_20_percent", metric="read-p50", share=0.2),
    KnownFault(file="slower_twice", metric="read-p50", share=1.0),
    KnownFault(file="loads_20_percent", metric="loads-per-1000-reads", share=0.2),
    KnownFault(file="loads_twice", metric="loads-per-1000-reads", share=1.0),
)


def selftest_config(blocks: int, scenarios: tuple[str, ...], **settings: Any) -> BenchConfig:
    """The configuration of a self-test: cache-aside, its A/A copy and the known faults, in blocks of BLOCK rounds."""
    plan = Plan(name="selftest", rounds=BLOCK * blocks, scenarios=scenarios, contenders=("cache-aside",))
    return BenchConfig(
        plan=plan,
        contenders=("cache-aside",),
        own_contenders=tuple(dict.fromkeys(fault.path for fault in KNOWN_FAULTS)),
        **settings,
    )


def aa_config(contender: str, rounds: int, scenarios: tuple[str, ...], **settings: Any) -> BenchConfig:
    """The configuration of an A/A test: one contender, built-in or from a file, under two names."""
    plan = Plan(name="aa", rounds=rounds, scenarios=scenarios, contenders=("cache-aside",))
    if not contender.endswith(".py"):
        return BenchConfig(plan=plan, contenders=(contender,), reference=contender, **settings)
    name = Path(contender).stem.replace("_", "-")
    return BenchConfig(plan=plan, contenders=("no-cache",), own_contenders=(contender,), reference=name, **settings)


def run_whole(
    config: BenchConfig, stack: Stack, say: ReportProgress, on_begun: Callable[[Path], None] = lambda _folder: None
) -> Path:
    """Prepare and run every cell with a progress bar. Returns the run folder. Raises BenchFailed.

    `on_begun` is called with the folder as soon as it exists.
    """
    run_config, _ = prepare_run(config, stack, say)
    on_begun(Path(run_config.folder))
    with bench_progress(run_config) as on_event:
        run_bench(run_config, stack, on_event)
    return Path(run_config.folder)
