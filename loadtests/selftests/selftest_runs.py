"""Runs that try the tool itself: one contender as if it were two, and contenders with a planted fault."""

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

PLANTS = Path(__file__).resolve().parent / "known_faults"
BLOCK = 8
"""Rounds of a plan of quick's size: each block of so many is judged as a run of its own."""


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A contender that differs from cache-aside in one known way."""

    file: str
    metric: str
    """By which it is found."""
    share: float

    @property
    def contender(self) -> str:
        return self.file.replace("_", "-")

    @property
    def path(self) -> str:
        return str(PLANTS / f"{self.file}.py")


PLANTED = (
    Plant(file="slower_20_percent", metric="service-p10", share=0.2),
    Plant(file="slower_twice", metric="service-p10", share=1.0),
    Plant(file="slower_20_percent", metric="read-p50", share=0.2),
    Plant(file="slower_twice", metric="read-p50", share=1.0),
    Plant(file="loads_20_percent", metric="loads-per-1000-reads", share=0.2),
    Plant(file="loads_twice", metric="loads-per-1000-reads", share=1.0),
)


def selfcheck_order(blocks: int, scenarios: tuple[str, ...], **how: Any) -> BenchConfig:
    """cache-aside, its copy and the planted ones, in so many blocks of quick's rounds."""
    plan = Plan(name="selfcheck", rounds=BLOCK * blocks, scenarios=scenarios, contenders=("cache-aside",))
    return BenchConfig(
        plan=plan,
        contenders=("cache-aside",),
        own_contenders=tuple(dict.fromkeys(plant.path for plant in PLANTED)),
        **how,
    )


def aa_order(contender: str, rounds: int, scenarios: tuple[str, ...], **how: Any) -> BenchConfig:
    """One contender, one of ours or a file, under two names."""
    plan = Plan(name="aa", rounds=rounds, scenarios=scenarios, contenders=("cache-aside",))
    if not contender.endswith(".py"):
        return BenchConfig(plan=plan, contenders=(contender,), reference=contender, **how)
    name = Path(contender).stem.replace("_", "-")
    return BenchConfig(plan=plan, contenders=("no-cache",), own_contenders=(contender,), reference=name, **how)


def run_whole(
    order: BenchConfig, stack: Stack, say: ReportProgress, begun: Callable[[Path], None] = lambda _folder: None
) -> Path:
    """Prepare and run every cell behind a progress bar; the run folder. Raises BenchFailed. `begun` is told the folder
    as soon as it is there."""
    spec, _ = prepare_run(order, stack, say)
    begun(Path(spec.folder))
    with bench_progress(spec) as on_event:
        run_bench(spec, stack, on_event)
    return Path(spec.folder)
