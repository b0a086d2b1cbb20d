"""Options that several commands have are defined once, and each command gets them as one value."""

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from stampede.cli.app import COMMANDS, FORMER_NAMES
from stampede.cli.one_line_errors import OneLineErrors
from stampede.cli.shared_options import ServerOptions, with_option_groups
from stampede.core.errors import CommandFailed, UserError


@dataclass(frozen=True, kw_only=True)
class Place:
    town: Annotated[str, typer.Option(help="where")] = "Graz"
    number: Annotated[int, typer.Option("--number", "-n")] = 1


def application() -> tuple[typer.Typer, list[tuple[Place, str]]]:
    """A command with a group and an option of its own, and the list that its calls go to."""
    calls: list[tuple[Place, str]] = []

    def visit(place: Place, name: Annotated[str, typer.Option()] = "Ann") -> None:
        """Visit a person."""
        calls.append((place, name))

    app = typer.Typer()
    app.command()(with_option_groups(visit))
    return app, calls


def test_a_command_gets_the_fields_of_its_groups_as_one_value() -> None:
    """Given options and defaults are in the group; options of the command itself stay parameters."""
    app, calls = application()
    assert CliRunner().invoke(app, ["-n", "7", "--name", "Bo"]).exit_code == 0
    assert CliRunner().invoke(app, []).exit_code == 0
    assert calls == [(Place(town="Graz", number=7), "Bo"), (Place(), "Ann")]


def test_help_lists_the_fields_of_a_group() -> None:
    app, _ = application()
    text = CliRunner().invoke(app, ["--help"]).output
    assert "--town" in text
    assert "Visit a person." in text


def test_every_command_that_starts_servers_takes_them_by_the_shared_group() -> None:
    """No command defines --stack itself."""
    for command in COMMANDS:
        assert "stack" not in inspect.signature(command).parameters
    grouped = [c for c in COMMANDS if ServerOptions in {*inspect.get_annotations(c, eval_str=True).values()}]
    assert len(grouped) == 11
    assert all("stack" in inspect.signature(with_option_groups(command)).parameters for command in grouped)


@pytest.mark.parametrize(
    ("kind", "arguments", "code"),
    [
        (UserError, ("wrong", "value\nthere", "another"), 2),
        (CommandFailed, ("wrong value",), 1),
        (OSError, (28, "wrong value"), 1),
    ],
)
def test_an_expected_error_is_one_line_with_the_code_of_its_class(
    kind: type[Exception], arguments: tuple[Any, ...], code: int
) -> None:
    """Bad input ends with 2, a command that failed or a full disk with 1; subclasses like their base."""
    app = typer.Typer(cls=OneLineErrors)

    @app.command()
    def fail() -> None:
        raise type("Special", (kind,), {})(*arguments)

    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["fail"])
    assert result.exit_code == code
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("stampede: ")
    assert "wrong" in line
    assert "value" in line


def test_another_error_passes_through() -> None:
    """An error in our own code keeps its traceback, whatever its class is called."""
    app = typer.Typer(cls=OneLineErrors)

    @app.command()
    def fail() -> None:
        raise type("BenchFailed", (RuntimeError,), {})("a fault in the harness")

    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["fail"])
    assert isinstance(result.exception, RuntimeError)
    assert str(result.exception) == "a fault in the harness"


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_a_former_name_calls_the_same_command(former: str) -> None:
    """Scripts that use it go on working; `--help` does not list it."""
    from stampede.cli.app import app

    command = FORMER_NAMES[former].__name__
    old, new = (CliRunner().invoke(app, [name, "--help"]).output.strip().split("\n", 1) for name in (former, command))
    assert old[1] == new[1]
    assert f"{former} " not in CliRunner().invoke(app, ["--help"]).output
