"""The memory of limiters' state on the real server."""

import pandas as pd

from stampede.loadtests.experiments.experiment import ExperimentConfig
from stampede.loadtests.experiments.limiter_memory import EXPERIMENT, SMALL
from stampede.patterns.contender_registry import limiters
from stampede.reports.topics.experiments.limiter_memory_section import by_limiter, bytes_a_call, findings_of
from stampede.run_folder.schema import EXPERIMENTS
from stampede.stack.servers import Stack


def test_logs_grow_with_the_limit_and_counters_do_not(stack: Stack) -> None:
    """Each subject makes as many calls as its limit allows, and all of them are admitted."""
    config = ExperimentConfig(stack=stack, rounds=1, seed=1, small=True, say=lambda _line: None)
    facts = pd.DataFrame([row._asdict() for row in EXPERIMENT.run(config)])
    assert set(facts.columns) | {"experiment"} == set(EXPERIMENTS.names)
    admitted = facts[facts["name"] == "admitted"]
    assert (admitted["value"] == admitted["at"]).all()
    sizes = by_limiter(facts)
    assert set(sizes) == set(limiters())
    assert all(set(own) == set(SMALL) for own in sizes.values())
    logs = {"sliding-log", "sliding-window"}
    assert all(bytes_a_call(sizes[name]) > 20 for name in logs)
    assert all(bytes_a_call(sizes[name]) < 0.5 for name in sizes.keys() - logs)
    answer = findings_of(EXPERIMENT.as_dict(), facts).answer
    assert answer.startswith("Grows with the limit: sliding-log ")
    assert "the same at any limit: fixed-window" in answer
