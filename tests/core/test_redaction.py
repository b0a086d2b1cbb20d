"""`masked` removes passwords and tokens in every form, and keeps all other text."""

import json
import shlex
from urllib.parse import quote

import psycopg.conninfo
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.text.redaction import (
    command_line,
    hidden,
    masked,
    masked_command,
    masked_words,
    must_be_encoded,
    secrets_of,
    without_servers,
)

S = "q7-Zw.9x"
"""A secret without special characters of URLs."""

FORMS = {
    "redis://ann:q7-Zw.9x@cache.example:6379/0": "redis://ann:***@cache.example:6379/0",
    "redis://:q7-Zw.9x@cache.example": "redis://:***@cache.example",
    "rediss://q7-Zw.9x@cache.example/1": "rediss://***@cache.example/1",
    "rediss://q7-Zw.9x:@cache.example/1": "rediss://***@cache.example/1",
    "postgresql://ann:q7%2DZw%2E9x@[::1]:5432/app": "postgresql://ann:***@[::1]:5432/app",
    "postgresql://ann:q7-Zw.9x@one:1,two:2/app": "postgresql://ann:***@one:1,two:2/app",
    "redis://h/0?username=ann&password=q7-Zw.9x&db=2": "redis://h/0?username=ann&password=***&db=2",
    "redis://h/0?pass%77ord=q7-Zw.9x": "redis://h/0?pass%77ord=***",
    "postgres://ann@h/app?sslpassword=q7-Zw.9x": "postgres://***@h/app?sslpassword=***",
    "unix://ann:q7-Zw.9x@/run/redis.sock?db=0": "unix://ann:***@/run/redis.sock?db=0",
    "redis://h/0?password=a&q7-Zw.9x": "redis://h/0?password=***&***",
    "redis://ann:q7-Zw.9x": "redis://***",
    "host=h user=ann password=q7-Zw.9x dbname=app": "host=h user=ann password=*** dbname=app",
    r"host=h password='q7-Zw.9x it\'s' dbname=app": "host=h password=*** dbname=app",
    "host=h PASSWORD = q7-Zw.9x": "host=h PASSWORD = ***",
    "PGPASSWORD=q7-Zw.9x psql app": "PGPASSWORD=*** psql app",
    "REDISCLI_AUTH=q7-Zw.9x": "REDISCLI_AUTH=***",
    "STAMPEDE_REDIS_URL=redis://:q7-Zw.9x@h make bench": "STAMPEDE_REDIS_URL=redis://:***@h make bench",
    '{"password": "q7-Zw.9x", "port": 1}': '{"password": "***", "port": 1}',
    "{'host': 'h', 'password': 'q7-Zw.9x', 'db': 0}": "{'host': 'h', 'password': '***', 'db': 0}",
    "ALTER ROLE ann PASSWORD 'q7-Zw.9x'": "ALTER ROLE ann PASSWORD ***",
    "no answer from redis://:q7-Zw.9x@h:1/0 (refused)": "no answer from redis://:***@h:1/0 (refused)",
    "https://h/?next=redis%3A%2F%2F%3Aq7-Zw.9x%40h": "https://h/?next=redis://:***@h",
    "redis:/:q7-Zw.9x@h/0: no such folder": "redis:/***@h/0: no such folder",
    "see https%3A%2F%2Fann%3Aq7-Zw.9x%40h": "see https%3A%2F%2F***%40h",
}


@pytest.mark.parametrize(("text", "want"), FORMS.items())
def test_secret_is_hidden_in_every_form(text: str, want: str) -> None:
    """The secret is hidden; names and addresses stay."""
    assert masked(text) == want
    assert masked(want) == want


@pytest.mark.parametrize(
    "text",
    [
        "",
        "redis://cache.example:6379/0",
        "unix:///run/redis.sock?db=3",
        "postgresql:///app?host=/run/postgresql",
        "postgresql://h/app?application_name=me@work",
        "http://127.0.0.1:8089/load",
        "read-mostly: 200 requests/s, TTL = 0.5 s",
        "password authentication failed for user ann",
        "SELECT * FROM users WHERE id = %(id)s",
        "a@b.example wrote it",
    ],
)
def test_text_without_secret_is_not_changed(text: str) -> None:
    """Addresses, SQL and text about passwords stay."""
    assert masked(text) == text


RAW = ["#", "/", "?", "[", "]", "@", "%", " "]


