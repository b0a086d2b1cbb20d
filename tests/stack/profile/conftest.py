"""A service of a user, profiled once for all tests here."""

from collections.abc import Iterator

import pytest
import redis

from stampede.stack.profile.server_profile import ServerProfile, take_profile
from stampede.stack.providers.scratch_redis import open_scratch_redis
from tests.stack.profile.profiled_servers import (
    FAST,
    busy_service,
    fill,
    new_database,
    quiet,
)


@pytest.fixture(scope="session")
def shop(postgres_url: str) -> Iterator[str]:
    """The URL of the user's database."""
    with new_database(postgres_url, "profiled_shop") as url:
        yield url


@pytest.fixture(scope="session")
def own_redis() -> Iterator[str]:
    """The URL of the user's Redis."""
    with open_scratch_redis() as (server,):
        with redis.Redis.from_url(server.url) as client:
            fill(client)
        yield server.url


@pytest.fixture(scope="session")
def busy(own_redis: str, shop: str) -> ServerProfile:
    """The profile of a service that answers nine of ten reads from its cache."""
    with busy_service(own_redis, shop):
        return take_profile(own_redis, shop, FAST, quiet)
