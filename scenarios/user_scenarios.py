"""Scenarios of the user's: a Python file with a SCENARIO, or several as SCENARIOS. `stampede new scenario` writes one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.patterns.user_files import import_file
from stampede.scenarios.scenario import Scenario, add_scenario, built_in
from stampede.scenarios.workload import VALUES, checked

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
TEXTS = ("question", "application", "expectation")


def scenario_names(given: Iterable[str]) -> tuple[str, ...]:
    """The names of these scenarios: a name stays as it is; a path that ends in .py adds the scenarios of that file.

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
    for scenario in found:
        require(isinstance(scenario, Scenario), str(path), scenario, "a stampede.Scenario as SCENARIO")
        check_scenario(scenario, str(path))
    return found


def check_scenario(scenario: Scenario, where: str) -> None:
    """Raise ConfigError with the file and the field unless a run can use the scenario."""
    name = scenario.name
    valid = isinstance(name, str) and NAME.fullmatch(name) is not None
    require(valid, f"{where}: name", name, "up to 40 lower-case letters, digits and hyphens")
    require(name not in built_in(), f"{where}: name", name, "a name that no built-in scenario has")
    for field in TEXTS:
        value = getattr(scenario, field)
        require(isinstance(value, str) and bool(value.strip()), f"{where}: {field}", value, "a sentence")
    check_types(scenario, where)
    overrides: Any = scenario.overrides
    require(isinstance(overrides, Mapping), f"{where}: overrides", overrides, "a dictionary of workload values")
    checked(dict(overrides), VALUES, f"{where}: overrides", ".")


TYPES: Mapping[str, tuple[type, ...]] = {
    "window_ttls": (int,),
    "warm_up_s": (int, float),
    "drain_s": (int, float),
    "cold": (bool,),
    "check_after_drain": (bool,),
    "report_separately": (bool,),
    "processes": (int, type(None)),
    "contenders": (tuple, type(None)),
}
"""Types of the fields that dataclasses do not check."""


def check_types(scenario: Scenario, where: str) -> None:
    known = {field.name for field in fields(scenario)}
    for name, types in TYPES.items():
        value = getattr(scenario, name)
        right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        wanted = " or ".join("None" if t is type(None) else t.__name__ for t in types)
        require(name in known and right, f"{where}: {name}", value, wanted)
    for name in ("warm_up_s", "drain_s"):
        value = getattr(scenario, name)
        if not 0 <= value <= 600:
            raise ConfigError(f"{where}: {name}", value, "0 to 600 s")
