"""Each format of traces becomes the same columns; the first lines decide which it is; malformed lines are bounded."""

import gzip
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stampede.core.errors import ConfigError, UserError
from stampede.scenarios.traffic.trace_files import line_blocks
from stampede.scenarios.traffic.trace_files.formats import access_log
from stampede.scenarios.traffic.trace_files.key_hashing import hash_texts
from stampede.scenarios.traffic.trace_files.trace_reader import FORMAT_NAMES, open_trace

Row = tuple[float | None, str, str, int, float | None]
"""Time, key, operation, size, TTL."""

TWITTER = "100,a:1,3,213,4,get,0\n101,b,1,27,18,set,3600\n101,b,1,0,2,get,0\n103,a:1,3,0,5,delete,0\n"
TWITTER_ROWS: list[Row] = [
    (0, "a:1", "read", 213, None),
    (1, "b", "write", 27, 3600),
    (1, "b", "read", -1, None),
    (3, "a:1", "delete", -1, None),
]
META_2022 = "key,op,size,op_count,key_size\n17,SET,82,1,40\n17,GET,0,2,40\n"
META_2022_READ: Row = (None, "17", "read", -1, None)
META_2022_ROWS: list[Row] = [(None, "17", "write", 82, None), META_2022_READ, META_2022_READ]
META_2024 = (
    "op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase\n"
    "604038471,8a,48,GET_LEASE,1,87,1,0,3,4\n604038473,8b,67,SET,2,65,0,7200,2,6\n604038473,8b,67,DELETE,1,0,0,,2,6\n"
)
META_2024_ROWS: list[Row] = [
    (0, "8a", "read", 87, None),
    (2, "8b", "write", 65, 7200),
    (2, "8b", "write", 65, 7200),
    (2, "8b", "delete", -1, None),
]
MONITOR = r"""OK
1339518083.107412 [0 127.0.0.1:60866] "get" "x"
1339518083.607412 [0 lua] "SET" "a\"b\x00\n" "val\\ue" "PX" "1500" "NX"
1339518084.107412 [3 unix:/run/redis.sock] "SETEX" "x" "60" "12345"
1339518085.107412 [0 [::1]:60866] "MGET" "x" "y"
1339518085.107412 [0 127.0.0.1:60866] "EVALSHA" "abc" "1" "x"
1339518085.107412 [0 127.0.0.1:60866] "PING"
1339518086.107412 [0 127.0.0.1:60866] "del" "x" "y"
1339518087.107412 [0 127.0.0.1:60866] "mset" "p" "12" "q" "345"
"""
MONITOR_ROWS: list[Row] = [
    (0, "x", "read", -1, None),
    (0.5, 'a"b\x00\n', "write", 6, 1.5),
    (1, "x", "write", 5, 60),
    (2, "x", "read", -1, None),
    (2, "y", "read", -1, None),
    (2, "", "other", -1, None),
    (2, "", "other", -1, None),
    (3, "x", "delete", -1, None),
    (3, "y", "delete", -1, None),
    (4, "p", "write", 2, None),
    (4, "q", "write", 3, None),
]
LOG = (
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /products/17?ref=mail HTTP/1.0" 200 2326\n'
    '::1 - - [10/Oct/2000:22:55:38 +0200] "PUT /products/17 HTTP/1.1" 204 - "-" "agent \\"x\\""\n'
    '10.0.0.1 - - [10/Oct/2000:20:55:39 +0000] "GET /none HTTP/1.1" 404 153 "-" "curl/8"\n'
    '10.0.0.1 - - [10/Oct/2000:20:55:40 +0000] "DELETE /products/17 HTTP/1.1" 500 0\n'
    '10.0.0.1 - - [10/Oct/2000:20:55:40 +0000] "\\x16\\x03\\x01" 400 0\n'
)
LOG_ROWS: list[Row] = [
    (0, "/products/17", "read", 2326, None),
    (2, "/products/17", "write", -1, None),
    (3, "/none", "read", -1, None),
    (4, "/products/17", "delete", -1, None),
    (4, "", "other", -1, None),
]
CSV_HEADER = 'ttl,operation,time_ms,country,key,size\n60,SET,5000,at,"a,b",10\n,get,5500,de,c,\n'
CSV_HEADER_ROWS: list[Row] = [(0, "a,b", "write", 10, 60), (0.5, "c", "read", -1, None)]
CSV_BARE = "1.5,a,get,10\n2,b,set,20\n2.25,c,touch,0\n"
CSV_BARE_ROWS: list[Row] = [(0, "a", "read", 10, None), (0.5, "b", "write", 20, None), (0.75, "c", "other", 0, None)]
CSV_ISO = "date,path\n2026-03-01T10:00:00.25Z,/a\n2026-03-01 11:00:01+01:00,/b\n"
CSV_ISO_ROWS: list[Row] = [(0, "/a", "read", -1, None), (0.75, "/b", "read", -1, None)]
CSV_LOCAL = "2026-03-01 10:00:00,a,set\n2026-03-01 10:00:01.5,b,get\n"
CSV_LOCAL_ROWS: list[Row] = [(0, "a", "write", -1, None), (1.5, "b", "read", -1, None)]
CSV_NANOSECONDS = "time_ns,key\n1700000000000000000,a\n1700000000500000000,b\n"
CSV_NANOSECONDS_ROWS: list[Row] = [(0, "a", "read", -1, None), (0.5, "b", "read", -1, None)]
CSV_TWO = "1,a\n2,b\n"
CSV_TWO_ROWS: list[Row] = [(0, "a", "read", -1, None), (1, "b", "read", -1, None)]

