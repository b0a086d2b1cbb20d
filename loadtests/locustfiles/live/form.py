"""The form of Locust's page: a scenario at another rate or load cost becomes a separate scenario of the run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from stampede.core.errors import ConfigError
from stampede.loadtests.locustfiles.run_config import RunConfig, ScenarioPlan
from stampede.run_folder.schema import ScenarioInfo
from stampede.stack.postgres.load_cost import calibrate
from stampede.stack.postgres.source import default_statements

UNCHANGED = "as in the workload"
RATES = (UNCHANGED, "25", "50", "100", "200", "300", "500", "750", "1000", "1500", "2000", "3000", "5000")
"""Requests due per second, over all application servers."""
WEIGHTS: Mapping[str, tuple[float, float] | None] = {
    UNCHANGED: None,
    "light: 0.2 ms CPU, 0.8 ms waiting": (0.2, 0.8),
    "medium: 1 ms CPU, 4 ms waiting": (1.0, 4.0),
    "heavy: 4 ms CPU, 16 ms waiting": (4.0, 16.0),
    "very heavy: 10 ms CPU, 90 ms waiting": (10.0, 90.0),
}
"""The cost of one load in the database: (load_cpu_ms, load_wait_ms)."""


@dataclass(frozen=True, kw_only=True)
class FormChoice:
    """The values of the submitted form."""

    scenario: str
    contender: str
    rate: str = UNCHANGED
    weight: str = UNCHANGED
    users: int | None = None

    def refusal(self, config: RunConfig) -> str:
        """Why the choice cannot be run, as a message for the user; empty if it can."""
        try:
            scenario, contender_spec = config.scenario(self.scenario), config.contender_spec(self.contender)
        except StopIteration:
            return f"unknown scenario or contender: {self.scenario}, {self.contender}"
        if self.rate not in RATES or self.weight not in WEIGHTS:
            return f"unknown rate or query weight: {self.rate}, {self.weight}"
        if (scenario.flood is not None) != (contender_spec.family == "limiting"):
            return f"{contender_spec.name} is no contender for {scenario.name}: choose another one"
        threads = config.processes * config.users_per_process
        if self.users is not None and not 1 <= self.users <= threads:
            return f"{self.users} users: wanted 1 to {threads}, the application servers' threads"
        if scenario.workload.arrivals == "closed" and self.users not in (None, threads):
            return f"{self.users} users: wanted {threads}, since the workload's clients are closed"
        if self.rate != UNCHANGED and (scenario.flood is not None or scenario.workload.arrivals == "closed"):
            return f"{scenario.name} has a fixed rate: leave the rate {UNCHANGED!r}"
        if self.weight != UNCHANGED and (scenario.flood is not None or scenario.workload.own_sql):
            return f"{scenario.name} has no load with a weight: leave the weight {UNCHANGED!r}"
        return ""


def chosen_scenario(
    config: RunConfig, infos: list[ScenarioInfo], choice: FormChoice
) -> tuple[ScenarioPlan, ScenarioInfo]:
    """The chosen scenario: from the plan, from an earlier choice, or new. Raises ConfigError.

    A new load weight is calibrated, which takes about a second.
    """
    refusal = choice.refusal(config)
    if refusal:
        raise ConfigError("form", asdict(choice), refusal)
    name = variant_name(choice)
    info = next((i for i in infos if i.name == name), None)
    if info is not None:
        return config.scenario(name), info
    plan = config.scenario(choice.scenario)
    base = next(i for i in infos if i.name == choice.scenario)
    workload, measured = plan.workload, dict(base.measured)
    cost = WEIGHTS[choice.weight]
    if cost is not None:
        calibration = calibrate(config.postgres_url, cpu_ms=cost[0], wait_ms=cost[1])
        plan = plan.with_statements(asdict(default_statements(calibration.cpu_rows, cost[1], calibration.cpu_laps)))
        measured |= calibration.measured()
        workload = replace(workload, load_cpu_ms=cost[0], load_wait_ms=cost[1])
    if choice.rate != UNCHANGED:
        workload = replace(workload, rate_per_s=float(choice.rate))
    return (
        replace(plan, name=name, workload=workload),
        replace(base, name=name, workload=workload.as_dict(), measured=measured),
    )


def variant_name(choice: FormChoice) -> str:
    """The name of the choice: read-mostly, read-mostly-at-500-per-s, read-mostly-heavy-loads."""
    rate = "" if choice.rate == UNCHANGED else f"-at-{choice.rate}-per-s"
    weight = "" if choice.weight == UNCHANGED else f"-{choice.weight.partition(':')[0].replace(' ', '-')}-loads"
    return f"{choice.scenario}{rate}{weight}"
