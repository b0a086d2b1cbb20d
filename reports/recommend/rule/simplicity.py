"""The order of simplicity: contenders with fewer moving parts come first. Pure functions."""

from collections.abc import Sequence

from stampede.run_folder.schema import ContenderInfo


def by_simplicity(contenders: Sequence[ContenderInfo]) -> list[ContenderInfo]:
    """The contenders, simplest first.

    A contender is simpler if it states fewer moving parts. One that states none is more complex than any other. Equal
    ones keep the order of the run.
    """
    return sorted(contenders, key=lambda c: (c.moving_parts is None, len(c.moving_parts or ())))


def printed_order(contenders: Sequence[ContenderInfo]) -> list[tuple[str, str]]:
    """The order of simplicity for the page: each name with its moving parts."""
    return [(c.name, parts_of(c)) for c in by_simplicity(contenders)]


def parts_of(contender: ContenderInfo) -> str:
    """The moving parts of a contender in a phrase."""
    if contender.moving_parts is None:
        return "not stated, so it ranks last"
    return ", ".join(contender.moving_parts) or "none"
