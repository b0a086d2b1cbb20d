"""Every check of a run, found in the modules that hold checks."""

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
"""Each check once, in the order of the modules and of their lines."""


def warnings_about(results: Results | None, part: Part) -> Iterator[RunWarning]:
    """What the checks of that part find in its results; nothing where there are none."""
    if results is not None:
        for check in CHECKS:
            if part in check.applies_to:
                yield from check(results)
