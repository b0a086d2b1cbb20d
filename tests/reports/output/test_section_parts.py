"""Parts of a scenario's section: titles in words, warning numbers, ticks of the forest chart, the chart of rounds."""

from pathlib import Path

import pytest

from stampede.loadtests.experiments.experiment import experiments
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.output.charts.forest_plot import ticks_of
from stampede.reports.output.charts.rounds_chart import rounds_chart
from stampede.reports.output.panels.run_description import section_title
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from stampede.scenarios.scenario import built_in
from tests.reports.planted_runs.planted import Row, plant, scenario

CONTENDERS = ("cache-aside", "write-through")


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder = tmp_path_factory.mktemp("parts") / "run"
    mostly = [scenario("read-mostly", rate_per_s=100.0), scenario("stampede")]
    return analyse(read_run(plant(folder, contenders=CONTENDERS, scenarios=mostly, rounds=3)))


def test_section_of_each_experiment_and_scenario_of_a_plan_has_a_title_in_words() -> None:
    """Only the points of a curve against the TTL keep their name."""
    curve = ("ttl-sweep-", "read-mostly-ttl-")
    own = [name for name in built_in() if not name.startswith(curve)]
    named = [name for name in (*own, *experiments()) if section_title(name) == name]
    assert named == []


def test_scenario_of_a_user_keeps_its_name() -> None:
    assert section_title("checkout") == "checkout"


def late(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Half of write-through's requests are never answered."""
    for r in rows[len(rows) // 2 :] if cell.contender == "write-through" else ():
        r |= {
            "start_ns": None,
            "end_ns": None,
            "thread_free_ns": None,
            "found": None,
            "loads": 0,
            "load_start_ns": None,
        }
    return rows


def test_warning_about_one_contender_is_at_its_name_only(tmp_path: Path) -> None:
    """Each warning of a scenario is either at one contender or in the note below the table."""
    run = read_run(plant(tmp_path / "run", contenders=CONTENDERS, scenarios=[scenario("stampede")], change=late))
    found = analyse(run)
    numbers = [x.number for x in found.warnings if x.scenario == "stampede"]
    own = {name: [x.number for x in found.warnings_of("stampede", name)] for name in CONTENDERS}
    assert own["write-through"]
    assert own["cache-aside"] == []
    shared = [x.number for x in found.shared_warnings("stampede")]
    assert sorted([*own["write-through"], *shared]) == sorted(numbers)


@pytest.mark.parametrize(("low", "high", "least", "most"), [(0.55, 3.4, 0.8, 3.0), (0.4, 1.25, 0.5, 1.25)])
def test_axis_of_ratios_has_labels_up_to_its_ends(low: float, high: float, least: float, most: float) -> None:
    """1 always has a label, and so has the last round ratio at each end."""
    found = ticks_of(low, high)
    assert 1.0 in found
    assert (found[0], found[-1]) == (least, most)


def test_chart_of_rounds_has_each_round_of_each_contender(analysis: Analysis) -> None:
    (mostly,) = (s for s in analysis.scenarios if s.name == "read-mostly")
    chart = rounds_chart(analysis, mostly)
    assert chart is not None
    assert [row[:2] for row in chart.rows] == [[name, str(number)] for name in CONTENDERS for number in (1, 2, 3)]
    assert 'class="narrow"' in chart.svg


def test_hot_key_has_no_chart_of_rounds(analysis: Analysis) -> None:
    (hot,) = (s for s in analysis.scenarios if s.name == "stampede")
    assert rounds_chart(analysis, hot) is None
