"""cache-aside, 20 % more loads."""

from stampede.loadtests.selftests.known_faults.faults import LoadsMore


class LoadsAFifthMore(LoadsMore):
    summary = "planted: cache-aside, 20 % more loads"
    share = 0.2