CASES = [
    ("twitter", TWITTER, TWITTER_ROWS),
    ("meta", META_2022, META_2022_ROWS),
    ("meta", META_2024, META_2024_ROWS),
    ("redis-monitor", MONITOR, MONITOR_ROWS),
    ("access-log", LOG, LOG_ROWS),
    ("csv", CSV_HEADER, CSV_HEADER_ROWS),
    ("csv", CSV_BARE, CSV_BARE_ROWS),
    ("csv", CSV_TWO, CSV_TWO_ROWS),
    ("csv", CSV_ISO, CSV_ISO_ROWS),
    ("csv", CSV_LOCAL, CSV_LOCAL_ROWS),
    ("csv", CSV_NANOSECONDS, CSV_NANOSECONDS_ROWS),
]
OPERATIONS = ("read", "write", "delete", "other")


def written(tmp_path: Path, data: str | bytes) -> Path:
    """A file with these contents."""
    path = tmp_path / "trace"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def columns(path: Path, format: str | None = None) -> dict[str, list[object]]:
    """All chunks of a file, joined. Unknown times and TTLs are None."""
    joined: dict[str, list[object]] = {"time_s": [], "key": [], "operation": [], "size_bytes": [], "ttl_s": []}
    for chunk in open_trace(path, format):
        assert chunk.key.dtype == np.uint64
        for name, values in joined.items():
            column = getattr(chunk, name).tolist()
            values += [None if isinstance(value, float) and math.isnan(value) else value for value in column]
    return joined


def expected(rows: Sequence[Row]) -> dict[str, list[object]]:
    """The columns of rows."""
    return {
        "time_s": [pytest.approx(time, abs=1e-6) if time is not None else None for time, *_ in rows],
        "key": list(hash_texts([key.encode() for _, key, *_ in rows]).tolist()),
        "operation": [OPERATIONS.index(operation) for _, _, operation, *_ in rows],
        "size_bytes": [size for *_, size, _ in rows],
        "ttl_s": [ttl for *_, ttl in rows],
    }


@pytest.mark.parametrize(("name", "text", "rows"), CASES)
@pytest.mark.parametrize("form", ["plain", "crlf", "gzip", "zstd", "no last newline"])
def test_format_is_recognised_and_read(name: str, text: str, rows: list[Row], form: str, tmp_path: Path) -> None:
    """The first lines decide on the format, and the columns are those of its definition, compressed or not."""
    data = text.encode()
    if form == "crlf":
        data = data.replace(b"\n", b"\r\n")
    elif form == "gzip":
        data = gzip.compress(data[:40]) + gzip.compress(data[40:])
    elif form == "zstd":
        data = zstandard.compress(data[:40]) + zstandard.compress(data[40:])
    elif form == "no last newline":
        data = data.rstrip(b"\n")
    path = written(tmp_path, data)
    assert open_trace(path).format.name == name
    assert columns(path) == expected(rows)
    assert columns(path, name) == expected(rows)


