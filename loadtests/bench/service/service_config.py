"""The configuration of a bench of a web service, and the scenarios that can run with it."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

from stampede.core.errors import ConfigError, require
from stampede.loadtests.bench.service.calls.service_load import CLIENTS
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget
from stampede.scenarios.scenario import Scenario, find_scenario
from stampede.scenarios.workload import Workload, WorkloadFile
from stampede.stack.providers.stack_choice import Choice
from stampede.stack.servers import Remark

SERVICE = "service"
"""The name of the user's service among the contenders."""
COPY = "service-again"
"""The same service again, for the noise floor."""
SCENARIOS = ("read-mostly", "mixed-writes", "stampede")
DEFAULT_RATE_PER_S = 100.0
MOST_PER_S = 5_000.0
WINDOW_S, SMALL_WINDOW_S = 5.0, 3.0
WARM_UP_S = 1.0
DRAIN_S = 5.0
LONGEST_TTL_S = 60.0
"""A longer TTL would make the cells of scenario stampede minutes long."""
STAMPEDE_TTLS = 4


@dataclass(frozen=True, kw_only=True)
class ServiceBenchConfig:
    """A bench of one web service."""

    target: ServiceTarget
    plan: str
    rounds: int
    workload: WorkloadFile = field(default_factory=WorkloadFile)
    scenarios: tuple[str, ...] = ()
    """Which of SCENARIOS; empty: all that the target and the TTL allow."""
    aa_copy: bool = True
    """Whether the service runs under two names, which gives the noise floor."""
    window_s: float | None = None
    """The length of a cell's window; in scenario stampede the least length. None: WINDOW_S, or less in plan smoke."""
    rate_per_s: float | None = None
    """Offered requests a second; None: as the workload says, or DEFAULT_RATE_PER_S."""
    ttl_s: float | None = None
    """The lifetime of the service's cache entries; None: not known."""
    compared_with: str = "cache-aside"
    """The pattern that `stampede serve` serves for comparison; empty: none."""
    postgres_url: str | None = field(default=None, repr=False)
    """The service's own database, which is only read."""
    redis_url: str | None = field(default=None, repr=False)
    """The service's own cache, which is only read."""
    stack: Choice = "auto"
    """How the servers of the comparison are started."""
    seed: int = 1
    runs: Path = Path("runs")
    command: str = "stampede bench --service"

    def __post_init__(self) -> None:
        for name in self.scenarios:
            require(name in SCENARIOS, "scenario", name, f"one of {', '.join(SCENARIOS)}, with --service")
        if "mixed-writes" in self.scenarios and self.target.put is None:
            raise ConfigError("scenario", "mixed-writes", "also --put: this scenario writes")
        rate = self.rate_per_s
        want = f"requests a second, above 0 to {MOST_PER_S:g}, with --service"
        require(rate is None or 0 < rate <= MOST_PER_S, "rate", rate, want)

    @property
    def served(self) -> str:
        """The name of the comparison among the contenders; empty: none."""
        return f"{self.compared_with}-served" if self.compared_with else ""

    @property
    def known_ttl_s(self) -> float | None:
        """The TTL of the service's entries, from --service-ttl or the workload; None: not given."""
        return self.ttl_s if self.ttl_s is not None else self.workload.common.get("ttl_s")


@dataclass(frozen=True, kw_only=True)
class ServiceScenario:
    """A scenario as it runs against a service."""

    scenario: Scenario
    workload: Workload
    window_s: float
    warm_up_s: float = WARM_UP_S
    drain_s: float = DRAIN_S

    @property
    def span_s(self) -> float:
        return self.warm_up_s + self.window_s


def chosen_scenarios(config: ServiceBenchConfig) -> tuple[list[ServiceScenario], list[Remark]]:
    """The scenarios of the run, and a remark for each that cannot run. Raises ConfigError if none can."""
    names, remarks = [], []
    for name in config.scenarios or SCENARIOS:
        why = why_not(config, name)
        if why:
            cost = "what happens there is not measured"
            remarks.append(Remark(name=name, what=f"{name} skipped: {why}", cost=cost))
        else:
            names.append(name)
    if not names:
        raise ConfigError("scenario", ", ".join(config.scenarios), remarks[0].what)
    return [service_scenario(config, find_scenario(name)) for name in names], remarks


def why_not(config: ServiceBenchConfig, name: str) -> str:
    """Why a scenario cannot run; empty: it can."""
    if name == "mixed-writes" and config.target.put is None:
        return "no --put was given"
    if name == "stampede":
        ttl_s = config.known_ttl_s
        if ttl_s is None:
            return "its windows are whole TTLs, and no --service-ttl was given"
        if ttl_s > LONGEST_TTL_S:
            return f"a TTL of {ttl_s:g} s is above {LONGEST_TTL_S:g} s; start the service with a shorter one"
    return ""


def service_scenario(config: ServiceBenchConfig, scenario: Scenario) -> ServiceScenario:
    """The workload and the window of a scenario: the rate and TTL are the service's, not the scenario's."""
    own = {name: value for name, value in config.workload.common.items() if name not in ("sql", "queries", "source")}
    overrides = {k: v for k, v in scenario.overrides.items() if k not in ("rate_per_s", "ttl_s", "key_skew")}
    workload = WorkloadFile(common=own, by_scenario=config.workload.by_scenario).applied(scenario.name, overrides)
    require(workload.arrivals != "closed", "arrivals", workload.arrivals, "poisson or constant, with --service")
    records = len(config.target.ids)
    active = workload.active_records
    read_share = workload.read_share if scenario.name == "mixed-writes" else 1.0
    rate_per_s = config.rate_per_s or own.get("rate_per_s", DEFAULT_RATE_PER_S)
    want = f"at most {MOST_PER_S:g}, with --service"
    require(rate_per_s <= MOST_PER_S, "rate_per_s", rate_per_s, want)
    workload = replace(
        workload,
        rate_per_s=float(rate_per_s),
        read_share=read_share,
        active_records=None if active is None else min(active, records),
        records=records,
        ttl_s=config.known_ttl_s or workload.ttl_s,
        rtt_ms=0.0,
        users_per_process=CLIENTS,
    )
    window_s = config.window_s or (SMALL_WINDOW_S if config.plan == "smoke" else WINDOW_S)
    if scenario.name == "stampede":
        window_s = workload.ttl_s * max(STAMPEDE_TTLS, math.ceil(window_s / workload.ttl_s))
    return ServiceScenario(scenario=scenario, workload=workload, window_s=window_s)
