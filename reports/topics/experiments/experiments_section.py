"""An experiment's part of the page, and where those that know how to tell one are found."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import pandas as pd

from stampede.reports.output import formatting
from stampede.reports.output.charts import Chart
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.run_folder.read import Run
from stampede.run_folder.schema import ExperimentInfo

__all__ = ["ExperimentSection", "Findings", "Grid", "GridEntry", "Tell", "findings", "sections", "tellers"]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What an experiment's facts say."""

    answer: str
    """In words, with the figures that carry it."""
    grids: list[Grid] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What must be said beside the answer."""
    names: str = ""
    """Heads of the CSV, separated by spaces."""
    csv: Sequence[Sequence[object]] = ()


@dataclass(frozen=True, kw_only=True)
class ExperimentSection:
    info: ExperimentInfo
    findings: Findings | None
    """None: it did not come to its end."""


Tell = Callable[[ExperimentInfo, pd.DataFrame], Findings]


@cache
def tellers() -> Mapping[str, Tell]:
    """By experiment: each module beside this one that holds a NAME and a `tell`."""
    package = importlib.import_module("stampede.reports.topics.experiments")
    found = {}
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"stampede.reports.topics.experiments.{module_info.name}")
        if hasattr(module, "NAME"):
            found[module.NAME] = module.tell
    return found


def sections(run: Run) -> list[ExperimentSection]:
    """Every experiment of the run in its order, done or not. Raises RunFolderError where a table cannot be read."""
    return [
        ExperimentSection(
            info=info, findings=findings(info, run.experiment(info.name)) if info.status == "done" else None
        )
        for info in run.info.experiments
    ]


def findings(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:
    """What is found; of an experiment that nobody here knows, the medians over its rounds."""
    return tellers().get(info.name, tell_plainly)(info, facts) if len(facts) else Findings(answer="Nothing was seen.")


def tell_plainly(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:
    """Any experiment: the median of each fact over rounds."""
    keys = ["variant", "parameter", "at", "name", "unit"]
    middle = facts.groupby(keys, sort=False, dropna=False)["value"].median().reset_index()
    rows: list[tuple[str, list[GridEntry]]] = []
    csv: list[list[object]] = []
    for fact in middle.to_dict("records"):
        place = "" if pd.isna(fact["at"]) else f"{fact['at']:g}"
        told = (fact["parameter"], place, fact["name"], formatting.number(fact["value"]), fact["unit"])
        rows.append((fact["variant"], [GridEntry(text=text) for text in told]))
        csv.append([fact["variant"], fact["parameter"], place, fact["name"], fact["unit"], f"{fact['value']:.6g}"])
    columns = ["variant", "under", "at", "what", "median", "unit"]
    grid = Grid(anchor=f"{info.name}-table", title="What was seen", explain="", columns=columns, rows=rows)
    return Findings(answer="", grids=[grid], names=" ".join([*keys, "median"]), csv=csv)
