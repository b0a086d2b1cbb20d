"""Servers in containers: runs docker-compose.yml with its own project name, ports and password for each run."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from stampede.core.errors import NoContainers
from stampede.core.files import PACKAGE
from stampede.core.network import free_port
from stampede.stack.fault_control.redis_faults import ContainerRedisFaults
from stampede.stack.postgres.postgres_server import USER, connect, inspect_postgres
from stampede.stack.redis.redis_server import answers, inspect_redis
from stampede.stack.servers import Stack
from stampede.stack.supervisor.supervisor_client import supervised

COMPOSE_FILE = (PACKAGE / "docker-compose.yml").resolve()
ENGINE_WITHIN_S = 3.0
PULL_WITHIN_S = 600.0
UP_WITHIN_S = 120.0
SWITCH_WITHIN_S = 10.0


def why_no_engine() -> str | None:
    """The reason why containers cannot be started. None: a Docker engine with Compose answers."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    for argv, missing in (
        (["docker", "version", "--format", "{{.Server.Version}}"], "no Docker engine answers"),
        (["docker", "compose", "version"], "docker has no compose command"),
    ):
        try:
            done = subprocess.run(argv, capture_output=True, timeout=ENGINE_WITHIN_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return missing
        if done.returncode != 0:
            return missing
    return None


@contextmanager
def open_containers(why: str, say: Callable[[str], None]) -> Iterator[Stack]:
    """Start both services. They and their data are removed when the block ends, however it ends. Raises NoContainers.

    Docker gets the unchanged environment, in which the variables of the file (images, ports, password) can be set.
    Ports and the password are random if they are not set.
    """
    missing = why_no_engine()
    if missing is not None:
        raise NoContainers(f"a Docker engine with Compose: {missing}")
    random_values = {
        "STAMPEDE_POSTGRES_PORT": str(free_port()),
        "STAMPEDE_REDIS_PORT": str(free_port()),
        "STAMPEDE_PASSWORD": secrets.token_hex(16),
    }
    environment = random_values | os.environ
    project = f"stampede-{secrets.token_hex(4)}"
    compose = ["docker", "compose", "-p", project, "-f", str(COMPOSE_FILE)]
    with supervised() as supervisor:
        pull_missing_images(compose, environment, say)
        supervisor.at_end([*compose, "down", "-v", "--timeout", "2"], env=environment, cwd=COMPOSE_FILE.parent)
        say("starting containers of PostgreSQL and Redis")
        docker([*compose, "up", "-d", "--wait", "--pull", "never"], environment, UP_WITHIN_S, "services that start")
        password = quote(environment["STAMPEDE_PASSWORD"], safe="")
        postgres_url = f"postgresql://{USER}:{password}@127.0.0.1:{environment['STAMPEDE_POSTGRES_PORT']}/postgres"
        redis_url = f"redis://:{password}@127.0.0.1:{environment['STAMPEDE_REDIS_PORT']}/0"
        with connect(postgres_url) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        postgres, postgres_remarks = inspect_postgres(postgres_url)
        redis, redis_remarks = inspect_redis(redis_url)
        faults = ContainerRedisFaults(
            lambda words: docker([*compose, *words], environment, SWITCH_WITHIN_S, f"a Redis container to {words[0]}"),
            "redis",
            lambda: answers(redis_url),
        )
        yield Stack(
            provider="containers",
            why=why,
            postgres=postgres,
            redis=redis,
            managed=True,
            remarks=(*postgres_remarks, *redis_remarks),
            directory=supervisor.directory,
            register_child=supervisor.register_child,
            ended=supervisor.ended,
            redis_faults=faults,
        )


def pull_missing_images(compose: list[str], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    images = docker([*compose, "config", "--images"], environment, ENGINE_WITHIN_S * 3, "a valid compose file")
    for image in sorted(set(images.split())):
        inspected = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
        if inspected.returncode != 0:
            say(f"pulling {image}")
            docker(["docker", "pull", "--quiet", image], environment, PULL_WITHIN_S, f"image {image}")


def docker(argv: list[str], environment: Mapping[str, str], within_s: float, want: str) -> str:
    """Run docker. Returns its output. Raises NoContainers with the last line of its error output."""
    try:
        done = subprocess.run(
            argv,
            env=environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as late:
        raise NoContainers(f"{want} within {within_s:.0f} s") from late
    except OSError as error:
        raise NoContainers(f"{want} ({error.strerror})") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["docker printed no error"]
        raise NoContainers(f"{want} ({lines[-1]})")
    return done.stdout
