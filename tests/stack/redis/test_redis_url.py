"""A Redis URL that redis-py would misread, or that would change the measurement, is refused in one line."""

from pathlib import Path

import pytest

from stampede.core.errors import StackError
from stampede.stack.redis.redis_url import check_redis_url

REFUSED = [
    ("redis://cache/shop", "number of a database"),
    ("redis://cache/0x1", "number of a database"),
    ("redis://cache/-1", "number of a database"),
    ("redis://cache/1/2", "number of a database"),
    ("redis://cache/?db=one", "host"),
    ("redis://cache:six/0", "host"),
    ("http://cache:6379/0", "rediss://"),
    ("cache:6379", "rediss://"),
    ("", "rediss://"),
    ("unix://", "path/of/the/socket"),
    ("redis://cache?decode_responses=1", "no decode_responses"),
    ("redis://cache?encoding=latin-1", "no encoding"),
    ("redis://cache?socket_timeout=5", "no socket_timeout"),
    ("redis://cache?max_connections=3", "no max_connections"),
    ("redis://cache?health_check_interval=1", "no health_check_interval"),
    ("redis://cache?retry_on_timeout=true", "no retry_on_timeout"),
    ("redis://cache?tls=true", "unknown option 'tls'"),
    ("redis://cache?Protocol=3", "unknown option 'Protocol'"),
    ("unix:///socket?password=x&dbname=1", "unknown option 'dbname'"),
    ("redis://cache?ssl_cert_reqs=none", "rediss://"),
    ("unix:///socket?ssl_ca_certs=ca.pem", "rediss://"),
    ("rediss://cache?ssl_ca_certs=/there/is/none.pem", "a file that exists"),
    ("rediss://cache?sslrootcert=ca.pem", "unknown option 'sslrootcert'"),
]

ACCEPTED = [
    "redis://cache",
    "redis://cache/",
    "redis://cache:6380/15",
    "redis://[::1]:6379/0",
    "redis://user:p%2Fw%23@cache/0",
    "redis://cache?db=3&client_name=me&protocol=2",
    "rediss://cache/1?ssl_cert_reqs=none&ssl_check_hostname=false",
    "unix:///run/redis.sock?db=2",
    "unix://user:pw@/run/redis.sock",
]


@pytest.mark.parametrize(("url", "expected"), REFUSED)
def test_a_url_that_would_be_misread_is_a_one_line_error_with_the_remedy(url: str, expected: str) -> None:
    with pytest.raises(StackError) as refused:
        check_redis_url(url)
    assert expected in refused.value.want
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", ACCEPTED)
def test_a_valid_url_is_accepted(url: str) -> None:
    check_redis_url(url)


def test_a_certificate_that_exists_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    check_redis_url(f"rediss://cache?ssl_ca_certs={tmp_path}/ca.pem")


def test_a_password_is_not_shown() -> None:
    with pytest.raises(StackError) as refused:
        check_redis_url("redis://user:hidden@cache/shop")
    assert "hidden" not in str(refused.value)
