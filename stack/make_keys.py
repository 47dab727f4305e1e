"""Generate the keys and passwords of the stack once, in a folder that only its containers can read.

Airflow uses ``fernet_key``, ``jwt_secret`` and ``api_secret_key``, and its user logs in with ``admin_password``.
PostgreSQL uses ``database_password`` and ``database_url``, S3 ``s3_access_key``, ``s3_secret_key`` and ``s3.json``.
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
    # A Fernet key: 32 bytes in URL-safe base64.
    "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "jwt_secret": lambda: secrets.token_hex(64),
    "api_secret_key": lambda: secrets.token_hex(32),
    "admin_password": lambda: secrets.token_urlsafe(15),
    # Part of a URL, so it must not contain reserved characters.
    "database_password": lambda: secrets.token_hex(24),
    "s3_access_key": lambda: secrets.token_hex(10).upper(),
    "s3_secret_key": lambda: secrets.token_hex(20),
}


def make_keys(folder: Path, database: str) -> None:
    """Generate the missing keys.

    Existing keys are kept, because the data of the stack could not be decrypted with others.

    :param folder: the folder of the key files
    :param database: the location of PostgreSQL, as ``user@host:port/name``
    """
    values = {name: _read_or_create(folder / name, make) for name, make in SECRETS.items()}
    user, _, location = database.partition("@")
    url = f"postgresql+psycopg2://{user}:{values['database_password']}@{location}"
    identity = {
        "name": "stack",
        "credentials": [{"accessKey": values["s3_access_key"], "secretKey": values["s3_secret_key"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(folder / "database_url", url)
    write_private(folder / "s3.json", json.dumps({"identities": [identity]}))


def _read_or_create(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        write_private(file, make())
    return file.read_text()


if __name__ == "__main__":
    make_keys(Path(sys.argv[1]), sys.argv[2])
