"""Files that only their owner reads."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(file: Path, content: str) -> None:
    """Write a file: whole or not at all, and for its owner only.

    :param file: the file, which is replaced if it is there
    :param content: its new content
    """
    aside = file.with_name(f".{file.name}.part")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(content)
    aside.replace(file)
