"""Make the stack's keys and passwords, each of them once, into a folder that only its containers see.

``fernet_key``, ``jwt_secret`` and ``api_secret_key`` are Airflow's, ``admin_password`` is its user's; PostgreSQL is
reached with ``database_password`` and ``database_url``, S3 with ``s3_access_key``, ``s3_secret_key`` and ``s3.json``.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from private_files import write_private

SECRETS: dict[str, Callable[[], str]] = {
    # What Fernet takes for a key: 32 bytes, in the URL's kind of base 64.
    "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "jwt_secret": lambda: secrets.token_hex(64),
    "api_secret_key": lambda: secrets.token_hex(32),
    "admin_password": lambda: secrets.token_urlsafe(15),
    # It stands in a URL, so it has no signs that mean something there.
    "database_password": lambda: secrets.token_hex(24),
    "s3_access_key": lambda: secrets.token_hex(10).upper(),
    "s3_secret_key": lambda: secrets.token_hex(20),
}


def make_keys(folder: Path, database: str) -> None:
    """Make what is missing; what is there stays as it is, or the stack's data could no longer be read.

    :param folder: where the files are
    :param database: where PostgreSQL is, as ``user@host:port/name``
    """
    values = {name: _once(folder / name, make) for name, make in SECRETS.items()}
    user, _, location = database.partition("@")
    url = f"postgresql+psycopg2://{user}:{values['database_password']}@{location}"
    identity = {
        "name": "stack",
        "credentials": [{"accessKey": values["s3_access_key"], "secretKey": values["s3_secret_key"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(folder / "database_url", url)
    write_private(folder / "s3.json", json.dumps({"identities": [identity]}))


def _once(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        write_private(file, make())
    return file.read_text()


if __name__ == "__main__":
    make_keys(Path(sys.argv[1]), sys.argv[2])
