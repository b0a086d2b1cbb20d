"""What a comparison shows first: the significant changes, the counts of each scenario, and the terminal's lines."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.text.terminal import PlainConsole
from stampede.reports.compare.comparability import Difference
from stampede.reports.compare.compare_runs import RunPair, pair
from stampede.reports.compare.comparison_answers import change_answers, changes, scenario_counts
from stampede.reports.compare.comparison_page import print_comparison
from stampede.run_folder.read import read_run
from tests.reports.compare.test_comparing import ROWS, slower, unprotected
from tests.reports.planted_runs.planted import plant, scenario


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted(tmp_path_factory.mktemp("base") / "base", seed=1)


def planted(folder: Path, **how: object) -> Path:
    """A run of seven rounds of one scenario."""
    return plant(folder, contenders=ROWS, scenarios=[scenario("stampede")], rounds=7, **how)  # type: ignore[arg-type]


def compared(a: Path, b: Path) -> RunPair:
    return pair(read_run(a), read_run(b))


def test_the_first_table_has_the_significant_changes_with_interval_and_meaning(base: Path, tmp_path: Path) -> None:
    """The largest change is first. Each row has both figures, the change in percent with its interval, and a bar."""
    both = compared(base, planted(tmp_path / "b", seed=3, change=slower))
    rows = change_answers(both)
    assert [row.verdict for row in rows] == changes(both)
    sizes = [row.verdict.comparison.ratio.estimate for row in rows if row.verdict.comparison.ratio]
    assert sizes == sorted(sizes, reverse=True)
    first = rows[0]
    assert re.fullmatch(r"\+\d+ % \(\+\d+ to \+\d+\)", first.text)
    assert first.text in first.bar
    assert first.a.endswith(" ms")
    assert first.b.endswith(" ms")
    assert first.meaning
    assert change_answers(compared(base, base)) == []
    (counts,) = scenario_counts(both)
    assert (counts.worse, counts.better) == (len(rows), 0)
    assert counts.worse + counts.same + counts.open == sum(bool(v.sentence) for v in both.contender_verdicts)


def test_the_terminal_shows_a_comparison_in_25_lines_of_80_columns(base: Path, tmp_path: Path) -> None:
    """Many changes and warnings: the largest changes are printed, the others are counted."""
    both = compared(base, planted(tmp_path / "b", seed=4, change=unprotected))
    console = PlainConsole(file=io.StringIO(), width=80, record=True)
    many = replace(both, differences=[Difference(what="x" * 9, a="1", b="2", blocking=True)] * 20, forced=True)
    many.__dict__["verdicts"] = [v for v in both.verdicts if v.sentence in ("better", "worse")] * 20
    print_comparison(many, console)
    lines = console.export_text().splitlines()
    assert len(lines) + 1 <= 25  # the path of the page comes first
    assert max(map(len, lines)) <= 80
    assert any("more changes on the page" in line for line in lines)
