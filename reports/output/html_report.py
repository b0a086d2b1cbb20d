"""Writer of a report: report.html and CSV files in the run folder. The same folder gives the same bytes."""

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from stampede.core.files import write_whole
from stampede.core.text.safe_text import visible
from stampede.reports.claims import claims_section as claims
from stampede.reports.output import charts, formatting
from stampede.reports.output.panels import warnings_panel
from stampede.reports.output.panels.first_screen import answer_texts
from stampede.reports.output.panels.first_screen.effect_bar import effect_bar
from stampede.reports.output.panels.first_screen.key_figures import key_figures
from stampede.reports.output.panels.first_screen.not_measured import not_measured
from stampede.reports.output.panels.first_screen.patterns_table import patterns_compared
from stampede.reports.output.panels.first_screen.trust_line import trust_line
from stampede.reports.output.panels.glossary import GLOSSARY, explained
from stampede.reports.output.panels.participants import participants
from stampede.reports.output.panels.run_description import (
    all_workloads,
    begun_text,
    machine,
    own_loader_text,
    plan_and_duration,
    section_title,
    storage_text,
    workload_text,
)
from stampede.reports.output.report_model import Report, read_report
from stampede.reports.recommend.answer_row import HIGH_SHARE
from stampede.reports.recommend.eligibility import rivals
from stampede.reports.recommend.rule.simplicity import printed_order
from stampede.reports.topics.theory.compressed_time import compressed_time_text
from stampede.run_folder.schema import METHOD, ContenderInfo, ScenarioInfo

TEMPLATES = Path(__file__).parent / "templates"
LABELS = {
    "stampede": "hot key",
    "rate-limit-flood": "limiters",
    "pipelining": "many keys",
    "serializer-cost": "serializers",
    "limiter-memory": "limiter memory",
    "monitor-cost": "MONITOR",
    "over-http": "HTTP",
}
"""Labels of sections in the navigation, by the name of a scenario or experiment. Others have their name."""


def render(folder: Path) -> Path:
    """Read a run folder and write its report. Return the page's path. Raises RunFolderError (one line)."""
    return write_report(read_report(folder))


def write_report(report: Report) -> Path:
    """Write report.html and every CSV file into the run folder. Return the page's path."""
    for name, text in report.files.items():
        write_whole(report.folder / name, text.encode())
    path = report.folder / "report.html"
    write_page(path, page(report))
    return path


def write_page(path: Path, text: str) -> None:
    """Write a page. Control characters in names, keys and error texts become visible escapes."""
    write_whole(path, visible(text, keep="\n\t").encode())


def page(report: Report) -> str:
    """The whole page as text."""
    return template("report.html.j2").render(**values(report))


def template(name: str) -> jinja2.Template:
    """A page's template by its file name. It is compiled once per process. Raises jinja2.TemplateNotFound."""
    return environment().get_template(name)


@cache
def environment() -> jinja2.Environment:
    """The filters and functions that every template may use."""
    shared = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    shared.globals.update(
        words=formatting,
        isnan=math.isnan,
        effect_bar=effect_bar,
        section_title=section_title,
        price_text=answer_texts.price_text,
        price_items=answer_texts.price_items,
        certainty_text=answer_texts.certainty_text,
        decider=answer_texts.decider,
        compressed_time_text=compressed_time_text,
    )
    shared.filters.update(flat=flat, slug=charts.slug, unbroken=unbroken, terms=explained)
    return shared


def navigation(report: Report) -> list[tuple[str, str]]:
    """Anchors and labels of the questions' sections. All fault scenarios share the link to the first."""
    found = [(s.scenario.name, s.scenario.name) for s in report.sections if not s.scenario.variant_of]
    found += [(s.scenario.name, "faults") for s in report.fault_scenarios[:1]]
    found += [(s.scenario.name, s.scenario.name) for s in report.limiters[:1]]
    found += [(f"experiment-{charts.slug(s.info.name)}", s.info.name) for s in report.experiments]
    return [(anchor, LABELS.get(label, label)) for anchor, label in found]


