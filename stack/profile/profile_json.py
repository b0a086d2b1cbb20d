"""A profile as JSON."""

import json
from typing import Any

from stampede.core.text.redaction import hidden
from stampede.stack.profile.server_profile import ServerProfile
from stampede.stack.profile.workload_proposal import WorkloadProposal


def profile_json(profile: ServerProfile, proposal: WorkloadProposal) -> str:
    """The profile, and the values of the workload with their sources. Numbers are in the units of their names."""
    facts: dict[str, Any] = profile.as_dict()
    facts["workload"] = [{"name": each.name, "value": each.value, "source": each.source} for each in proposal.values]
    return json.dumps(hidden(facts), ensure_ascii=False, indent=2)
