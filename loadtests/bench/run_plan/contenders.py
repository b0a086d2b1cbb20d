"""Who runs: the contenders, the rulers that stand as bounds beside them, and the reference's twin."""

import inspect
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Literal

from stampede.core.errors import ConfigError
from stampede.loadtests.instrumentation.baselines import EDGE_BASELINES, LIMITING_RULERS, RULERS
from stampede.patterns.caching.cache_pattern import CachePattern, Config
from stampede.patterns.contender_registry import (
    Contender,
    LimitingContender,
    contenders,
    find,
    find_contender,
    find_limiter,
    limiters,
)
from stampede.patterns.rate_limiting.rate_limiter import LimiterConfig, RateLimiter
from stampede.run_folder.schema import ContenderInfo
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.scenario import Kind as Family

Kind = Literal["contender", "baseline", "aa-copy"]
CACHING: frozenset[Family] = frozenset({"caching"})

SCRIPT_CALL = re.compile(r"""redis\.p?call\(\s*['"](\w+)['"]""")


@dataclass(frozen=True, kw_only=True)
class ContenderSpec:
    """One row of every table."""

    name: str
    kind: Kind
    file: str | None = None
    copy_of: str | None = None
    family: Family = "caching"

    def pattern(self) -> type[CachePattern]:
        """The class that runs under this name, of a caching contender."""
        if self.kind == "baseline":
            return (RULERS | EDGE_BASELINES)[self.name]
        return find_contender(self.file or self.copy_of or self.name).pattern

    @property
    def opt_in(self) -> bool:
        """Whether it runs only in scenarios that name it."""
        return self.family == "caching" and self.kind == "contender" and self.pattern().opt_in

    @property
    def worker(self) -> str:
        """Which worker process of its own it needs beside it; empty: none."""
        return self.pattern().requires if self.family == "caching" and self.kind == "contender" else ""

    def limiter(self) -> type[RateLimiter]:
        """The class that runs under this name, of a rate limiter."""
        if self.kind == "baseline":
            return LIMITING_RULERS[self.name]
        return find_limiter(self.file or self.name).limiter

    def configured(self, ttl_s: float, key_prefix: str) -> Config:
        return self.pattern().config_type(ttl_s=ttl_s, key_prefix=key_prefix)

    def limited(self, flood: Flood, key_prefix: str = "") -> LimiterConfig:
        return self.limiter().config_type(
            limit=flood.limit, window_s=flood.window_s, burst=flood.burst, key_prefix=key_prefix
        )

    def as_dict(self, floods: Mapping[str, Flood] | None = None) -> ContenderInfo:
        """In its own words, for the run folder. The config is that of the pattern; scenarios set the TTL or the limit.

        `floods`: by scenario, where rate limiters run.
        """
        if self.family == "limiting":
            return self._described_limiter(floods or {})
        pattern = self.pattern()
        return ContenderInfo(
            name=self.name,
            kind=self.kind,
            summary=pattern.summary,
            guarantees=sorted(guarantee.name for guarantee in pattern.guarantees),
            config=pattern.config_type().as_dict(),
            client=asdict(pattern.client),
            copy_of=self.copy_of,
            file=self.file,
            script_commands=script_commands(pattern),
            foreign="a worker process of its own loads and talks to Redis too" if pattern.requires else "",
        )

    def _described_limiter(self, floods: Mapping[str, Flood]) -> ContenderInfo:
        limiter = self.limiter()
        return ContenderInfo(
            name=self.name,
            kind=self.kind,
            summary=limiter.summary,
            guarantees=[],
            config=limiter.config_type().as_dict(),
            client=asdict(limiter.client),
            file=self.file,
            family="limiting",
            contracts={name: limiter.contract_for(self.limited(flood)).as_dict() for name, flood in floods.items()},
            script_commands=script_commands(limiter),
        )


def missing_dependency(name: str) -> str:
    """Why one of ours cannot run here, and what helps; empty where it can."""
    extra = find_contender(name).pattern.requires
    if not extra or find_spec(extra) is not None:
        return ""
    return f"not installed: .venv/bin/pip install {extra} (the extra [{extra}])"


def script_commands(contender: type[CachePattern] | type[RateLimiter]) -> list[str]:
    """The commands that scripts in the contender's file name, spelled as commandstats does."""
    source = inspect.getsource(sys.modules[contender.__module__])
    return sorted({name.lower() for name in SCRIPT_CALL.findall(source)})


def check_name(found: Contender | LimitingContender, given: str, so_far: Mapping[str, ContenderSpec]) -> None:
    """Raise ConfigError where a file of the user's has the name of a ruler, a twin, or another of the user's files."""
    if found.file is None:
        return
    of_a_twin = found.name.endswith("-again") and found.name.removesuffix("-again") in {*contenders(), *so_far}
    taken = found.name in {*RULERS, *EDGE_BASELINES, *LIMITING_RULERS} or of_a_twin
    other = so_far.get(found.name)
    if taken or (other is not None and other.file != found.file):
        raise ConfigError("contender", given, f"a file of another name: {found.name} is taken")


def select_contenders(
    named: Sequence[str],
    own_files: Sequence[str],
    *,
    reference: str,
    aa_copy: bool,
    families: Collection[Family] = CACHING,
) -> list[ContenderSpec]:
    """Everyone who runs in a round. `named`: which of ours; none named: all. `own_files` come on top.

    `families`: what the run's scenarios are about; who is of another does not run.
    Raises ConfigError for a name that nobody has, a file without a pattern, a file of the user's whose family has no
    scenario, or a reference that does not run.
    """
    contender_specs: dict[str, ContenderSpec] = {}
    ours = [name for name in contenders() if not missing_dependency(name)]
    for given in [*(named or [*ours, *limiters()]), *own_files]:
        found = find(given)
        if given in contenders() and missing_dependency(given):
            raise ConfigError("contender", given, f"a contender that can run here ({missing_dependency(given)})")
        family: Family = "limiting" if isinstance(found, LimitingContender) else "caching"
        check_name(found, given, contender_specs)
        if family in families:
            contender_specs[found.name] = ContenderSpec(
                name=found.name, kind="contender", file=found.file, family=family
            )
        elif given in own_files:
            raise ConfigError("contender", given, f"a contender for {' and '.join(sorted(families))} scenarios")
    caching = [e.name for e in contender_specs.values() if e.family == "caching"]
    limiting = [e.name for e in contender_specs.values() if e.family == "limiting"]
    if limiting:
        contender_specs |= {
            name: ContenderSpec(name=name, kind="baseline", family="limiting") for name in LIMITING_RULERS
        }
    if "caching" not in families or (limiting and not caching):
        return list(contender_specs.values())
    if reference not in caching:
        raise ConfigError("reference", reference, f"one of the contenders that run ({', '.join(caching)})")
    for ruler in RULERS:
        contender_specs[ruler] = ContenderSpec(name=ruler, kind="baseline")
    if aa_copy:
        contender_specs |= {ruler: ContenderSpec(name=ruler, kind="baseline") for ruler in EDGE_BASELINES}
        again = f"{reference}-again"
        contender_specs[again] = ContenderSpec(
            name=again, kind="aa-copy", file=contender_specs[reference].file, copy_of=reference
        )
    return list(contender_specs.values())
