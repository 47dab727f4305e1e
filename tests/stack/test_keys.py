"""Keys are made once, are never the same twice, and belong to their owner."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from compose_file import PROJECT
from cryptography.fernet import Fernet

LOCATION = "airflow@postgres:5432/airflow"


def make(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    # As open as can be: what is closed, the script has closed.
    command = [sys.executable, PROJECT / "stack" / "make_keys.py", folder, LOCATION]
    subprocess.run(command, check=True, umask=0)
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_two_stacks_share_no_key(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one"), make(tmp_path / "other")
    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())
    assert len(set(one.values())) == len(one) == 9


def test_keys_are_long_enough_and_of_the_right_form(tmp_path: Path) -> None:
    keys = make(tmp_path)
    assert Fernet(keys["fernet_key"].encode())
    # The algorithm that Airflow signs with wants a key as long as what it makes of it.
    assert len(bytes.fromhex(keys["jwt_secret"])) == 64
    assert min(len(key) for key in keys.values()) >= 20
    url = f"postgresql+psycopg2://airflow:{keys['database_password']}@postgres:5432/airflow"
    assert keys["database_url"] == url
    assert f'"{keys["s3_secret_key"]}"' in keys["s3.json"]


def test_only_their_owner_reads_them(tmp_path: Path) -> None:
    make(tmp_path)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_second_start_keeps_them_and_makes_what_is_missing(tmp_path: Path) -> None:
    before = make(tmp_path)
    (tmp_path / "jwt_secret").unlink()
    # What an interrupted start leaves.
    (tmp_path / ".jwt_secret.part").write_text("half")
    after = make(tmp_path)
    assert after.pop("jwt_secret") != before.pop("jwt_secret")
    assert after == before


def test_a_password_that_only_its_owner_may_read_opens_the_ui(tmp_path: Path) -> None:
    (tmp_path / "admin_password").write_text("a password")
    users = tmp_path / "passwords.json"
    users.write_text('{"admin": "an older one"}')
    command = [sys.executable, PROJECT / "stack" / "make_user.py", tmp_path / "admin_password", users]
    subprocess.run(command, check=True, umask=0)
    assert users.read_text() == '{"admin": "a password"}'
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
