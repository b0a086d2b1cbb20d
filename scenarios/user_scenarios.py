"""The user's own scenarios: a Python file with SCENARIO, or with several scenarios as SCENARIOS.

`stampede new scenario` writes such a file.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.patterns.user_files import import_file
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.scenario import KINDS, Scenario, add_scenario, built_in
from stampede.scenarios.workload import VALUES, Workload, checked

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
TEXTS = ("question", "application", "expectation")
LONGEST_S = 600
"""The most seconds of a warm-up, and of the wait for the last answers."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "window_ttls": (int,),
    "window_s": (int, float, type(None)),
    "warm_up_s": (int, float),
    "drain_s": (int, float),
    "cold": (bool,),
    "check_after_drain": (bool,),
    "plays_trace": (bool,),
    "report_separately": (bool,),
    "variant_of": (str,),
    "processes": (int, type(None)),
    "contenders": (tuple, type(None)),
    "flood": (Flood, type(None)),
    "fault": (Fault, type(None)),
}
"""Types of the fields, which the dataclass does not check."""


def scenario_names(given: Iterable[str]) -> tuple[str, ...]:
    """The names of the given scenarios. A path that ends in .py adds the scenarios of that file and gives their names.

    Raises ConfigError with the file and the field if a file cannot be used.
    """
    names: list[str] = []
    for value in given:
        if value.endswith(".py"):
            for scenario in scenarios_in(Path(value)):
                add_scenario(scenario)
                names.append(scenario.name)
        else:
            names.append(value)
    return tuple(names)


def scenarios_in(path: Path) -> list[Scenario]:
    """The scenarios of one file, checked. Raises ConfigError."""
    module = import_file(path, f"stampede_user_scenario_{path.stem}", "scenario")
    several = getattr(module, "SCENARIOS", ())
    several = list(several) if isinstance(several, list | tuple) else [several]
    found = [s for s in (getattr(module, "SCENARIO", None), *several) if s is not None]
    require(bool(found), "scenario", str(path), "a file with SCENARIO = Scenario(…), or several as SCENARIOS")
    names: set[str] = set()
    for scenario in found:
        require(isinstance(scenario, Scenario), str(path), scenario, "a stampede.Scenario as SCENARIO")
        check_scenario(scenario, str(path))
        require(scenario.name not in names, f"{path}: name", scenario.name, "another name for each scenario")
        names.add(scenario.name)
    for base in {scenario.variant_of for scenario in found} - {""}:
        require(
            base in built_in() or base in names, f"{path}: variant_of", base, "a built-in scenario or one of the file"
        )
    return found


def check_scenario(scenario: Scenario, file: str) -> None:
    """Raise ConfigError with the file and the field unless a run can use the scenario."""
    name = scenario.name
    valid = isinstance(name, str) and NAME.fullmatch(name) is not None
    require(valid, f"{file}: name", name, "up to 40 lower-case letters, digits and hyphens")
    require(name not in built_in(), f"{file}: name", name, "a name that no built-in scenario has")
    for field in TEXTS:
        value = getattr(scenario, field)
        require(isinstance(value, str) and bool(value.strip()), f"{file}: {field}", value, "a sentence")
    check_types(scenario, file)
    require(scenario.kind in KINDS, f"{file}: kind", scenario.kind, " or ".join(KINDS))
    for field in ("warm_up_s", "drain_s"):
        value = getattr(scenario, field)
        require(0 <= value <= LONGEST_S, f"{file}: {field}", value, f"0 to {LONGEST_S} s")
    check_overrides(scenario.overrides, file)


def check_types(scenario: Scenario, file: str) -> None:
    """Raise ConfigError if a field has a value of another type."""
    for field, types in TYPES.items():
        value = getattr(scenario, field)
        right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in types)
        require(right, f"{file}: {field}", value, wanted)
    names = scenario.contenders or ()
    require(all(isinstance(n, str) for n in names), f"{file}: contenders", names, "a tuple of contenders' names")


def check_overrides(overrides: Any, file: str) -> None:
    """Raise ConfigError unless the overrides are values that a workload accepts."""
    require(isinstance(overrides, Mapping), f"{file}: overrides", overrides, "a dictionary of workload values")
    values = checked(dict(overrides), VALUES, f"{file}: overrides", ".")
    try:
        Workload(**values)
    except ConfigError as error:
        raise ConfigError(f"{file}: overrides.{error.field}", error.value, error.want) from error
