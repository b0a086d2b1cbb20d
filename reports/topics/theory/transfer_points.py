"""The transfer points: the scenario read-mostly again, with other TTLs, as points on the curve of the hit rate.

They have no section of their own and are no rows of the answer. Pure functions.
"""

from stampede.run_folder.schema import ScenarioInfo

BASE = "read-mostly"
"""The scenario that they repeat."""
PREFIX = f"{BASE}-ttl-"
"""The beginning of their names, for example read-mostly-ttl-10s."""


def is_transfer_point(scenario: ScenarioInfo) -> bool:
    """Whether the scenario only adds a point to the curve of the hit rate against the TTL."""
    return scenario.variant_of == BASE and scenario.name.startswith(PREFIX)
