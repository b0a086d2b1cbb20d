"""Which cells a run has, and in which order."""

import random
from collections.abc import Sequence

from stampede.loadtests.bench.bench_config import BenchOrder
from stampede.loadtests.bench.run_plan.contenders import Entrant
from stampede.loadtests.instrumentation.baselines import EDGE_RULERS
from stampede.loadtests.locustfiles.run_config import CellOrder
from stampede.scenarios.scenario import Scenario, find_scenario


def plan_cells(order: BenchOrder, entrants: Sequence[Entrant]) -> list[CellOrder]:
    """Rounds: in each, every scenario; in each scenario, every contender of its kind once, in random order.

    A plan of more rounds begins with the cells of one of fewer. The no-op runs before the first round, and after the
    last.
    """
    rng = random.Random(order.seed)
    edge = [entrant for entrant in entrants if entrant.name in EDGE_RULERS]
    cells: list[CellOrder] = []
    for round_number in range(1, order.plan.rounds + 1):
        for scenario in order.plan.scenarios:
            seed = rng.randrange(2**31)
            predecessor = None
            own = runners(find_scenario(scenario), entrants)
            chosen = order.plan.only.get(scenario)
            if chosen is not None and not order.contenders:
                own = [e for e in own if e.name in chosen or e.kind != "contender" or e.file is not None]
            if round_number > order.plan.rounds_of(scenario):
                continue
            around = edge if find_scenario(scenario).contenders is None and own and own[0].family == "caching" else []
            before = around if round_number == 1 else []
            after = around if 1 < round_number == order.plan.rounds_of(scenario) else []
            for entrant in [*before, *rng.sample(own, len(own)), *after]:
                cells.append(
                    CellOrder(
                        id=len(cells) + 1,
                        scenario=scenario,
                        contender=entrant.name,
                        round=round_number,
                        seed=seed,
                        predecessor=predecessor,
                    )
                )
                predecessor = entrant.name
    return cells


def runners(scenario: Scenario, entrants: Sequence[Entrant]) -> list[Entrant]:
    """Who runs in a scenario: those that it names and the user's own, or all of its kind but the special ones."""
    own = [entrant for entrant in entrants if entrant.family == scenario.kind]
    if scenario.contenders is None:
        return [entrant for entrant in own if not entrant.special and entrant.name not in EDGE_RULERS]
    return [e for e in own if e.kind == "contender" and (e.name in scenario.contenders or e.file is not None)]
