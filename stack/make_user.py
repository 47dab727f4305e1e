"""Let the user ``admin`` log in, with the password that was made for it.

Airflow's simple auth manager opens the file of its passwords for writing, so it cannot be one of the keys, which nobody
writes to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from private_files import write_private


def make_user(password: Path, users: Path) -> None:
    """Write the file that ``AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE`` names.

    :param password: the file that holds the password
    :param users: the file to write
    """
    write_private(users, json.dumps({"admin": password.read_text()}))


if __name__ == "__main__":
    make_user(Path(sys.argv[1]), Path(sys.argv[2]))
