"""Create the user ``admin`` with its generated password.

Airflow's simple auth manager opens its password file for writing, so the file cannot be one of the keys, which are
read-only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from private_files import write_private


def make_user(password: Path, users: Path) -> None:
    """Write the password file that ``AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE`` names.

    :param password: the file that holds the password
    :param users: the file to write
    """
    write_private(users, json.dumps({"admin": password.read_text()}))


if __name__ == "__main__":
    make_user(Path(sys.argv[1]), Path(sys.argv[2]))