@given(block_bytes=st.integers(1, 4_000), case=st.sampled_from(CASES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_do_not_depend_on_where_blocks_end(
    block_bytes: int, case: tuple[str, str, list[Row]], tmp_path: Path
) -> None:
    """A file read in blocks of any length has the same format and requests, also beyond the lines that decide on it."""
    name, text, rows = case
    header = text.splitlines()[0] if name == "meta" or text.startswith(("ttl", "date", "time_ns")) else ""
    body = text.removeprefix(header).lstrip("\n")
    repeated = 60 // len(body.splitlines()) + 1
    path = written(tmp_path, (f"{header}\n" if header else "") + body * repeated)
    rows = rows * repeated
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK_BYTES", block_bytes)
        assert columns(path) == expected(rows)


def test_a_field_may_not_span_lines(tmp_path: Path) -> None:
    """A quotation mark that its line does not close makes that line malformed, and none of those after it."""
    path = written(tmp_path, CSV_BARE * 100 + '3,"a,get,1\n4,b",get,1\n')
    trace = open_trace(path)
    assert sum(len(chunk) for chunk in trace) == 301
    assert trace.first_malformed == (301, "unexpected end of data")


def test_errors_in_an_access_log_are_requests_and_are_counted(tmp_path: Path) -> None:
    """Answers 4xx and 5xx stay in the trace, and the reader counts them."""
    trace = open_trace(written(tmp_path, LOG))
    assert sum(len(chunk) for chunk in trace) == 5
    assert trace.counts == {access_log.CLIENT_ERRORS: 2, access_log.SERVER_ERRORS: 1}


MALFORMED = [
    ("twitter", TWITTER * 100, "x,a,1,2,3,get,0", "time 'x'"),
    ("twitter", TWITTER * 100, "1,a,1,2,get,0", "6 fields in place of 7"),
    ("twitter", TWITTER * 100, "1,,1,2,3,get,0", "an empty key"),
    ("twitter", TWITTER * 100, "inf,a,1,2,3,get,0", "time 'inf'"),
    ("twitter", TWITTER * 100, "1,a,1,-2,3,get,0", "value size '-2'"),
    ("meta", META_2024 + META_2024.split("\n")[1].join(["", "\n"]) * 300, "1,a,1,GET,0,1,1,0,1,1", "op_count '0'"),
    ("meta", META_2024 + META_2024.split("\n")[1].join(["", "\n"]) * 300, "1,a,1,GET,x,1,1,0,1,1", "op_count 'x'"),
    ("redis-monitor", MONITOR * 40, "1339518085.1 [0 127.0.0.1:1] get x", "not a line of MONITOR"),
    ("access-log", LOG * 50, "hello", "not a line of an access log"),
    ("access-log", LOG * 50, '1 - - [40/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1', "time '40/Oct/2000"),
    ("csv", CSV_BARE * 100, '1,a,get,"', "unexpected end of data"),
    ("csv", CSV_LOCAL * 100, "2026-03-01 10:00:01Z,b,get", "time '2026-03-01 10:00:01Z'"),
    ("csv", CSV_LOCAL * 100, "2026-02-31 10:00:01,b,get", "time '2026-02-31 10:00:01'"),
    ("csv", CSV_BARE * 100, "nan,a,get,1", "time 'nan'"),
]


@pytest.mark.parametrize(("name", "text", "bad", "problem"), MALFORMED)
def test_a_malformed_line_is_skipped_and_named(name: str, text: str, bad: str, problem: str, tmp_path: Path) -> None:
    """One malformed line among hundreds is left out; its number and what is wrong are kept."""
    lines = text.splitlines()
    place = len(lines) // 2
    path = written(tmp_path, "\n".join([*lines[:place], bad, *lines[place:]]))
    trace = open_trace(path, name)
    requests = sum(len(chunk) for chunk in trace)
    assert trace.malformed == 1
    assert trace.first_malformed is not None
    assert trace.first_malformed.line == place + 1
    assert problem.split(" in place")[0].lstrip("0123456789 ") in trace.first_malformed.problem
    without = open_trace(written(tmp_path, text), name)
    assert requests == sum(len(chunk) for chunk in without)
    assert trace.lines == len(lines) + 1


def test_too_many_malformed_lines_are_refused(tmp_path: Path) -> None:
    """Above one line of a hundred, the file is refused in one line that names the first of them."""
    lines = (TWITTER * 30).splitlines()
    path = written(tmp_path, "\n".join([*lines[:50], "bad", "worse", *lines[50:]]))
    with pytest.raises(UserError, match=r"trace: line 51: 1 fields in place of 7; so 2 of 122 lines .* at most 1%"):
        columns(path)
    many = written(tmp_path, TWITTER * 30 + "bad\n" * 100_000)
    trace = open_trace(many)
    with pytest.raises(UserError, match="line 121"):
        list(trace)


REFUSED = [
    (b"", "no lines"),
    (b"\n\n", "no lines"),
    (b"hello world\n", "line 1: 'hello world' is of no known format"),
    (bytes(range(256)) * 10, "is of no known format"),
    (b"key,op,size\n", "--format"),
    (gzip.compress(TWITTER.encode() * 100)[:-20], "wanted: a whole file"),
    (zstandard.compress(TWITTER.encode() * 100)[:6] + b"xxxxxxxxxxx", "wanted: a whole file"),
    (b"x" * 9_000_000, "is longer than"),
]


@pytest.mark.parametrize(("data", "problem"), REFUSED)
def test_a_file_that_is_no_trace_is_refused(data: bytes, problem: str, tmp_path: Path) -> None:
    """An empty, binary, damaged or foreign file raises an error of the user's in one line."""
    path = written(tmp_path, data)
    if data.startswith(b"key,op,size"):
        with pytest.raises(UserError, match="no column op_count"):
            columns(path, "meta")
        return
    with pytest.raises(UserError) as found:
        columns(path)
    assert problem in str(found.value)
    assert str(found.value).startswith(str(path))
    assert "\n" not in str(found.value)


def test_unknown_formats_and_missing_files_are_refused(tmp_path: Path) -> None:
    """An unknown --format names the known ones; a missing file, a folder and a FIFO are named."""
    path = written(tmp_path, TWITTER)
    with pytest.raises(ConfigError, match=r"--format: 'tw' .wanted: one of redis-monitor, access-log"):
        open_trace(path, "tw")
    for wrong in (tmp_path / "missing", tmp_path):
        with pytest.raises(UserError, match="wanted"):
            open_trace(wrong)


FRAGMENTS = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([line.encode() for _, text, _ in CASES for line in text.splitlines()]),
        st.sampled_from(
            [b",", b'"', b"\r", b"\0", b"1e999,a", b"-1,a,get", b"\xff,\xff,get,1", b"9e18,a", b"1,\xe4,get"]
        ),
    ),
    max_size=12,
)


@given(fragments=FRAGMENTS, name=st.sampled_from(FORMAT_NAMES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused_in_one_line(fragments: list[bytes], name: str, tmp_path: Path) -> None:
    """Whatever a file contains, it has requests with sound columns, or an error of the user's names it."""
    path = written(tmp_path, b"\n".join(fragments))
    refusal = None
    try:
        for chunk in open_trace(path, name):
            assert np.all((chunk.operation >= 0) & (chunk.operation <= 3))
            assert np.all(chunk.size_bytes >= -1)
            assert not np.any(np.isinf(chunk.time_s))
    except UserError as error:
        refusal = str(error)
    assert refusal is None or (refusal.startswith(str(path)) and "\n" not in refusal)


def test_a_key_may_have_any_bytes(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are part of a key, with and without a malformed line in the same block."""
    data = "1,ä,get\n".encode("latin-1") * 300
    for bad in (b"", b"x,y\n"):
        assert set(columns(written(tmp_path, data + bad))["key"]) == set(hash_texts(["ä".encode("latin-1")]).tolist())
