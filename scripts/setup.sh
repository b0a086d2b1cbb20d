#!/bin/sh
# Installs the packages of requirements.lock and this project into .venv. Every make target runs it first. If nothing
# has changed it ends within milliseconds. If .venv is incomplete or was moved, it is created again.
#   PYTHON=…  the interpreter; default: the first of the usual names that is new enough
#   uv        is taken from PATH, otherwise installed into .uv/; nothing outside this folder changes
#   lock      as the first argument: compile requirements.lock first (further arguments go to uv pip compile)
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)
state=.venv/stampede-setup

fail() {
    echo "setup: $*" >&2
    exit 1
}

wanted_state() { # changes whenever .venv has to be made again
    echo "$here" && cksum requirements.lock pyproject.toml scripts/setup.sh
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

installation() {
    "$1" -c 'import sys; print(sys.base_prefix, sys.version)' 2>/dev/null
}

as_requested() { # whether .venv uses the interpreter that PYTHON names, if it is set
    [ -z "${PYTHON:-}" ] || [ "$(installation "$PYTHON")" = "$(installation .venv/bin/python)" ]
}

ready() {
    [ -x .venv/bin/python ] && [ -f "$state" ] && [ "$(cat "$state")" = "$(wanted_state)" ] && as_requested
}

find_python() {
    without_venv=
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3 python}; do
        new_enough "$name" || continue
        python=$("$name" -c 'import sys; print(sys.executable)')
        if [ -n "$uv" ] || "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then return; fi
        without_venv=$python
    done
    [ -z "$without_venv" ] || fail "$without_venv cannot make virtual environments (Debian, Ubuntu: apt install python3-venv)"
    fail "${PYTHON:-nothing on PATH} is not Python 3.11 or newer (choose one: make setup PYTHON=/path/to/python3)"
}

find_uv() {
    uv=$(command -v uv || true)
    if [ -z "$uv" ] && .uv/venv/bin/uv --version >/dev/null 2>&1; then uv=$here/.uv/venv/bin/uv; fi
}

install_uv() {
    echo "setup: uv is not on PATH; installing it into .uv/"
    "$python" -m venv --clear .uv/venv || fail "$python -m venv failed (Debian, Ubuntu: apt install python3-venv)"
    .uv/venv/bin/python -m pip install --quiet --disable-pip-version-check uv || fail "pip could not install uv (see above)"
    uv=$here/.uv/venv/bin/uv
}

use_system_certificates() {
    if "$uv" help 2>/dev/null | grep -q -e --system-certs; then
        export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
    else
        export UV_NATIVE_TLS="${UV_NATIVE_TLS:-1}" # the older name
    fi
}

compile_lock() {
    "$uv" pip compile --quiet --universal --generate-hashes --all-extras --no-emit-index-url --python "$python" \
        --custom-compile-command "make lock" "$@" pyproject.toml --output-file requirements.lock
}

make_venv() {
    if [ "$(head -n 1 "$state" 2>/dev/null)" != "$here" ] || ! new_enough .venv/bin/python || ! as_requested; then
        rm -rf .venv
        "$uv" venv --quiet --no-project --python "$python" .venv
    fi
    rm -f "$state"
    # Bytecode is compiled here: with PYTHONDONTWRITEBYTECODE set, every command would compile pandas and others again.
    "$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
    # The lock also contains the build tools (hatchling, editables), so that nothing is fetched without a hash.
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
    wanted_state >"$state"
    echo "setup: .venv is ready ($(.venv/bin/python --version), from requirements.lock)"
}

if [ $# = 0 ] && ready; then exit 0; fi
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH
find_uv
find_python
mkdir -p .uv
exec 9>.uv/lock # one setup at a time: the lock belongs to the open file, so it ends when this process ends
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 9>&9
if [ $# = 0 ] && ready; then exit 0; fi
find_uv
if [ -z "$uv" ]; then install_uv; fi
use_system_certificates
if [ "${1:-}" = lock ]; then
    shift
    compile_lock "$@"
fi
make_venv
