"""A contender that gives an invalid answer is not judged, and one line names it."""

from pathlib import Path

import pytest

from stampede.races.exploration_runs import RacesConfig, explore_all
from stampede.races.explore import Bound
from stampede.races.hooks.limiter_adapter import find_explorable
from stampede.run_folder.races_json import NOT_JUDGED
from stampede.scenarios.interleavings.situation import find_situation
from stampede.stack.servers import Stack

PATTERN = """
from stampede.patterns.caching.no_cache import NoCache

class Own(NoCache):
    summary = "no cache, and a wrong answer"

    def {method}(self, *given):
        record = super().{method}(*given)
        return {answer}
"""
LIMITER = """
from stampede.patterns.rate_limiting.fixed_window import FixedWindow

class Own(FixedWindow):
    summary = "fixed-window, and a wrong answer"

    def hit(self, subject):
        return super().hit(subject).allowed
"""
WRONG = {
    "text_for_reads": ("reader-reader", PATTERN.format(method="get", answer="str(record)"), "get: 'an answer of type"),
    "lists_for_writes": ("reader-writer", PATTERN.format(method="update", answer="[record]"), "update: 'an answer of"),
    "text_versions": (
        "reader-writer",
        PATTERN.format(method="get", answer="record | {'version': str(record['version'])}"),
        "get, column version: '1'",
    ),
    "yes_or_no": ("calls-at-once", LIMITER, "hit: 'an answer of type bool'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_contender_that_gives_an_invalid_answer_is_not_judged_and_the_line_names_it(
    stack: Stack, tmp_path: Path, name: str
) -> None:
    situation, source, text = WRONG[name]
    (tmp_path / f"{name}.py").write_text(source)
    config = RacesConfig(
        contenders=(find_explorable(str(tmp_path / f"{name}.py")),),
        situations=(find_situation(situation),),
        bound=Bound(),
        command="stampede races",
    )
    info = explore_all(config, stack, lambda _event: None)
    assert {verdict.verdict for verdict in info.verdicts} == {NOT_JUDGED}
    (line,) = {verdict.how for verdict in info.verdicts}
    assert f"{name.replace('_', '-')}: {text}" in line
    assert "\n" not in line
