"""cache-aside, twice the loads."""

from stampede.loadtests.selftests.known_faults.faults import LoadsMore


class LoadsTwice(LoadsMore):
    summary = "known fault: cache-aside, twice the loads"
    share = 1.0
