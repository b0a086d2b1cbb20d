"""gate.toml: the thresholds of the gate. Unknown names are an error: a misspelt limit would always pass."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from stampede.core.decode import convert, in_words
from stampede.core.errors import InputError, Mismatch, UnreadableFile
from stampede.core.files import read_toml
from stampede.reports.metrics.metric import Metric, metrics

MAX_REGRESSION = 0.1
"""The share by which a figure may be worse than the base's."""
OWN_REGRESSION = {
    "loads-per-expiry": (0.25, "a round sees few expiries: eight rounds of equal code differ by up to that")
}
"""Counts that need a larger default than MAX_REGRESSION: the share, and the reason that the gate prints."""
COUNTS = ("loads-per-expiry", "loads-per-1000-reads", "commands-per-request", "stale-after-told")
"""The default metrics of a gate: counts, which hardly depend on the machine. No response times."""

MOST = 10**15
"""The largest limit of a figure: any figure is below it."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """An absolute limit of one figure."""

    scenario: str
    """"*": every scenario that has the figure."""
    contender: str
    """"*": every contender that has it."""
    metric: Metric
    most: float = math.inf
    least: float = -math.inf


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The rules of a gate."""

    max_regression: float | None = None
    """A share: 0.1 allows a figure to be a tenth worse. None: MAX_REGRESSION, or the share in OWN_REGRESSION."""
    metrics: tuple[Metric, ...] = ()
    """The metrics that are compared with the base."""
    limits: tuple[Limit, ...] = ()
    contracts: bool = True
    """Whether guarantees, limiters' contracts, and the run's integrity are checked."""
    absolute: bool = False
    """Whether every broken contract fails, even if it is broken in the base: `contracts = true` in gate.toml."""

    def allowed(self, metric: str) -> tuple[float, str]:
        """The share by which that metric may be worse, and the reason if it is not the default of the others."""
        if self.max_regression is not None:
            return self.max_regression, ""
        return OWN_REGRESSION.get(metric, (MAX_REGRESSION, ""))


def metric_named(name: str, where: str) -> Metric:
    """The metric of that name, or of a read percentile: p99 is read-p99. Raises InputError if there is none."""
    known = {m.name: m for m in metrics() if m.better is not None}
    for candidate in (name, f"read-{name}"):
        if candidate in known:
            return known[candidate]
    raise InputError(where, repr(name), f"one of {', '.join(known)}")


def as_share(text: str | float, where: str) -> float:
    """The share in "10%" or 0.1. Raises InputError for no number, below 0, and 1000 % or more."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise InputError(where, shown(text), "a share such as 10% or 0.1, below 1000%")
    try:
        value = float(text.strip().removesuffix("%")) / 100 if str(text).strip().endswith("%") else float(text)  # type: ignore[union-attr]
    except (ValueError, OverflowError):
        value = math.nan
    if not 0 <= value < 10:
        raise InputError(where, shown(text), "a share such as 10% or 0.1, below 1000%")
    return value


class GateFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The top level of gate.toml."""

    max_regression: Any = None
    """An argument of `as_share`."""
    metrics: list[str] = field(default_factory=lambda: list(COUNTS))
    contracts: bool | UnsetType = UNSET
    limits: Any = {}
    """Nested tables: see `limits`."""


class Bounds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bounds of one figure in gate.toml."""

    max: float | UnsetType = UNSET
    min: float | UnsetType = UNSET


def read_thresholds(path: Path | None) -> Thresholds:
    """The file's thresholds, or the defaults without a file. Raises InputError with the place in the file."""
    if path is None:
        return Thresholds(metrics=tuple(metric_named(name, "metric") for name in COUNTS))
    try:
        data = read_toml(path)
        file = convert(data, GateFile)
    except UnreadableFile as error:
        raise InputError(str(path), error.what, error.want) from error
    except Mismatch as wrong:
        raise refused(wrong, data, str(path)) from wrong
    share = file.max_regression
    return Thresholds(
        max_regression=None if share is None else as_share(share, f"{path}: max_regression"),
        metrics=tuple(metric_named(name, f"{path}: metrics") for name in file.metrics),
        limits=tuple(limits(file.limits, f"{path}: limits")),
        contracts=file.contracts is not False,
        absolute=file.contracts is True,
    )


def refused(wrong: Mismatch, data: Mapping[str, Any], path: str) -> InputError:
    """The error for the field of gate.toml that does not fit."""
    if wrong.problem == "unknown":
        return InputError(f"{path}: {wrong.field}", "unknown", f"one of {', '.join(GateFile.__struct_fields__)}")
    field_name = wrong.field.partition("[")[0]
    want = "a list of names" if field_name == "metrics" else in_words(wrong.want)
    return InputError(f"{path}: {field_name}", shown(data[field_name]), want)


def limits(data: Any, where: str) -> list[Limit]:
    """The limits in the tables [limits.<scenario>.<contender>], one line per figure: read-p99 = { max = 50 }."""
    return [
        limit(scenario, contender, name, bounds, f"{where}.{scenario}.{contender}.{name}")
        for scenario, of_scenario in tables(data, where)
        for contender, of_contender in tables(of_scenario, f"{where}.{scenario}")
        for name, bounds in tables(of_contender, f"{where}.{scenario}.{contender}")
    ]


def limit(scenario: str, contender: str, name: str, table: Mapping[str, Any], place: str) -> Limit:
    """The limit of one figure. Raises InputError with the place of the mistake."""
    number = f"a number, at most {MOST:,} either way"
    try:
        bounds = convert(table, Bounds)
    except Mismatch as wrong:
        known = wrong.problem != "unknown"
        what, want = (shown(table[wrong.field]), number) if known else ("unknown", "max or min")
        raise InputError(f"{place}.{wrong.field}", what, want) from wrong
    for key, value in table.items():
        if not abs(value) <= MOST:
            raise InputError(f"{place}.{key}", shown(value), number)
    if not table:
        raise InputError(place, "empty", "{ max = … } or { min = … }")
    most = math.inf if bounds.max is UNSET else bounds.max
    least = -math.inf if bounds.min is UNSET else bounds.min
    if least > most:
        raise InputError(place, "min above max", "min at most as large as max")
    return Limit(scenario=scenario, contender=contender, metric=metric_named(name, place), most=most, least=least)


def shown(value: object) -> str:
    """The value as text, shortened if it is long."""
    return f"{value!r:.60}"


def tables(data: Any, where: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The tables in a table, by name. Raises InputError if a value is no table."""
    if not isinstance(data, Mapping):
        raise InputError(where, type(data).__name__, "a table of tables")
    for name, value in data.items():
        if not isinstance(value, Mapping):
            raise InputError(f"{where}.{name}", type(value).__name__, "a table")
    return list(data.items())
