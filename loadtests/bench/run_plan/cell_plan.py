"""The cells of a run, in the order in which they run."""

import random
from collections.abc import Sequence

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.instrumentation.baselines import EDGE_BASELINES
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.scenarios.scenario import Scenario, find_scenario


def plan_cells(config: BenchConfig, contender_specs: Sequence[ContenderSpec]) -> list[CellPlan]:
    """Each round runs every scenario; each scenario runs every contender of its kind once, in random order.

    A plan of more rounds begins with the cells of a plan of fewer rounds. The no-op runs before the first round and
    after the last.
    """
    rng = random.Random(config.seed)
    edge = [contender_spec for contender_spec in contender_specs if contender_spec.name in EDGE_BASELINES]
    cells: list[CellPlan] = []
    for round_number in range(1, config.plan.rounds + 1):
        for scenario in config.plan.scenarios:
            seed = rng.randrange(2**31)
            predecessor = None
            same = same_reads(config, find_scenario(scenario), contender_specs)
            own = [c for c in candidates(config, find_scenario(scenario), contender_specs) if c.name not in same]
            if round_number > config.plan.rounds_of(scenario):
                continue
            around = edge if find_scenario(scenario).contenders is None and own and own[0].family == "caching" else []
            before = around if round_number == 1 else []
            after = around if 1 < round_number == config.plan.rounds_of(scenario) else []
            for contender_spec in [*before, *rng.sample(own, len(own)), *after]:
                cells.append(
                    CellPlan(
                        id=len(cells) + 1,
                        scenario=scenario,
                        contender=contender_spec.name,
                        round=round_number,
                        seed=seed,
                        predecessor=predecessor,
                    )
                )
                predecessor = contender_spec.name
    return cells


def candidates(
    config: BenchConfig, scenario: Scenario, contender_specs: Sequence[ContenderSpec]
) -> list[ContenderSpec]:
    """The contenders that the plan or the user chose for a scenario, with baselines and copies."""
    own = contenders_for(scenario, contender_specs)
    chosen = config.plan.only.get(scenario.name)
    if chosen is None or config.contenders:
        return own
    return [c for c in own if c.name in chosen or c.kind != "contender" or c.file is not None]


def same_reads(config: BenchConfig, scenario: Scenario, contender_specs: Sequence[ContenderSpec]) -> dict[str, str]:
    """The contenders that do not run in a scenario without writes, each with the one that does the same and runs.

    Two that run the same steps would be ranked by chance. The reference always runs.
    """
    if scenario.kind != "caching" or config.workload.applied(scenario.name, scenario.overrides).read_share < 1:
        return {}
    rivals = {c.name: c for c in candidates(config, scenario, contender_specs) if c.kind == "contender"}
    likes = {name: c.pattern().reads_like for name, c in rivals.items() if name != config.reference}
    return {name: like for name, like in likes.items() if like in rivals}


def contenders_for(scenario: Scenario, contender_specs: Sequence[ContenderSpec]) -> list[ContenderSpec]:
    """The contenders of a scenario: those that it names and the user's own, or all of its kind that are not opt-in."""
    own = [contender_spec for contender_spec in contender_specs if contender_spec.family == scenario.kind]
    if scenario.contenders is None:
        return [
            contender_spec
            for contender_spec in own
            if not contender_spec.opt_in and contender_spec.name not in EDGE_BASELINES
        ]
    return [c for c in own if c.kind == "contender" and (c.name in scenario.contenders or c.file is not None)]
