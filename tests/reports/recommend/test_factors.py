"""The "Depends on" sentence: the factors that a run varied, and those that it did not."""

from dataclasses import replace
from pathlib import Path

from stampede.reports.analysis.analysis import analyse
from stampede.reports.recommend.factors import depends_on
from stampede.run_folder.read import read_run
from tests.reports.planted_runs.planted import plant, scenario


def test_processes_are_a_factor_and_the_sentence_names_factors_that_were_not_varied(tmp_path: Path) -> None:
    """The scenario stampede with two processes, and its variant with one: the order of contenders is the same."""
    base = scenario("stampede")
    alone = replace(scenario("stampede"), name="stampede-one-process", variant_of="stampede", processes=1)
    analysis = analyse(
        read_run(plant(tmp_path / "run", contenders=("no-cache", "cache-aside"), scenarios=[base, alone]))
    )
    text = depends_on(analysis)
    assert "The processes in stampede (2 processes and 1 process): the order of contenders does not change" in text
    assert "Simulated RTT, cores and rate: not varied" in text
