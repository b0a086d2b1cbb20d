"""The documents are held to the code: commands exist, links resolve, and lists that repeat the code equal it."""

import importlib
import os
import re
import runpy
import shlex
import subprocess
from collections.abc import Collection, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from stampede.cli.app import app
from stampede.loadtests.experiments.experiment import experiments
from stampede.loadtests.serializers.sample_records import kinds
from stampede.patterns.caching.cache_pattern import Guarantee
from stampede.patterns.contender_registry import contenders, find_limiter, limiters, load_contender
from stampede.patterns.serialization.serializer_registry import codecs
from stampede.reports.compare.thresholds import read_thresholds
from stampede.reports.metrics.metric import metrics
from stampede.run_folder.schema import EXPERIMENTS, METHOD, SCHEMA, TABLES
from stampede.scenarios.interleavings.situation import situations
from stampede.scenarios.plans import PLANS
from stampede.scenarios.scenario import scenarios
from stampede.scenarios.workload import read_workload

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FRONT_DOOR = ("stampede", ".venv/bin/stampede")

SHELL = ("||", "&&", "|")
"""Where a command ends and the shell's own begins."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:make|stampede|\.venv/bin/stampede) [^`\n]+)`")
"""A command in the middle of a sentence."""
SHORTENED = ("Missing ", "Option ")
"""How the front door begins what it says of a command that a sentence names without its values."""
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PAGE_NAME = re.compile(r"\bdocs/[\w/-]+\.md")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """Every line of a fenced block that calls make or the front door, as words, without a trailing comment and without
    what the shell does with it."""
    lines = [line.strip().removeprefix("$ ") for _, block in FENCE.findall(text) for line in block.splitlines()]
    called = [line for line in lines if line.startswith(("make ", *(f"{name} " for name in FRONT_DOOR)))]
    return [[*takewhile(lambda word: word not in SHELL, shlex.split(line, comments=True))] for line in called]


def spans(text: str) -> list[list[str]]:
    """Every command in the middle of a sentence, as words."""
    return [shlex.split(span) for span in SPAN.findall(FENCE.sub("", text))]


def links(text: str) -> list[str]:
    """Every relative link outside fenced blocks."""
    found: list[str] = LINK.findall(FENCE.sub("", text))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(text: str) -> set[str]:
    """The names by which a document's headings can be linked to."""
    titles = [re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(FENCE.sub("", text))]
    return {title.strip().replace(" ", "-") for title in titles}


def broken(document: Path, link: str) -> str | None:
    """Why a link of a document leads nowhere, or None."""
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return f"{link}: no such file"
    if anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
        return f"{link}: no such heading"
    return None


