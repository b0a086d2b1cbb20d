"""What the shell completes the values of options to. Each function takes the beginning and returns whole names."""

from collections.abc import Iterable


def plan_names(incomplete: str) -> list[str]:
    """Names of plans."""
    from stampede.scenarios.plans import PLANS

    return beginning_with(incomplete, PLANS)


def stack_names(incomplete: str) -> list[str]:
    """Where servers may come from."""
    from stampede.stack.providers.stack_choice import CHOICES

    return beginning_with(incomplete, CHOICES)


def trace_formats(incomplete: str) -> list[str]:
    """Names of the formats of traces."""
    from stampede.scenarios.traffic.trace_files.trace_reader import FORMAT_NAMES

    return beginning_with(incomplete, FORMAT_NAMES)


def scenario_names(incomplete: str) -> list[str]:
    """Names of scenarios."""
    from stampede.scenarios.scenario import scenarios

    return beginning_with(incomplete, scenarios())


def experiment_names(incomplete: str) -> list[str]:
    """Names of experiments."""
    from stampede.loadtests.experiments.experiment import experiments

    return beginning_with(incomplete, experiments())


def situation_names(incomplete: str) -> list[str]:
    """Names of the situations that the race explorer tries."""
    from stampede.scenarios.interleavings.situation import situations

    return beginning_with(incomplete, situations())


def pattern_names(incomplete: str) -> list[str]:
    """Names of our caching patterns."""
    from stampede.patterns.contender_registry import contenders

    return beginning_with(incomplete, contenders())


def limiter_names(incomplete: str) -> list[str]:
    """Names of our rate limiters."""
    from stampede.patterns.contender_registry import limiters

    return beginning_with(incomplete, limiters())


def contender_names(incomplete: str) -> list[str]:
    """Names of our caching patterns and rate limiters."""
    return [*pattern_names(incomplete), *limiter_names(incomplete)]


def serializer_names(incomplete: str) -> list[str]:
    """Names of our serializers."""
    from stampede.patterns.serialization.serializer_registry import named_serializers

    return beginning_with(incomplete, named_serializers())


def record_names(incomplete: str) -> list[str]:
    """Names of the kinds of record that serializers are compared on."""
    from stampede.loadtests.serializers.sample_records import kinds

    return beginning_with(incomplete, kinds())


def beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
