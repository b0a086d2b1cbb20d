"""Report sections of experiments: their findings, and the lookup of the module that computes them."""

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

__all__ = [
    "ExperimentSection",
    "Findings",
    "FindingsFunction",
    "Grid",
    "GridEntry",
    "findings",
    "findings_functions",
    "sections",
]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Results of an experiment or fault scenario, for the page and the CSV."""

    answer: str
    """Summary, with the figures that support it."""
    grids: list[Grid] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Limitations and additional facts."""
    names: str = ""
    """Column names of the CSV, separated by spaces."""
    csv: Sequence[Sequence[object]] = ()
    """Rows of the CSV."""


@dataclass(frozen=True, kw_only=True)
class ExperimentSection:
    """The page's section on one experiment."""

    info: ExperimentInfo
    findings: Findings | None
    """None: the experiment did not finish."""


FindingsFunction = Callable[[ExperimentInfo, pd.DataFrame], Findings]


@cache
def findings_functions() -> Mapping[str, FindingsFunction]:
    """By experiment: `findings_of` of each module of this package that has a NAME."""
    package = importlib.import_module("stampede.reports.topics.experiments")
    found = {}
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"stampede.reports.topics.experiments.{module_info.name}")
        if hasattr(module, "NAME"):
            found[module.NAME] = module.findings_of
    return found


def sections(run: Run) -> list[ExperimentSection]:
    """One section per experiment of the run, in its order. Raises RunFolderError if a table cannot be read."""
    return [
        ExperimentSection(
            info=info, findings=findings(info, run.experiment(info.name)) if info.status == "done" else None
        )
        for info in run.info.experiments
    ]


def findings(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:
    """Findings of an experiment; medians over rounds if there is no module for it."""
    if not len(facts):
        return Findings(answer="The experiment recorded no facts.")
    return findings_functions().get(info.name, medians)(info, facts)


def medians(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:
    """Findings of any experiment: the median of each fact over rounds."""
    keys = ["variant", "parameter", "at", "name", "unit"]
    middle = facts.groupby(keys, sort=False, dropna=False)["value"].median().reset_index()
    rows: list[tuple[str, list[GridEntry]]] = []
    csv: list[list[object]] = []
    for fact in middle.to_dict("records"):
        place = "" if pd.isna(fact["at"]) else f"{fact['at']:g}"
        texts = (fact["parameter"], place, fact["name"], formatting.number(fact["value"]), fact["unit"])
        rows.append((fact["variant"], [GridEntry(text=text) for text in texts]))
        csv.append([fact["variant"], fact["parameter"], place, fact["name"], fact["unit"], f"{fact['value']:.6g}"])
    columns = ["variant", "under", "at", "what", "median", "unit"]
    grid = Grid(anchor=f"{info.name}-table", title="Medians over rounds", explain="", columns=columns, rows=rows)
    return Findings(answer="", grids=[grid], names=" ".join([*keys, "median"]), csv=csv)
