"""Write files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(file: Path, content: str) -> None:
    """Write a file atomically, readable by its owner only.

    :param file: the file to write; an existing file is replaced
    :param content: its new content
    """
    temporary = file.with_name(f".{file.name}.part")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(content)
    temporary.replace(file)
