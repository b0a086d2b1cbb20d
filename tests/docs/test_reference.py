"""The lists of the reference equal the code."""

import importlib
import re
from dataclasses import fields
from typing import Any

import pytest
import typer

from stampede.cli.app import app
from stampede.patterns.caching.cache_pattern import Context, Guarantee, Source
from stampede.patterns.contender_registry import contenders, limiters
from stampede.run_folder.schema import EXPERIMENTS, METHOD, SCHEMA, TABLES
from tests.docs.documents import HEADING, ROOT, table


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


def listed_members(heading: str) -> list[str]:
    """The names in the first column of a table of docs/reference/python-api.md, without `self.` and arguments."""
    return [
        name
        for row in table("docs/reference/python-api.md", heading)
        for name in re.findall(r"`(?:self\.)?(\w+)(?:\([^`]*\))?`", row[0])
    ]


def test_the_members_of_a_pattern_exist() -> None:
    """docs/reference/python-api.md lists every field of `Context`, and only members that a pattern has."""
    pattern = contenders()["cache-aside-warmed"].pattern
    assert listed_members("## Context") == [field.name for field in fields(Context)]
    given: Any = dict.fromkeys(field.name for field in fields(Context))
    made = pattern(Context(**given), pattern.config_type())
    assert [name for name in listed_members("## CachePattern") if not hasattr(made, name)] == []
    assert [name for name in listed_members("## Source") if not hasattr(Source, name)] == []


@pytest.mark.parametrize("name", [*TABLES, "experiments"])
def test_the_run_folders_columns_are_listed(name: str) -> None:
    """docs/reference/run-folder.md lists every column of the schema, in its order, and none else."""
    schema = {**TABLES, "experiments": EXPERIMENTS}[name]
    assert [row[0].strip("`") for row in table("docs/reference/run-folder.md", f"## {name}\n")] == schema.names


def test_the_patterns_are_listed() -> None:
    """docs/reference/patterns.md lists every contender of Stampede with its own summary, and none else."""
    rows = table("docs/reference/patterns.md", "## List")
    listed = [(re.sub(r"\[(.*)\]\(.*\)", r"\1", name), said) for name, said in rows]
    assert listed == [(name, found.pattern.summary) for name, found in contenders().items()]


def guaranteed_by(guarantee: Guarantee) -> str:
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
        if (who := guaranteed_by(guarantee))
    ]
    assert table("docs/reference/guarantees.md", "## What each pattern guarantees") == wanted


def test_the_limiters_are_listed() -> None:
    """docs/reference/limiters.md lists every limiter of Stampede with its own summary, and none else."""
    rows = table("docs/reference/limiters.md", "## List")
    listed = [(re.sub(r"\[(.*)\]\(.*\)", r"\1", name), said) for name, said in rows]
    assert listed == [(name, found.limiter.summary) for name, found in limiters().items()]


def test_the_outcomes_are_listed() -> None:
    """docs/reference/measures.md defines every outcome that the reports know, and none else."""
    from stampede.reports.analysis.frames import OUTCOMES

    assert sorted(name for name, _ in table("docs/reference/measures.md", "## Outcomes")) == sorted(OUTCOMES)


def test_the_method_and_schema_numbers_are_stated() -> None:
    """The method's page and the changelog's newest entry name the numbers that runs carry."""
    assert (ROOT / "docs/explanation/method.md").read_text(encoding="utf-8").startswith(f"# Method {METHOD}:")
    headings = HEADING.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    newest = next(heading for heading in headings if heading.startswith("Method"))
    assert newest == f"Method {METHOD}, schema {SCHEMA}"