@pytest.mark.parametrize("sign", RAW)
@pytest.mark.parametrize("url", ["redis://:{}@h:6379/0", "postgresql://ann:{}@127.0.0.1:5432/app", "redis://u:1{}@h/0"])
def test_password_with_unencoded_delimiter_is_hidden_whole(sign: str, url: str) -> None:
    """Holds for each delimiter of a driver. The same password, percent-encoded, is a valid URL."""
    secret = f"zya{sign}zyb"
    given = url.format(secret)
    assert must_be_encoded(given)
    assert "zy" not in masked(given)
    encoded = url.format(quote(secret, safe=""))
    assert not must_be_encoded(encoded)
    assert masked(given) == masked(encoded)


passwords = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"]), min_size=3)


@given(password=passwords, user=st.sampled_from(["", "ann"]))
def test_encoded_password_is_valid_for_drivers_and_hidden(password: str, user: str) -> None:
    """For any password, redis-py and libpq read it from the URL, and `masked` hides it."""
    url = f"redis://{user}:{quote(password, safe='')}@cache.example:6379/0"
    assert not must_be_encoded(url)
    with redis.Redis.from_url(url) as client:
        assert client.get_connection_kwargs()["password"] == password
    theirs = f"postgresql://ann:{quote(password, safe='')}@h/app"
    assert psycopg.conninfo.conninfo_to_dict(theirs)["password"] == password
    assert masked(url) == f"redis://{user}:***@cache.example:6379/0"
    assert masked(f"bench --redis {url} --seed 1") == f"bench --redis redis://{user}:***@cache.example:6379/0 --seed 1"
    assert password in secrets_of(url)


@given(password=passwords)
def test_password_is_hidden_in_connection_strings_and_json(password: str) -> None:
    """Holds for any password, quoted as libpq or JSON does."""
    dsn = psycopg.conninfo.make_conninfo(host="h", password=password, dbname="app")
    assert masked(dsn).split() == ["host=h", "password=***", "dbname=app"]
    assert json.loads(masked(json.dumps({"password": password, "n": 1}))) == {"password": "***", "n": 1}


def test_secrets_of_a_given_url_are_hidden_in_driver_errors() -> None:
    """psycopg and redis-py quote parts of an invalid URL, which patterns alone would not find."""
    url = "redis://:se%23cret-77@h:1/0"
    for text in ("cannot cast 'se#cret-77'", "cannot cast se%23cret-77", "port:se%23cret-77x"):
        assert "cret-77" not in masked(text, url)
    spaced = "no pool for redis://u:se cret-77@h"
    assert masked(spaced, "redis://:se%20cret-77@h") == "no pool for redis://u:***@h"
    assert masked("invalid port 'pw'", "redis://:pw@h") == "invalid port '***'"
    assert masked("powder", "redis://:ow@h") == "powder"


def test_stored_command_has_its_words_without_secrets() -> None:
    """A stored command can be split into words again."""
    words = ["bench", "--redis", "redis://:a b'c@h/0", "--postgres=host=h password=x", "--seed", "7", "--only", "a b"]
    stored = command_line(words)
    assert shlex.split(stored) == [
        *("stampede", "bench", "--redis", "redis://:***@h/0", "--postgres=host=h password=***"),
        *("--seed", "7", "--only", "a b"),
    ]
    assert masked_command(stored) == stored
    assert without_servers(shlex.split(stored)) == ["stampede", "bench", "--seed", "7", "--only", "a b"]


def test_server_option_that_is_not_a_url_is_hidden_whole() -> None:
    """Without a scheme, no pattern would find the password."""
    assert masked_words(["--redis", ":pw@h:6379", "--postgres=u:pw", "--redis", "h:6379/0"]) == [
        *("--redis", "***", "--postgres=***", "--redis", "h:6379/0")
    ]


def test_command_of_an_earlier_version_is_masked_when_read() -> None:
    """Older run folders contain unmasked URLs."""
    assert masked_command("stampede bench --redis 'redis://h?password=x y' --seed 1") == (
        "stampede bench --redis 'redis://h?password=***' --seed 1"
    )
    assert masked_command("stampede bench --redis 'redis://:x@h") == "stampede bench --redis 'redis://:***@h"


def test_secrets_are_hidden_everywhere_in_json() -> None:
    """Numbers, booleans and null are not changed."""
    deep = {"why": "redis://:x@h", "rows": [1, None, True, ("PGPASSWORD=x",)]}
    assert hidden(deep) == {"why": "redis://:***@h", "rows": [1, None, True, ["PGPASSWORD=***"]]}
