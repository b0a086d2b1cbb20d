"""The commands in the documents exist, and the links resolve."""

import os
import re
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
from stampede.patterns.contender_registry import contenders, limiters
from stampede.patterns.serialization.serializer_registry import named_serializers
from stampede.scenarios.interleavings.situation import situations
from stampede.scenarios.plans import PLANS
from stampede.scenarios.scenario import scenarios
from tests.docs.documents import FENCE, HEADING, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FRONT_DOOR = ("stampede", ".venv/bin/stampede")

SHELL = ("||", "&&", "|")
"""Where a command ends and the shell's own begins."""

SPAN = re.compile(r"`((?:make|stampede|\.venv/bin/stampede) [^`\n]+)`")
"""A command in the middle of a sentence."""
SHORTENED = ("Missing ", "Option ")
"""How the front door begins what it says of a command that a sentence names without its values."""
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PAGE_NAME = re.compile(r"\bdocs/[\w/-]+\.md")


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
    """make -n, without the settings of a make that runs these tests."""
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
        "only": [*runners, *named_serializers()],
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
