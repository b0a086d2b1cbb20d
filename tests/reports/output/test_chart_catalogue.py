"""Charts of a caching scenario: each file in the package of charts that holds a CHART is on the page."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stampede.reports.output import charts
from stampede.reports.output.charts import scenario_chart
from stampede.reports.output.charts.scenario_chart import find_charts
from stampede.reports.output.html_report import render
from tests.reports.planted_runs.planted import plant

NAME = "planted_chart"
SOURCE = '''
"""How many rounds were measured."""

from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.scenario_chart import ScenarioChart
from stampede.reports.output.charts.svg_figure import drawn, style_axes, new_figure


def rounds(analysis, scenario):
    if scenario.name != "stampede":
        return None
    figure = new_figure(7.6, 2.0)
    axes = figure.add_subplot()
    axes.plot([1, 2, 3], [1, 2, 4], color="#0072b2")
    style_axes(axes)
    question = "What did a planted chart find?"
    return Chart(
        anchor=f"{scenario.name}-planted",
        question=question,
        caption="Planted.",
        how_to_read="Planted.",
        svg=drawn(figure, f"{scenario.name}-planted", question, "Planted."),
        columns=["planted"],
        rows=[["1"]],
    )


CHART = ScenarioChart(order=15, draw=rounds)
'''


@pytest.fixture
def planted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the file of one chart, added to the path of the package of charts."""
    folder = tmp_path / "more_charts"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(charts, "__path__", [*charts.__path__, str(folder)])
    importlib.invalidate_caches()
    find_charts.cache_clear()
    yield folder
    find_charts.cache_clear()
    sys.modules.pop(f"{charts.__name__}.{NAME}", None)
    charts.__dict__.pop(NAME, None)


def test_one_new_file_is_one_more_chart_on_the_page(tmp_path: Path, planted_file: Path) -> None:
    """A file that holds a CHART adds a folded chart at its position, after the charts that are not folded."""
    assert list(planted_file.iterdir())
    page = render(plant(tmp_path / "run", rounds=1, contenders=["cache-aside"])).read_text(encoding="utf-8")
    places = [page.index(f'"{name}"') for name in ("stampede-expiries", "stampede-waits", "stampede-planted")]
    assert places == sorted(places)
    assert "read-mostly-planted" not in page


def test_every_file_of_the_package_that_draws_is_found() -> None:
    """The catalogue has each module that holds a CHART once, and no two charts have the same position."""
    folder = Path(scenario_chart.__file__).parent
    holders = [path for path in folder.glob("*.py") if "\nCHART = ScenarioChart(" in path.read_text(encoding="utf-8")]
    orders = [chart.order for chart in find_charts()]
    assert len(orders) == len(holders) >= 7
    assert len(set(orders)) == len(orders)
