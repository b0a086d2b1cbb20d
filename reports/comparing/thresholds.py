"""gate.toml: what a gate asks of a run. Unknown names are refused: a misspelt limit would pass for a kept one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UnreadableFile
from core.files import read_toml
from reports.errors import InputError
from reports.metrics.metric import Metric, metrics

MAX_REGRESSION = 0.1
OWN_REGRESSION = {
    "loads-per-expiry": (0.25, "a round sees few expiries: eight rounds of equal code differ by up to that")
}
"""Counts for which MAX_REGRESSION is too little unless somebody asks for it; and why, as the gate prints it."""
COUNTS = ("loads-per-expiry", "loads-per-1000-reads", "commands-per-request", "stale-after-told")
"""What a gate judges unless told otherwise: counts, which hardly move with the machine. No response time."""


MOST = 10**15
"""The largest limit of a figure: any figure is below it."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """An absolute bound of one figure."""

    scenario: str
    """"*": every scenario that has the figure."""
    contender: str
    """"*": every contender that has it."""
    metric: Metric
    most: float = math.inf
    least: float = -math.inf


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    max_regression: float | None = None
    """A share: 0.1 allows a tenth more of what is better when low, a tenth less of what is better when high. None:
    MAX_REGRESSION, or what OWN_REGRESSION says."""
    metrics: tuple[Metric, ...] = ()
    """Judged against the base."""
    limits: tuple[Limit, ...] = ()
    contracts: bool = True
    """Whether promises, limiters' contracts, and the run's own books are judged."""
    absolute: bool = False
    """Whether every contract is judged by itself although there is a base: `contracts = true` in gate.toml."""

    def allowed(self, metric: str) -> tuple[float, str]:
        """How much worse that figure may be, a share; why, where it is not what holds for the others."""
        if self.max_regression is not None:
            return self.max_regression, ""
        return OWN_REGRESSION.get(metric, (MAX_REGRESSION, ""))


def metric_named(name: str, where: str) -> Metric:
    """By its name, or by that of a read's percentile alone: p99 is read-p99. Raises InputError."""
    known = {m.name: m for m in metrics() if m.better is not None}
    for candidate in (name, f"read-{name}"):
        if candidate in known:
            return known[candidate]
    raise InputError(where, repr(name), f"one of {', '.join(known)}")


def as_share(text: str | float, where: str) -> float:
    """ "10%" or 0.1. Raises InputError: not a number, below 0, 1000 % or more."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise InputError(where, shown(text), "a share such as 10% or 0.1, below 1000%")
    try:
        value = float(text.strip().removesuffix("%")) / 100 if str(text).strip().endswith("%") else float(text)  # type: ignore[union-attr]
    except (ValueError, OverflowError):
        value = math.nan
    if not 0 <= value < 10:
        raise InputError(where, shown(text), "a share such as 10% or 0.1, below 1000%")
    return value


def read_thresholds(path: Path | None) -> Thresholds:
    """The file's thresholds, or the defaults where none is given. Raises InputError with the place in the file."""
    if path is None:
        return Thresholds(metrics=tuple(metric_named(name, "metric") for name in COUNTS))
    try:
        data = read_toml(path)
    except UnreadableFile as error:
        raise InputError(str(path), error.what, error.want) from error
    known = ("max_regression", "metrics", "contracts", "limits")
    for name in data:
        if name not in known:
            raise InputError(f"{path}: {name}", "unknown", f"one of {', '.join(known)}")
    names = data.get("metrics", list(COUNTS))
    if not isinstance(names, list) or not all(isinstance(x, str) for x in names):
        raise InputError(f"{path}: metrics", shown(names), "a list of names")
    contracts = data.get("contracts", True)
    if not isinstance(contracts, bool):
        raise InputError(f"{path}: contracts", shown(contracts), "true or false")
    return Thresholds(
        max_regression=as_share(data["max_regression"], f"{path}: max_regression")
        if "max_regression" in data
        else None,
        metrics=tuple(metric_named(name, f"{path}: metrics") for name in names),
        limits=tuple(limits(data.get("limits", {}), f"{path}: limits")),
        contracts=contracts,
        absolute=contracts and "contracts" in data,
    )


def limits(data: Any, where: str) -> list[Limit]:
    """[limits.<scenario>.<contender>], a line a figure: read-p99 = { max = 50 }."""
    found = []
    for scenario, of_scenario in tables(data, where):
        for contender, of_contender in tables(of_scenario, f"{where}.{scenario}"):
            for name, bounds in tables(of_contender, f"{where}.{scenario}.{contender}"):
                place = f"{where}.{scenario}.{contender}.{name}"
                for key, value in bounds.items():
                    if key not in ("max", "min"):
                        raise InputError(f"{place}.{key}", "unknown", "max or min")
                    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
                        raise InputError(f"{place}.{key}", shown(value), f"a number, at most {MOST:,} either way")
                if bounds.get("min", -MOST) > bounds.get("max", MOST):
                    raise InputError(place, "min above max", "min at most as large as max")
                if not bounds:
                    raise InputError(place, "empty", "{ max = … } or { min = … }")
                found.append(
                    Limit(
                        scenario=scenario,
                        contender=contender,
                        metric=metric_named(name, place),
                        most=float(bounds.get("max", math.inf)),
                        least=float(bounds.get("min", -math.inf)),
                    )
                )
    return found


def shown(value: object) -> str:
    """The value, shortened where it is long."""
    return f"{value!r:.60}"


def tables(data: Any, where: str) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(data, Mapping):
        raise InputError(where, type(data).__name__, "a table of tables")
    for name, value in data.items():
        if not isinstance(value, Mapping):
            raise InputError(f"{where}.{name}", type(value).__name__, "a table")
    return list(data.items())