def unknown_to_make(words: list[str]) -> str | None:
    """What make says against a command, without running it; or None. A setting that no rule reads is unknown too."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for setting in (word.partition("=")[0] for word in words if "=" in word):
        if f"$({setting})" not in makefile and setting != "PYTHON":
            return f"no rule reads {setting}"
    done = dry_run(words[1:])
    return None if done.returncode == 0 else done.stderr


def dry_run(words: list[str]) -> subprocess.CompletedProcess[str]:
    """make -n, without what a make that runs these tests was told."""
    outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    settings = [word for word in words if "=" in word]
    targets = [word for word in words if "=" not in word]
    call = ["make", "-n", "ARGS=", *settings, *targets]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False, env=outer)


@cache
def names() -> Mapping[str, Collection[str]]:
    """What the values of an option are the names of, where they are no paths."""
    runners = [*contenders(), *limiters()]
    return {
        "plan": [*PLANS],
        "scenario": [*scenarios()],
        "experiment": [*experiments()],
        "situation": [*situations()],
        "record": [*kinds()],
        "only": [*runners, *codecs()],
        "contender": runners,
        "pattern": [*contenders()],
        "limiter": [*limiters()],
        "stack": ["auto", "embedded", "containers", "external"],
    }


def refused(words: list[str]) -> str | None:
    """Why the front door would not take a command with these options and values, which it reads and does not run."""
    door: Any = typer.main.get_command(app)
    name, *rest = words
    if name in {"--help", *(option for param in door.params for option in param.opts)}:
        return None
    if name not in door.commands:
        return f"no command {name}"
    if rest == ["--help"]:
        return None
    try:
        values = door.commands[name].make_context(name, rest).params
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return f"{name}: {error.format_message()}"
    given = [(o, v) for o in names() for v in ([values[o]] if isinstance(values.get(o), str) else values.get(o) or [])]
    wrong = [f"no {option} {value}" for option, value in given if value not in names()[option]]
    return next((why for why in wrong if not why.endswith((".py", ">"))), None)  # a file, <a name>


def refused_of_make(words: list[str]) -> str | None:
    """What make, or the front door that it calls, says against a command; nothing runs."""
    why = unknown_to_make(words)
    if why is not None:
        return why
    lines = dry_run(words[1:]).stdout.splitlines()
    calls = [shlex.split(line.strip()) for line in lines if line.strip().startswith(FRONT_DOOR[1])]
    return next((why for call in calls if (why := refused(call[1:])) is not None), None)


def block(document: str, language: str) -> str:
    """The first fenced block of that language."""
    fences: list[tuple[str, str]] = FENCE.findall((ROOT / document).read_text(encoding="utf-8"))
    return next(text for spoken, text in fences if spoken == language)


def table(document: str, heading: str = "") -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(heading)[2] if heading else ""
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows, f"{document} has no table below {heading}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.group().splitlines()[2:]]


def test_there_are_documents_with_commands_and_links() -> None:
    """The checks below have something to check."""
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    assert any(words[0] == "make" for text in texts for words in commands(text))
    assert any(words[0] in FRONT_DOOR for text in texts for words in commands(text))
    assert sum(len(links(text)) for text in texts) > 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_every_relative_link_resolves(document: Path) -> None:
    """A link leads to a file of the repository, and its anchor to a heading in it."""
    found = links(document.read_text(encoding="utf-8"))
    assert [why for link in found if (why := broken(document, link))] == []


def test_every_page_that_code_names_exists() -> None:
    """A docstring, message or template that names a page of docs/ names one that exists."""
    folders = [
        f for f in ROOT.iterdir() if f.is_dir() and not f.name.startswith(".") and f.name not in ("docs", "runs")
    ]
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".j2", ".toml")]
    named = {(str(f.relative_to(ROOT)), page) for f in files for page in PAGE_NAME.findall(f.read_text("utf-8"))}
    assert named
    assert sorted(f"{file}: {page}" for file, page in named if not (ROOT / page).exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_every_make_command_can_be_given(document: Path) -> None:
    """Make knows target and settings of each make command, the front door takes what make hands over, names and all."""
    text = document.read_text(encoding="utf-8")
    called = [words for words in [*commands(text), *spans(text)] if words[0] == "make"]
    assert [why for words in called if (why := refused_of_make(words))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_every_front_door_command_can_be_given(document: Path) -> None:
    """The front door takes each stampede command with its options and values; of what a sentence names, as far as it
    goes."""
    text = document.read_text(encoding="utf-8")
    whole = [words[1:] for words in commands(text) if words[0] in FRONT_DOOR]
    assert [why for words in whole if (why := refused(words))] == []
    named = [words[1:] for words in spans(text) if words[0] in FRONT_DOOR]
    found = [why for words in named if (why := refused(words))]
    assert [why for why in found if not why.partition(": ")[2].startswith(SHORTENED)] == []


def test_every_target_calls_a_command_with_options_that_exist() -> None:
    """What the Makefile passes to the front door is taken there, with every setting given."""
    settings = ["PLAN=smoke", "STACK=embedded", "WORKLOAD=x.toml", "RTT=0", "CONTENDER=x.py", "POSTGRES=x", "REDIS=x"]
    for target in ("bench", "web", "report", "services", "knee"):
        assert FRONT_DOOR[1] in dry_run([target, *settings, "RUN=x"]).stdout
        assert refused_of_make(["make", target, *settings, "RUN=x"]) is None


def test_the_checks_find_what_is_wrong(tmp_path: Path) -> None:
    """A dead link, a dead anchor, an unknown target and an unknown setting are found; a comment is not read."""
    page = tmp_path / "page.md"
    page.write_text("# One, two\n\n[a](no.md) [b](#one-two) [c](#three) [d](https://example.org)\n", encoding="utf-8")
    found = links(page.read_text(encoding="utf-8"))
    assert found == ["no.md", "#one-two", "#three"]
    assert [broken(page, link) is None for link in found] == [False, True, False]
    assert unknown_to_make(["make", "help"]) is None
    assert unknown_to_make(["make", "no-such-target"])
    assert unknown_to_make(["make", "bench", "PALN=smoke"])
    assert refused_of_make(["make", "bench", "ARGS=--scenario stampede"]) is None
    assert refused_of_make(["make", "bench", "ARGS=--scenario stampeed"])
    assert refused_of_make(["make", "bench", "ARGS=--roundz 3"])
    assert refused(["bench", "--rounds", "3", "--only", "cache-aside", "--contender", "mine.py"]) is None
    assert refused(["bench", "--rounds", "three"])
    assert refused(["bench", "--only", "cash-aside"])
    assert refused(["bensch"])
    assert refused(["--hlep"])
    assert refused(["--help"]) is None
    assert (refused(["worker"]) or "").partition(": ")[2].startswith(SHORTENED)
    assert spans("say `make test ARGS=x`, `make`, or `stampede bench`\n```sh\nmake x\n```\n") == [
        ["make", "test", "ARGS=x"],
        ["stampede", "bench"],
    ]
    assert commands("```sh\nmake test  # all\nls\n$ stampede bench --rtt 0 || true\n```\nmake x\n") == [
        ["make", "test"],
        ["stampede", "bench", "--rtt", "0"],
    ]


def listed_commands() -> dict[str, set[str]]:
    """The options of every command that `stampede --help` lists."""
    door: Any = typer.main.get_command(app)
    shown = {name: command for name, command in door.commands.items() if not command.hidden}
    return {
        name: {option for param in command.params if not getattr(param, "hidden", False) for option in param.opts}
        for name, command in shown.items()
    }


def test_the_commands_are_listed() -> None:
    """docs/reference/command-line.md lists every command, and none else."""
    listed = [row[0].strip("`") for row in table("docs/reference/command-line.md", "## Commands")]
    assert sorted(listed) == sorted(listed_commands())


def test_every_option_is_explained() -> None:
    """docs/reference/command-line.md names every option of every command."""
    text = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    options = {option for found in listed_commands().values() for option in found if option.startswith("--")}
    assert sorted(option for option in options - {"--help"} if f"`{option}`" not in text) == []


def test_the_public_names_exist() -> None:
    """docs/reference/python-api.md lists names that `from stampede import …` finds."""
    stampede = importlib.import_module("stampede")
    listed = [
        name for row in table("docs/reference/python-api.md", "## Names") for name in re.findall(r"`(\w+)`", row[0])
    ]
    assert "CachePattern" in listed
    assert [name for name in listed if not hasattr(stampede, name)] == []


@pytest.mark.parametrize("name", [*TABLES, "experiments"])
def test_the_run_folders_columns_are_listed(name: str) -> None:
    """docs/reference/run-folder.md lists every column of the schema, in its order, and none else."""
    schema = {**TABLES, "experiments": EXPERIMENTS}[name]
    assert [row[0].strip("`") for row in table("docs/reference/run-folder.md", f"## {name}\n")] == schema.names


def test_the_patterns_are_listed() -> None:
    """docs/reference/patterns.md lists every contender of ours with its own summary, and none else."""
    rows = table("docs/reference/patterns.md", "## Which")
    listed = [(re.sub(r"\[(.*)\]\(.*\)", r"\1", name), said) for name, said in rows]
    assert listed == [(name, found.pattern.summary) for name, found in contenders().items()]


def promised_by(guarantee: Guarantee) -> str:
    """The contenders that claim it, as docs/reference/guarantees.md writes it: all, all but a few, or by name."""
    names = list(contenders())
    who = [name for name, found in contenders().items() if guarantee in found.pattern.guarantees]
    others = [name for name in names if name not in who]
    if not others:
        return "all"
    return f"all but {', '.join(others)}" if len(others) < len(who) else ", ".join(who)


def test_the_guarantees_are_listed() -> None:
    """docs/reference/guarantees.md lists each guarantee of our contenders: what holds, fault model, guaranteed by."""
    wanted = [
        [f"`{guarantee.name}`", guarantee.text, guarantee.fault_model.value, who]
        for guarantee in Guarantee
        if (who := promised_by(guarantee))
    ]
    assert table("docs/reference/guarantees.md", "## What each pattern guarantees") == wanted


def test_the_limiters_are_listed() -> None:
    """docs/reference/limiters.md lists every limiter of ours with its own summary, and none else."""
    rows = table("docs/reference/limiters.md", "## Which")
    listed = [(re.sub(r"\[(.*)\]\(.*\)", r"\1", name), said) for name, said in rows]
    assert listed == [(name, found.limiter.summary) for name, found in limiters().items()]


def test_the_example_limiter_is_one(tmp_path: Path) -> None:
    """The file in how-to/your-own-limiter.md is a limiter as it stands, under the name that the page gives it."""
    path = tmp_path / "my_counter.py"
    path.write_text(block("docs/how-to/your-own-limiter.md", "python"), encoding="utf-8")
    assert find_limiter(str(path)).name == "my-counter"


def test_the_outcomes_are_listed() -> None:
    """docs/reference/measures.md defines every outcome that the reports know, and none else."""
    from stampede.reports.analysis.frames import OUTCOMES

    assert sorted(name for name, _ in table("docs/reference/measures.md", "## Outcomes")) == sorted(OUTCOMES)


def test_the_example_pattern_is_one(tmp_path: Path) -> None:
    """The file in how-to/your-own-pattern.md is a contender as it stands, under the name that the page gives it."""
    path = tmp_path / "negative_caching.py"
    path.write_text(block("docs/how-to/your-own-pattern.md", "python"), encoding="utf-8")
    assert load_contender(path).name == "negative-caching"


def made_by(tmp_path: Path, page: str) -> dict[str, Any]:
    """The names that the first Python block of a how-to page defines."""
    path = tmp_path / "example.py"
    path.write_text(block(f"docs/how-to/{page}.md", "python"), encoding="utf-8")
    return runpy.run_path(str(path))


def test_the_example_scenario_is_one(tmp_path: Path) -> None:
    """The file in how-to/your-own-scenario.md holds a scenario whose workload is in range."""
    scenario = made_by(tmp_path, "your-own-scenario")["SCENARIO"]
    assert scenario.name == "flash-sale"
    assert scenario.name not in scenarios()
    path = tmp_path / "workload.toml"
    path.write_text("", encoding="utf-8")
    assert read_workload(path, frozenset()).applied(scenario.name, scenario.overrides).ttl_s == 0.5


def test_the_example_metric_and_the_example_chart_are_some(tmp_path: Path) -> None:
    """The modules in how-to/your-own-metric.md and your-own-chart.md define what the catalogues look for."""
    (metric,) = made_by(tmp_path, "your-own-metric")["METRICS"]
    assert metric.name not in {known.name for known in metrics()}
    chart = made_by(tmp_path, "your-own-chart")["CHART"]
    assert callable(chart.draw)


def test_the_example_workload_is_one(tmp_path: Path) -> None:
    """The TOML in how-to/your-own-workload.md is a workload with statements of its own."""
    path = tmp_path / "workload.toml"
    path.write_text(block("docs/how-to/your-own-workload.md", "toml"), encoding="utf-8")
    names = frozenset(scenarios())
    workloads = [read_workload(path, names).applied(name, {}) for name in names]
    assert workloads
    assert all(workload.sql and workload.versioned for workload in workloads)


def test_the_example_limit_is_one(tmp_path: Path) -> None:
    """The TOML in docs/reference/limiters.md is a limit for the flood."""
    path = tmp_path / "workload.toml"
    path.write_text(block("docs/reference/limiters.md", "toml"), encoding="utf-8")
    limits = read_workload(path, frozenset(scenarios())).limits
    assert limits
    assert scenarios()["rate-limit-flood"].limited(limits).flood != scenarios()["rate-limit-flood"].flood


def test_the_example_gate_is_one(tmp_path: Path) -> None:
    """The TOML in how-to/gate-in-ci.md is a gate's, and names scenarios and contenders that there are."""
    path = tmp_path / "gate.toml"
    path.write_text(block("docs/how-to/gate-in-ci.md", "toml"), encoding="utf-8")
    limits = read_thresholds(path).limits
    assert limits
    assert {limit.scenario for limit in limits} <= {"*", *scenarios()}
    assert {limit.contender for limit in limits} <= {"*", *contenders()}


def test_the_method_and_schema_numbers_are_stated() -> None:
    """The method's page and the changelog's newest entry name the numbers that runs carry."""
    assert (ROOT / "docs/explanation/method.md").read_text(encoding="utf-8").startswith(f"# Method {METHOD}:")
    headings = HEADING.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    newest = next(heading for heading in headings if heading.startswith("Method"))
    assert newest == f"Method {METHOD}, schema {SCHEMA}"
