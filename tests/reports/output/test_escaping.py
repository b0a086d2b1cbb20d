"""Escaping: names, keys, summaries and error texts from outside act neither on a page nor on a terminal."""

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from rich.console import Console

from stampede.core.text.safe_text import visible
from stampede.loadtests.bench.progress import plain_lines
from stampede.races.explore import ReplayResult
from stampede.races.races_console import print_races, print_replay
from stampede.reports.compare.comparison_page import print_comparison, render_comparison
from stampede.reports.compare.run_gate import gate, print_findings
from stampede.reports.compare.thresholds import Limit, Thresholds
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output.html_report import render
from stampede.reports.output.report_console import print_report
from stampede.reports.output.report_model import read_report
from stampede.reports.topics.races.races_page import render_races
from stampede.reports.topics.serializers.serializers_console import print_advice
from stampede.reports.topics.serializers.serializers_page import render_serializers
from stampede.run_folder.races_json import RacesInfo, StepInfo, VerdictInfo
from stampede.run_folder.read import read_run
from stampede.run_folder.write import RunWriter
from stampede.scenarios.interleavings.situation import find_situation
from tests.reports.planted_runs.planted import plant, scenario
from tests.reports.topics.test_races import races
from tests.reports.topics.test_serializers_page import planted

OF_EVERY_ONE = Thresholds(limits=(Limit(scenario="*", contender="*", metric=find_metric("due"), least=0.0),))
HOSTILE = "<b onclick=x>&amp;\"'$a_b$\x1b[31m\r\u202e[red]</script></svg>{{7*7}}"
"""Markup of HTML, SVG, Jinja, matplotlib and rich, an escape sequence, and an override of the text's direction."""
SHOWN = "$a_b$\\x1b[31m\\r\\u202e[red]"
"""The part of HOSTILE without HTML characters, as a page or a terminal must show it."""


