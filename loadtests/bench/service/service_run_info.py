"""run.json of a bench of a web service: scenarios, contenders, cells and surroundings."""

import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from stampede.core.files import SOURCES
from stampede.loadtests.bench.service.accounts.service_accounts import AccountedServers
from stampede.loadtests.bench.service.service_config import COPY, SERVICE, ServiceBenchConfig, ServiceScenario
from stampede.loadtests.instrumentation.run_metadata import metadata
from stampede.patterns.contender_registry import find_contender
from stampede.run_folder.schema import CellInfo, ContenderInfo, RunInfo, ScenarioInfo
from stampede.stack.servers import Remark, Server, Stack

FOREIGN = "only the servers count the queries and commands of a service"
NOT_GIVEN = Server(url="", name="not given", version="")


def run_info(
    config: ServiceBenchConfig,
    scenarios: Sequence[ServiceScenario],
    load_ms: dict[str, float],
    own: AccountedServers,
    stack: Stack | None,
    remarks: Sequence[Remark],
) -> RunInfo:
    """The run as its folder stores it, begun now, without contenders and cells."""
    more = []
    if config.compared_with:
        what = f"{config.served} is stampede serve with the suite's own table, on the suite's own servers"
        cost = "its query times and sizes of records are not those of your service"
        more.append(Remark(name="comparison", what=what, cost=cost))
    return RunInfo(
        plan="service",
        rounds=config.rounds,
        reference=config.served or SERVICE,
        seed=config.seed,
        command=config.command,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        scenarios=[scenario_info(config, each, load_ms) for each in scenarios],
        remarks=[asdict(remark) for remark in (*remarks, *more)],
        metadata={**metadata(SOURCES), "servers": servers_metadata(own, stack)},
    )


def servers_metadata(own: AccountedServers, stack: Stack | None) -> dict[str, Any]:
    """The servers behind the service; those of the comparison if none were given."""
    if own.postgres is None and own.redis is None and stack is not None:
        return stack.as_dict()
    return {
        "stack": "external",
        "why": "the servers behind the service",
        "ours": False,
        "postgres": (own.postgres or NOT_GIVEN).as_dict(),
        "redis": (own.redis or NOT_GIVEN).as_dict(),
    }


def scenario_info(config: ServiceBenchConfig, each: ServiceScenario, load_ms: dict[str, float]) -> ScenarioInfo:
    """A scenario as the run folder stores it."""
    name = each.scenario.name
    own = {"own_sql": True, "own_service": True, "versioned": bool(config.target.version_path)}
    workload = each.workload.as_dict() | own
    return ScenarioInfo(
        name=name,
        question=each.scenario.question,
        application=each.scenario.application,
        expectation=each.scenario.expectation,
        workload=workload,
        window_s=each.window_s,
        drain_s=each.drain_s,
        processes=1,
        measured={"ids": float(len(config.target.ids))}
        | ({"compared_load_ms": load_ms[name]} if name in load_ms else {}),
    )


def contender_infos(config: ServiceBenchConfig) -> list[ContenderInfo]:
    """The service, its A/A copy, and the comparison."""
    target = config.target
    shown = f"GET {target.get}" + (f" and {target.write_method} {target.put}" if target.put else "")
    found = [contender_info(SERVICE, "contender", f"your service, {shown} of {target.base}")]
    if config.aa_copy:
        found.append(contender_info(COPY, "aa-copy", "your service again", copy_of=SERVICE))
    if config.compared_with:
        pattern = find_contender(config.compared_with).pattern
        summary = f"{pattern.summary}; served over HTTP by stampede serve, on servers of the suite"
        compared = contender_info(config.served, "contender", summary)
        compared.on_write = pattern.on_write
        found.append(compared)
    return found


def contender_info(name: str, kind: str, summary: str, copy_of: str | None = None) -> ContenderInfo:
    """A contender whose queries and commands the servers count."""
    return ContenderInfo(
        name=name,
        kind=kind,
        summary=summary,
        guarantees=[],
        config={},
        client={},
        copy_of=copy_of,
        counted_by="servers",
        foreign=FOREIGN,
    )


def new_cells(config: ServiceBenchConfig, scenarios: Sequence[str]) -> list[CellInfo]:
    """Each round runs every scenario, and each scenario every contender once, in random order."""
    rng = random.Random(config.seed)
    names = [contender.name for contender in contender_infos(config)]
    cells: list[CellInfo] = []
    for round_number in range(1, config.rounds + 1):
        for scenario in scenarios:
            seed = rng.randrange(2**31)
            predecessor = None
            for name in rng.sample(names, len(names)):
                cells.append(
                    CellInfo(
                        id=len(cells) + 1,
                        scenario=scenario,
                        contender=name,
                        round=round_number,
                        seed=seed,
                        predecessor=predecessor,
                    )
                )
                predecessor = name
    return cells
