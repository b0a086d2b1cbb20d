"""cache-aside, twice the loads."""

from loadtests.planted.faults import LoadsMore


class LoadsTwice(LoadsMore):
    summary = "planted: cache-aside, twice the loads"
    share = 1.0