def values(report: Report) -> dict[str, Any]:
    """The variables of the template."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    analysis, run = report.analysis, report.analysis.run
    return {
        "script": script,
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        "run": run.info,
        "name": run.folder.resolve().name,
        "analysis": analysis,
        "done": len(run.done),
        "workloads": [(scenario.name, workload_text(scenario)) for scenario in run.info.scenarios],
        "all_workloads": all_workloads(run.info.scenarios),
        "participants": participants(analysis),
        "machine": machine(run),
        "storage": storage_text(run.info),
        "own_loader": own_loader_text(run.info, analysis.cells),
        "headline": report.headline,
        "trust": trust_line(analysis),
        "tiles": key_figures(analysis, report.answer_rows),
        "answered": answer_texts.answered(report.answer_rows),
        "simplicity": printed_order(rivals(analysis)),
        "patterns": patterns_compared(analysis),
        "services": report.services,
        "missing_answers": []
        if report.services
        else not_measured(run.info, report.answer_rows, explored=report.races is not None),
        "plan_and_duration": plan_and_duration(run.info),
        "begun": begun_text(run.info),
        "high_share": HIGH_SHARE,
        "most_warnings": warnings_panel.MOST,
        "warning_entries": warnings_panel.entries(analysis.warnings, report.answer_rows),
        "navigation": navigation(report),
        "glossary": GLOSSARY,
        "depends_on": report.depends_on,
        "claims": report.claims,
        "claims_summary": claims.summary(report.claims),
        "races": report.races,
        "colors": {c.name: charts.style_of(run.info.contenders, c.name).variable for c in run.info.contenders},
        "configurations": [(c, configuration(c, run.info.scenarios)) for c in run.info.contenders],
        "answer_rows_of": lambda anchor: [row for row in report.answer_rows if row.section == anchor],
        "sections": report.sections,
        "fault_scenarios": report.fault_scenarios,
        "limiters": report.limiters,
        "experiments": report.experiments,
        "redis_tables": report.redis,
        "theory": report.theory,
        "transfer": report.transfer,
        "palette": charts.PALETTE,
        "method": METHOD,
        "downloads": sorted(report.files),
    }


VARIED = {"ttl_s": "TTL", "limit": "limit", "window_s": "window"}
"""Fields of a configuration whose values the scenarios set."""


def configuration(contender: ContenderInfo, scenarios: Sequence[ScenarioInfo]) -> str:
    """The configuration that ran: the contender's own fields, and the values that each scenario sets."""
    own = [f"{key} = {value}" for key, value in flat(contender.config) if value and key not in VARIED]
    if "ttl_s" in contender.config:
        own += [f"TTL {s.workload['ttl_s']:g} s in {s.name}" for s in scenarios if s.kind == "caching"]
    if "limit" in contender.config:
        floods = [(s.name, s.flood) for s in scenarios if s.flood]
        own += [f"limit {flood['limit']:g} per {flood['window_s']:g} s in {name}" for name, flood in floods]
    return ", ".join(own)


def unbroken(text: str) -> markupsafe.Markup:
    """Keep names with hyphens on one line."""
    return markupsafe.Markup(
        re.sub(r"[\w]+(?:-[\w]+)+", r'<span class="name">\g<0></span>', str(markupsafe.escape(text)))
    )


def flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as rows of (dotted name, text). The items of a list are joined by semicolons."""
    if isinstance(value, Mapping):
        return [pair for k, v in value.items() for pair in flat(v, f"{prefix}.{k}" if prefix else str(k))]
    if isinstance(value, list):
        return [(prefix, "; ".join(map(plain_value, value)))]
    return [(prefix, plain_value(value))]


def plain_value(value: Any) -> str:
    """A value of run.json as text: a float with at most six significant digits, a mapping as "name value, …"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain_value(own)}" for key, own in value.items())
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.6g}"
    return "" if value is None else str(value)
