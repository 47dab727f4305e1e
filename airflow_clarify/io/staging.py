"""Folders for unfinished files and for spilled data; when a run is killed, the next one removes its folders.

A run holds a lock in its folder for as long as it lives, and the system releases the lock when the process ends,
however it ends. So a folder whose lock can be taken was abandoned, whichever host or container made it, and no other
folder is touched. Where the file system has no locks, nothing is removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_clarify.exceptions import OutputError

_LOCK = "lock"
#: In the place of a lock file, where the file system has no locks.
_WITHOUT_LOCK = "lock-not-supported"
_HIDDEN, _VISIBLE = ".airflow_clarify_{}.partial", "airflow_clarify_{}"
_NAMES = re.compile(r"\.airflow_clarify_[0-9a-f]{16}\.partial|airflow_clarify_[0-9a-f]{16}")
_MAX_ATTEMPTS = 100


@contextmanager
def open_staging_folder(parent: Path) -> Iterator[Path]:
    """Make a hidden folder beside a target, for files that are moved to their names when they are complete.

    :param parent: the folder of the target, which exists
    :raises OSError: it cannot be made
    """
    with _open_folder(parent, _HIDDEN) as folder:
        yield folder


@contextmanager
def open_temporary_folder() -> Iterator[Path]:
    """Make a folder among the system's temporary ones.

    :raises OutputError: none of them can be written
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(_open_folder(Path(tempfile.gettempdir()), _VISIBLE))
        except OSError as error:
            raise OutputError(
                f"no temporary folder can be written ({error.strerror or error}); give one that can, as TMPDIR or "
                "temp_directory, or in a container as a mount (docker run --tmpfs /tmp)"
            ) from None
        yield folder


@contextmanager
def open_spill_folder(temp_directory: str | None) -> Iterator[str]:
    """Make a folder for what does not fit into memory.

    :param temp_directory: where the author wants it; None is among the system's temporary folders, and an empty text
        spills nothing
    :return: the folder; where it cannot be made below ``temp_directory``, that itself, for the database to explain
    :raises OutputError: ``temp_directory`` is None, and no temporary folder can be written
    """
    with contextlib.ExitStack() as stack:
        if temp_directory is None:
            yield str(stack.enter_context(open_temporary_folder()))
            return
        folder = temp_directory
        with contextlib.suppress(OSError):
            if temp_directory:
                stack.enter_context(_create_folder(Path(temp_directory)))
                folder = str(stack.enter_context(_open_folder(Path(temp_directory), _VISIBLE)))
        yield folder


def remove_abandoned_folders(parent: Path) -> None:
    """Remove what runs have left that were killed. What cannot be removed stays.

    :param parent: where they would lie
    """
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        found = [Path(entry.path) for entry in entries if _NAMES.fullmatch(entry.name) and _is_own_folder(entry)]
        for folder in found:
            with contextlib.suppress(OSError):
                _remove_if_abandoned(folder)


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()


@contextmanager
def _open_folder(parent: Path, name: str) -> Iterator[Path]:
    remove_abandoned_folders(parent)
    folder, lock = _create(parent, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def _create_folder(folder: Path) -> Iterator[None]:
    """A folder that is removed again where it was not there before, and nobody else uses it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


def _create(parent: Path, name: str) -> tuple[Path, int | None]:
    """Make a folder and take its lock, which is None where the file system has none."""
    for _ in range(_MAX_ATTEMPTS):
        folder = parent / name.format(secrets.token_hex(8))
        folder.mkdir(mode=0o700)
        # Until the lock is taken another run may take the folder for an abandoned one; then there is a next name.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            return folder, _take_lock(folder)
    raise OSError(f"no folder could be kept in {parent}")


def _take_lock(folder: Path) -> int | None:
    """Take the lock of a folder that was just made.

    :raises BlockingIOError: another run is removing the folder
    :raises FileNotFoundError: another run has removed it
    """
    import fcntl

    path = folder / _LOCK
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino != path.stat().st_ino:
            raise FileNotFoundError
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        raise
    except OSError:
        os.close(lock)
        path.rename(folder / _WITHOUT_LOCK)
        return None
    return lock


def _remove_if_abandoned(folder: Path) -> None:
    import fcntl

    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Its run was killed before it could take the lock. A folder that holds anything stays.
        folder.rmdir()
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