class Tags(HTMLParser):
    """The start tags of a page, with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: set[str] = set()
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        self.scripts += tag == "script"


def faults(text: str) -> list[str]:
    """The parts of a page that act and should not."""
    tags = Tags()
    tags.feed(text)
    found = [f"attribute {name}" for name in tags.attributes if name.startswith("on") or re.search("[<>&]", name)]
    found += ["a script ends early"] if text.count("</script>") != tags.scripts else []
    found += ["a control character"] if visible(text, keep="\n\t") != text else []
    found += ["a template in a name was filled in"] if ">49<" in text or "</svg>49" in text else []
    for svg in re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL):
        try:
            ElementTree.fromstring(svg)
        except ElementTree.ParseError as error:
            found.append(f"a drawing that is no XML ({error})")
    return found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<p><b onclick=x>name</b></p>", "attribute onclick"),
        ("<p>\x1b[31m</p>", "a control character"),
        ("<script>var a = '</script>'</script>", "a script ends early"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><text>a & b</text></svg>', "a drawing that is no XML"),
    ],
)
def test_the_check_finds_each_fault(text: str, fault: str) -> None:
    """Each planted fault is found."""
    assert any(found.startswith(fault) for found in faults(text))


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planted run with hostile texts in all places that a user's file or a server controls."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    named = ("no-cache", "cache-aside", HOSTILE, "bare-get")
    plant(folder, rounds=3, contenders=named, scenarios=[scenario("stampede")])
    info = read_run(folder).info
    info.contenders = [replace(c, summary=HOSTILE, file=f"/their/{HOSTILE}.py") for c in info.contenders]
    hostile = next(c for c in info.contenders if c.name == HOSTILE)
    hostile.moving_parts = []  # the simplest one, so that the answer names it
    info.remarks = [{"name": HOSTILE, "what": HOSTILE, "cost": HOSTILE}]
    info.command = f"stampede bench --contender '{HOSTILE}'"
    info.metadata["servers"]["redis"] |= {"name": HOSTILE, "settings": {HOSTILE: HOSTILE}}
    failed = replace(info.cells[-1], id=9_999, status="failed", why=HOSTILE)
    info.cells.append(failed)
    RunWriter(folder, info)
    hostile_races().write(folder)
    return folder


def hostile_races() -> RacesInfo:
    """A broken guarantee whose steps, keys and explanation are hostile."""
    info = races(guaranteed=True)
    step = StepInfo(client="a", label=HOSTILE, server="redis", database={HOSTILE: 1}, cache={HOSTILE: HOSTILE})
    steps = [step, replace(step, server="", adverse=True)]
    of = {"cache-aside": HOSTILE}
    return replace(
        info,
        contenders=[
            c | {"name": of.get(str(c["name"]), c["name"]), "summary": HOSTILE, "file": HOSTILE}
            for c in info.contenders
        ],
        verdicts=[hostile_verdict(verdict, steps) for verdict in info.verdicts],
        explorations=[replace(e, contender=of.get(e.contender, e.contender)) for e in info.explorations],
        skipped={HOSTILE: HOSTILE},
    )


def hostile_verdict(verdict: VerdictInfo, steps: list[StepInfo]) -> VerdictInfo:
    if verdict.contender != "cache-aside":
        return verdict
    return replace(verdict, contender=HOSTILE, how=HOSTILE, shortest=steps if verdict.shortest else [])


@pytest.fixture(scope="module")
def pages(hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every kind of page."""
    folder = tmp_path_factory.mktemp("pages")
    other = folder / "other"
    shutil.copytree(hostile_run, other)
    render_comparison(hostile_run, other, force=True, out=folder)
    hostile_races().write(folder / "races")
    times = {"json": 10.0, HOSTILE: 5.0, "json-again": 10.0}
    (folder / "serializers").mkdir()
    planted(folder / "serializers", times)
    return {
        "report": render(hostile_run).read_text(encoding="utf-8"),
        "races": render_races(folder / "races").read_text(encoding="utf-8"),
        "serializers": render_serializers(folder / "serializers").read_text(encoding="utf-8"),
        "compare": next(folder.glob("compare-*.html")).read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize("kind", ["report", "races", "serializers", "compare"])
def test_no_name_acts_on_a_page(pages: dict[str, str], kind: str) -> None:
    """Hostile text appears as plain text in HTML, SVG, templates and formulas, invisible characters as escapes."""
    assert faults(pages[kind]) == []
    assert SHOWN in pages[kind]


@pytest.mark.parametrize("kind", ["report", "serializers"])
def test_a_dollar_in_a_name_is_no_formula_in_a_drawing(pages: dict[str, str], kind: str) -> None:
    """matplotlib would typeset the text between two dollars as mathematics, or fail."""
    drawings = " ".join(re.findall(r"<svg .*?</svg>", pages[kind], flags=re.DOTALL))
    assert "$a_b$" in drawings


def printed(show: Callable[[Console], object]) -> str:
    """The output on a rich console with markup enabled."""
    out = io.StringIO()
    show(Console(file=out, width=200))
    return out.getvalue()


@pytest.mark.parametrize("what", ["summary", "comparison", "gate", "races", "replay", "progress"])
def test_no_name_acts_on_a_terminal(hostile_run: Path, tmp_path: Path, what: str) -> None:
    """Each command that prints a run: no control character passes, and markup in a name has no effect."""
    steps = [StepInfo(client="a", label=HOSTILE, database={HOSTILE: 1}, cache={HOSTILE: HOSTILE})]
    trace = cast(Any, None)  # is not printed
    broken = {HOSTILE: HOSTILE}
    replayed = ReplayResult(
        situation=find_situation("reader-reader"), trace=trace, steps=steps, broken=broken, same=True
    )
    show: dict[str, Callable[[Console], object]] = {
        "summary": lambda console: print_report(read_report(hostile_run), console),
        "comparison": lambda console: print_comparison(
            render_comparison(hostile_run, hostile_run, force=True, out=tmp_path), console
        ),
        "gate": lambda console: print_findings(gate(hostile_run, None, OF_EVERY_ONE), console, everything=True),
        "races": lambda console: print_races(hostile_races(), console),
        "replay": lambda console: print_replay(replayed, 2, console),
        "progress": lambda console: plain_lines(console, 1)(
            {"event": "done", "id": 1, "status": "failed", "why": HOSTILE}
        ),
    }
    text = printed(show[what])
    assert visible(text, keep="\n") == text
    if what != "comparison":
        assert "[red]" in "".join(line.strip() for line in text.splitlines())


def test_the_advice_on_serializers_is_printed_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The advice contains names of serializers, which a user may have chosen."""
    planted(tmp_path, {"json": 200.0, HOSTILE: 50.0, "json-again": 200.0})
    print_advice(tmp_path)
    text = capsys.readouterr().out
    assert SHOWN in text
    assert visible(text, keep="\n") == text
