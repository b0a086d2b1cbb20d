"""What the rows of the answer are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.topics.experiments.experiments_section import ExperimentSection
from stampede.reports.topics.faults.outage_effects import OutageEffects
from stampede.reports.topics.rate_limiting.limiter_section import LimiterSection
from stampede.run_folder.races_json import RacesInfo

OutagesByContender = Mapping[str, Sequence[OutageEffects]]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The results of one run, from which the rows of the answer are made."""

    analysis: Analysis
    races: RacesInfo | None = None
    """The explored orders of steps. None: not explored."""
    outages: OutagesByContender = field(default_factory=dict)
    """By contender, the outages of Redis in which it ran."""
    limiters: Sequence[LimiterSection] = ()
    """The results of the rate limiters, one for each scenario."""
    experiments: Sequence[ExperimentSection] = ()
