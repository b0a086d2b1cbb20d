"""What the shell completes the values of options to. Each function takes the beginning and returns whole names."""

from collections.abc import Iterable


def plan_names(incomplete: str) -> list[str]:
    """Names of plans."""
    from scenarios.plans import PLANS

    return beginning_with(incomplete, PLANS)


def stack_names(incomplete: str) -> list[str]:
    """Where servers may come from."""
    from stack.stack_choice import CHOICES

    return beginning_with(incomplete, CHOICES)


def scenario_names(incomplete: str) -> list[str]:
    """Names of scenarios."""
    from scenarios.scenario import scenarios

    return beginning_with(incomplete, scenarios())


def experiment_names(incomplete: str) -> list[str]:
    """Names of experiments."""
    from loadtests.experiments.experiment import experiments

    return beginning_with(incomplete, experiments())


def situation_names(incomplete: str) -> list[str]:
    """Names of the situations that the race explorer tries."""
    from scenarios.races.situation import situations

    return beginning_with(incomplete, situations())


def pattern_names(incomplete: str) -> list[str]:
    """Names of our caching patterns."""
    from patterns.catalogue import contenders

    return beginning_with(incomplete, contenders())


def limiter_names(incomplete: str) -> list[str]:
    """Names of our rate limiters."""
    from patterns.catalogue import limiters

    return beginning_with(incomplete, limiters())


def contender_names(incomplete: str) -> list[str]:
    """Names of our caching patterns and rate limiters."""
    return [*pattern_names(incomplete), *limiter_names(incomplete)]


def serializer_names(incomplete: str) -> list[str]:
    """Names of our serializers."""
    from patterns.serializing.catalogue import codecs

    return beginning_with(incomplete, codecs())


def record_names(incomplete: str) -> list[str]:
    """Names of the kinds of record that serializers are compared on."""
    from loadtests.serializers.records import kinds

    return beginning_with(incomplete, kinds())


def beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
