"""The user's scenarios: found in a file, checked field by field, and then available by name."""

from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.scenarios.scenario import built_in, find_scenario, scenarios
from stampede.scenarios.user_scenarios import scenario_names

GOOD = """
from stampede import Scenario

SCENARIO = Scenario(
    name="{name}",
    question="Which pattern copes with a busy evening?",
    application="a shop on the evening before a holiday",
    expectation="more hits, since popular records are read more often",
    {more}
)
"""


def file(folder: Path, name: str = "busy-evening", more: str = 'overrides={"rate_per_s": 50.0},') -> str:
    path = folder / "mine.py"
    path.write_text(GOOD.format(name=name, more=more), encoding="utf-8")
    return str(path)


def test_file_adds_its_scenario(tmp_path: Path) -> None:
    """The path of a file gives the names of its scenarios. A name stays the same."""
    assert scenario_names(["read-mostly", file(tmp_path)]) == ("read-mostly", "busy-evening")
    assert find_scenario("busy-evening").overrides == {"rate_per_s": 50.0}
    assert "busy-evening" in scenarios()
    assert "busy-evening" not in built_in()


@pytest.mark.parametrize(
    ("name", "more", "field"),
    [
        ("read-mostly", "", "name"),
        ("Busy Evening", "", "name"),
        ("../evening", "", "name"),
        ("ok", 'overrides={"rat_per_s": 5.0},', "rat_per_s"),
        ("ok", 'overrides={"rate_per_s": "many"},', "rate_per_s"),
        ("ok", "overrides=[1],", "overrides"),
        ("ok", 'overrides={"rate_per_s": -5.0},', "overrides.rate_per_s"),
        ("ok", 'kind="cache",', "kind"),
        ("ok", 'fault="kill redis",', "fault"),
        ("ok", 'contenders=("cache-aside", 3),', "contenders"),
        ("ok", 'contenders="cache-aside",', "contenders"),
        ("ok", "processes=True,", "processes"),
        ("ok", 'variant_of="nothing",', "variant_of"),
        ("ok", 'window_ttls="2",', "window_ttls"),
        ("ok", "window_ttls=0,", "window_ttls"),
        ("ok", "drain_s=-1,", "drain_s"),
        ("ok", "cold=True,", "warm_up_s"),
        ("ok", "colour=1,", "colour"),
    ],
)
def test_wrong_field_is_named(name: str, more: str, field: str, tmp_path: Path) -> None:
    """A wrong name, value, type or field of a user's scenario is refused in one line that names it."""
    with pytest.raises(ConfigError) as refused:
        scenario_names([file(tmp_path, name, more)])
    assert field in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_scenarios_of_one_file_need_two_names(tmp_path: Path) -> None:
    """A second scenario of the same name is refused."""
    path = Path(file(tmp_path, "twice"))
    path.write_text(path.read_text() + "\nSCENARIOS = (SCENARIO,)\n")
    with pytest.raises(ConfigError, match="another name for each scenario"):
        scenario_names([str(path)])


@pytest.mark.parametrize(
    "text", ["", "SCENARIO = 1\n", "SCENARIOS = [1]\n", "import nothing_of_that_name\n", "x = (\n"]
)
def test_file_without_scenario_is_refused(text: str, tmp_path: Path) -> None:
    """A file that cannot be imported, or that holds no Scenario, is refused in one line."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.py"):
        scenario_names([str(path)])
