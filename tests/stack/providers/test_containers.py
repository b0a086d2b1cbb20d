"""Servers in containers, if an engine and the images are available. No test pulls an image."""

import subprocess

import psycopg
import pytest
import redis

from stampede.stack.providers.containers import COMPOSE_FILE, open_containers, why_no_engine


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def images() -> list[str]:
    missing = why_no_engine()
    if missing is not None:
        pytest.skip(missing)
    named = docker("compose", "-f", str(COMPOSE_FILE), "config", "--images").split()
    available = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    absent = [image for image in named if image not in available]
    if absent:
        pytest.skip(
            f"images that are not available: {', '.join(absent)} (STAMPEDE_POSTGRES_IMAGE, STAMPEDE_REDIS_IMAGE)"
        )
    return named


@pytest.mark.slow
def test_containers_answer_count_statements_and_are_removed(images: list[str]) -> None:
    def resources() -> set[str]:
        return set(docker("ps", "-aq").split()) | set(docker("volume", "ls", "-q").split())

    before = resources()
    with open_containers("tests", say=lambda _line: None) as stack:
        assert stack.remarks == ()
        assert stack.postgres.settings["max_connections"] == "300"
        assert stack.redis.settings["save"] == ""
        with psycopg.connect(stack.postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(stack.redis.url) as client:
            assert client.ping()
        assert len(resources()) >= len(before) + len(images)
    assert resources() == before


def test_the_ports_of_the_compose_file_are_published_on_loopback_only() -> None:
    published = [
        line.strip() for line in COMPOSE_FILE.read_text().splitlines() if line.strip().endswith(('5432"', '6379"'))
    ]
    assert len(published) == 2
    assert all(line.startswith('- "127.0.0.1:') for line in published)


def test_locusts_port_is_not_published_and_its_services_start_only_on_request() -> None:
    services = COMPOSE_FILE.read_text().split("\n  locust-")[1:]
    assert [part.split(":", 1)[0] for part in services] == ["prepare", "master", "worker"]
    for part in services:
        assert "profiles: [locust]" in part
        assert "ports:" not in part
