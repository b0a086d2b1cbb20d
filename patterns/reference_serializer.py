"""The serializer that all others are compared with. A light module, so that a wrong choice is reported early."""

from collections.abc import Collection

from stampede.core.errors import require

REFERENCE = "json"


def check_reference(only: Collection[str]) -> None:
    """Raise ConfigError if some serializers are chosen, but not the reference."""
    wanted = f"{REFERENCE} as well, because the others are compared with it"
    require(not only or REFERENCE in only, "only", ", ".join(only), wanted)
