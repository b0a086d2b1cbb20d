"""Selection of the contenders of a run, with the baselines and the A/A copy of the reference."""

import inspect
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Literal

from stampede.core.errors import ConfigError
from stampede.loadtests.instrumentation.baselines import BASELINES, EDGE_BASELINES, LIMITER_BASELINES
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
    """A contender, a baseline or an A/A copy, as a run names it."""

    name: str
    kind: Kind
    file: str | None = None
    copy_of: str | None = None
    family: Family = "caching"

    def pattern(self) -> type[CachePattern]:
        """The caching pattern that runs under this name."""
        if self.kind == "baseline":
            return (BASELINES | EDGE_BASELINES)[self.name]
        return find_contender(self.file or self.copy_of or self.name).pattern

    @property
    def opt_in(self) -> bool:
        """Whether it runs only in scenarios that name it."""
        return self.family == "caching" and self.kind == "contender" and self.pattern().opt_in

    @property
    def worker(self) -> str:
        """The kind of worker process that it needs; empty: none."""
        return self.pattern().requires if self.family == "caching" and self.kind == "contender" else ""

    def limiter(self) -> type[RateLimiter]:
        """The rate limiter that runs under this name."""
        if self.kind == "baseline":
            return LIMITER_BASELINES[self.name]
        return find_limiter(self.file or self.name).limiter

    def configured(self, ttl_s: float, key_prefix: str, entity: str = "user") -> Config:
        """The pattern's configuration under a scenario's TTL, for records of that type."""
        return self.pattern().config_type(ttl_s=ttl_s, key_prefix=key_prefix, entity=entity)

    def limited(self, flood: Flood, key_prefix: str = "") -> LimiterConfig:
        """The limiter's configuration under a scenario's limit."""
        return self.limiter().config_type(
            limit=flood.limit, window_s=flood.window_s, burst=flood.burst, key_prefix=key_prefix
        )

    def as_dict(self, floods: Mapping[str, Flood] | None = None) -> ContenderInfo:
        """The contender as the run folder stores it, with the pattern's default config; scenarios set TTL or limit.

        `floods`: by scenario, for rate limiters.
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
            moving_parts=None if pattern.moving_parts is None else list(pattern.moving_parts),
            mechanism=pattern.mechanism,
            on_write=pattern.on_write,
            reads_like=pattern.reads_like,
            foreign="a separate worker process also loads records and talks to Redis" if pattern.requires else "",
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
            moving_parts=None if limiter.moving_parts is None else list(limiter.moving_parts),
            mechanism=limiter.mechanism,
        )


def missing_dependency(name: str) -> str:
    """Why a built-in contender cannot run here, and how to install what it needs; empty if it can run."""
    extra = find_contender(name).pattern.requires
    if not extra or find_spec(extra) is not None:
        return ""
    return f"not installed: .venv/bin/pip install {extra} (the extra [{extra}])"


def script_commands(contender: type[CachePattern] | type[RateLimiter]) -> list[str]:
    """The Redis commands that the scripts in the contender's file call, spelled as commandstats spells them."""
    source = inspect.getsource(sys.modules[contender.__module__])
    return sorted({name.lower() for name in SCRIPT_CALL.findall(source)})


def check_name(found: Contender | LimitingContender, given: str, so_far: Mapping[str, ContenderSpec]) -> None:
    """Raise ConfigError if a user's file has the name of a baseline, of an A/A copy, or of another user's file."""
    if found.file is None:
        return
    of_a_copy = found.name.endswith("-again") and found.name.removesuffix("-again") in {*contenders(), *so_far}
    taken = found.name in {*BASELINES, *EDGE_BASELINES, *LIMITER_BASELINES} or of_a_copy
    other = so_far.get(found.name)
    if taken or (other is not None and other.file != found.file):
        raise ConfigError("contender", given, f"a file with another name: {found.name} is taken")


def select_contenders(
    named: Sequence[str],
    own_files: Sequence[str],
    *,
    reference: str,
    aa_copy: bool,
    families: Collection[Family] = CACHING,
) -> list[ContenderSpec]:
    """All that run in a round. `named`: built-in contenders, empty for all. `own_files` are added to them.

    `families`: the families that the run's scenarios need; contenders of another family do not run.
    Raises ConfigError for an unknown name, a file without a pattern, a user's file whose family has no scenario, or a
    reference that does not run.
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
    caching = [c.name for c in contender_specs.values() if c.family == "caching"]
    limiting = [c.name for c in contender_specs.values() if c.family == "limiting"]
    if limiting:
        contender_specs |= {
            name: ContenderSpec(name=name, kind="baseline", family="limiting") for name in LIMITER_BASELINES
        }
    if "caching" not in families or (limiting and not caching):
        return list(contender_specs.values())
    if reference not in caching:
        raise ConfigError("reference", reference, f"one of the contenders that run ({', '.join(caching)})")
    for baseline in BASELINES:
        contender_specs[baseline] = ContenderSpec(name=baseline, kind="baseline")
    if aa_copy:
        contender_specs |= {baseline: ContenderSpec(name=baseline, kind="baseline") for baseline in EDGE_BASELINES}
        copy_name = f"{reference}-again"
        contender_specs[copy_name] = ContenderSpec(
            name=copy_name, kind="aa-copy", file=contender_specs[reference].file, copy_of=reference
        )
    return list(contender_specs.values())
