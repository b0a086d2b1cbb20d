"""cache-aside, 20 % more loads."""

from loadtests.planted.faults import LoadsMore


class LoadsAFifthMore(LoadsMore):
    summary = "planted: cache-aside, 20 % more loads"
    share = 0.2
