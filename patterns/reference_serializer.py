"""The serializer that every other one is compared with. It imports nothing heavy, so that a wrong choice ends early."""

from collections.abc import Collection

from stampede.core.errors import require

REFERENCE = "json"


def check_reference(only: Collection[str]) -> None:
    """Raise ConfigError where some serializers are chosen and the reference is not among them."""
    require(not only or REFERENCE in only, "only", ", ".join(only), "json among them: the reference")
