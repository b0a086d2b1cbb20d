"""The form's fields: a scenario at another rate, with loads of another weight, as a scenario of its own in the run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from stampede.core.errors import ConfigError
from stampede.loadtests.locustfiles.run_config import RunConfig, ScenarioPlan
from stampede.run_folder.schema import ScenarioInfo
from stampede.stack.postgres.load_cost import calibrate
from stampede.stack.postgres.source import default_statements

AS_IT_IS = "as the workload says"
RATES = (AS_IT_IS, "25", "50", "100", "200", "300", "500", "750", "1000", "1500", "2000", "3000", "5000")
"""Requests due a second, all application servers together."""
WEIGHTS: Mapping[str, tuple[float, float] | None] = {
    AS_IT_IS: None,
    "light: 0.2 ms CPU, 0.8 ms waiting": (0.2, 0.8),
    "medium: 1 ms CPU, 4 ms waiting": (1.0, 4.0),
    "heavy: 4 ms CPU, 16 ms waiting": (4.0, 16.0),
    "very heavy: 10 ms CPU, 90 ms waiting": (10.0, 90.0),
}
"""What one load costs in the database: (load_cpu_ms, load_wait_ms)."""


@dataclass(frozen=True, kw_only=True)
class FormChoice:
    """The values that the form sent."""

    scenario: str
    contender: str
    rate: str = AS_IT_IS
    weight: str = AS_IT_IS
    users: int | None = None

    def refusal(self, spec: RunConfig) -> str:
        """Why it cannot be run, for a person to read; empty: it can."""
        try:
            scenario, contender_spec = spec.scenario(self.scenario), spec.contender_spec(self.contender)
        except StopIteration:
            return f"unknown scenario or contender: {self.scenario}, {self.contender}"
        if self.rate not in RATES or self.weight not in WEIGHTS:
            return f"unknown rate or query weight: {self.rate}, {self.weight}"
        if (scenario.flood is not None) != (contender_spec.family == "limiting"):
            return f"{contender_spec.name} is no contender for {scenario.name}: choose another"
        threads = spec.processes * spec.users_per_process
        if self.users is not None and not 1 <= self.users <= threads:
            return f"{self.users} users: wanted 1 to {threads}, the application servers' threads"
        if scenario.workload.arrivals == "closed" and self.users not in (None, threads):
            return f"{self.users} users: wanted {threads}, since the workload's clients are closed"
        if self.rate != AS_IT_IS and (scenario.flood is not None or scenario.workload.arrivals == "closed"):
            return f"{scenario.name} has a rate of its own: leave the rate {AS_IT_IS!r}"
        if self.weight != AS_IT_IS and (scenario.flood is not None or scenario.workload.sql is not None):
            return f"{scenario.name} has no load whose weight can be set: leave it {AS_IT_IS!r}"
        return ""


def chosen_scenario(
    spec: RunConfig, infos: list[ScenarioInfo], choice: FormChoice
) -> tuple[ScenarioPlan, ScenarioInfo]:
    """The scenario as chosen: the plan's own, one that was chosen before, or a new one. Raises ConfigError.

    A load of another weight is calibrated, which takes about a second.
    """
    refusal = choice.refusal(spec)
    if refusal:
        raise ConfigError("form", asdict(choice), refusal)
    name = variant_name(choice)
    info = next((i for i in infos if i.name == name), None)
    if info is not None:
        return spec.scenario(name), info
    order = spec.scenario(choice.scenario)
    base = next(i for i in infos if i.name == choice.scenario)
    workload, statements, measured = order.workload, order.statements, dict(base.measured)
    cost = WEIGHTS[choice.weight]
    if cost is not None:
        found = calibrate(spec.postgres_url, cpu_ms=cost[0], wait_ms=cost[1])
        statements = asdict(default_statements(found.cpu_rows, cost[1], found.cpu_laps))
        measured |= found.measured()
        workload = replace(workload, load_cpu_ms=cost[0], load_wait_ms=cost[1])
    if choice.rate != AS_IT_IS:
        workload = replace(workload, rate_per_s=float(choice.rate))
    return (
        replace(order, name=name, workload=workload, statements=statements),
        replace(base, name=name, workload=workload.as_dict(), measured=measured),
    )


def variant_name(choice: FormChoice) -> str:
    """read-heavy, read-heavy-at-500-per-s, read-heavy-heavy-loads: another name for anything that differs."""
    rate = "" if choice.rate == AS_IT_IS else f"-at-{choice.rate}-per-s"
    weight = "" if choice.weight == AS_IT_IS else f"-{choice.weight.partition(':')[0].replace(' ', '-')}-loads"
    return f"{choice.scenario}{rate}{weight}"
