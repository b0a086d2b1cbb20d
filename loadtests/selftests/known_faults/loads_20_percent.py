"""cache-aside, 20 % more loads."""

from stampede.loadtests.selftests.known_faults.faults import LoadsMore


class LoadsAFifthMore(LoadsMore):
    summary = "known fault: cache-aside, 20 % more loads"
    share = 0.2
