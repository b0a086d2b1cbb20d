"""All checks of a run, collected from their modules."""

from collections.abc import Iterator

from stampede.reports.analysis.results import Results
from stampede.reports.checks import (
    absent_records,
    cell_checks,
    environment_checks,
    littles_law,
    load_checks,
    server_checks,
    standstill,
)
from stampede.reports.checks.check import Check, Part
from stampede.run_folder.run_warnings import RunWarning

MODULES = (cell_checks, absent_records, load_checks, server_checks, standstill, environment_checks, littles_law)
CHECKS = tuple(
    dict.fromkeys(found for module in MODULES for found in vars(module).values() if isinstance(found, Check))
)
"""Each check once, in the order of the modules and of the definitions in them."""


def warnings_about(results: Results | None, part: Part) -> Iterator[RunWarning]:
    """The warnings of the checks that apply to that part; none without results."""
    if results is not None:
        for check in CHECKS:
            if part in check.applies_to:
                yield from check(results)
