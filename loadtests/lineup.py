"""Who runs: the contenders, the rulers that stand as bounds beside them, and the reference's twin."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from artefact.schema import ContenderInfo
from loadtests.rulers import RULERS
from patterns.caching.base import CachePattern, Config
from patterns.catalogue import contenders, find_contender
from patterns.errors import ConfigError

Kind = Literal["contender", "ruler", "twin"]


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """One row of every table."""

    name: str
    kind: Kind
    file: str | None = None
    twin_of: str | None = None

    def pattern(self) -> type[CachePattern]:
        """The class that runs under this name."""
        if self.kind == "ruler":
            return RULERS[self.name]
        return find_contender(self.file or self.twin_of or self.name).pattern

    def configured(self, ttl_s: float, key_prefix: str) -> Config:
        return self.pattern().config_type(ttl_s=ttl_s, key_prefix=key_prefix)

    def described(self) -> ContenderInfo:
        """In its own words, for the run folder. The config is that of the pattern; scenarios set the TTL."""
        pattern = self.pattern()
        return ContenderInfo(
            name=self.name,
            kind=self.kind,
            summary=pattern.summary,
            promises=sorted(promise.name for promise in pattern.promises),
            config=pattern.config_type().described(),
            client=asdict(pattern.client),
            twin_of=self.twin_of,
            file=self.file,
        )


def line_up(named: Sequence[str], own_files: Sequence[str], *, reference: str, twin: bool) -> list[Entrant]:
    """Everyone who runs in a round. `named`: which of ours; none named: all. `own_files` come on top.

    Raises ConfigError for a name that nobody has, a file without a pattern, or a reference that does not run.
    """
    entrants: dict[str, Entrant] = {}
    for given in [*(named or contenders()), *own_files]:
        found = find_contender(given)
        entrants[found.name] = Entrant(name=found.name, kind="contender", file=found.file)
    if reference not in entrants:
        raise ConfigError("reference", reference, f"one of the contenders that run ({', '.join(entrants)})")
    for ruler in RULERS:
        entrants[ruler] = Entrant(name=ruler, kind="ruler")
    if twin:
        again = f"{reference}-again"
        entrants[again] = Entrant(name=again, kind="twin", file=entrants[reference].file, twin_of=reference)
    return list(entrants.values())
