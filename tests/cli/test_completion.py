"""The shell completes commands, options and the names that options take."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stampede.patterns.contender_registry import contenders, limiters
from stampede.scenarios.plans import PLANS
from stampede.scenarios.scenario import scenarios

FRONT_DOOR = Path(sys.executable).with_name("stampede")


def completions(line: str) -> list[str]:
    """What bash is offered for the last word of a command line; "" as the last word: whatever may follow."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_STAMPEDE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run([FRONT_DOOR], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("stampede bench --plan ", [*PLANS]),
        ("stampede bench --plan st", ["standard"]),
        ("stampede bench --stack e", ["external", "embedded"]),
        ("stampede bench --scenario ", [*scenarios()]),
        ("stampede bench --only ", [*contenders(), *limiters()]),
        ("stampede races --contender cache-aside-l", ["cache-aside-lease"]),
        ("stampede serve --limiter ", [*limiters()]),
        ("stampede overh", ["overhead"]),
        ("stampede bench --most", ["--most-rounds"]),
    ],
)
def test_names_are_completed(line: str, names: Sequence[str]) -> None:
    """bash is offered the names that are there, and of these the ones that begin as the word does."""
    assert sorted(completions(line)) == sorted(names)


def test_former_names_of_commands_are_not_offered() -> None:
    """They work, but new users need not learn them."""
    assert not {"selfcheck", "harness"} & set(completions("stampede "))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(shell: str) -> None:
    """`stampede --show-completion` prints the script for the shell that calls it, or that is named."""
    environment = {**os.environ, "_STAMPEDE_COMPLETE": f"source_{shell}"}
    done = subprocess.run([FRONT_DOOR], env=environment, capture_output=True, text=True, check=True)
    assert "_STAMPEDE_COMPLETE" in done.stdout
