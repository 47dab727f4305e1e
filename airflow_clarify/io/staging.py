"""Staging folders for unfinished files and spilled data, which the next run removes if a run was killed.

A run holds a lock in its folder until its process ends, and the operating system releases the lock however the process
ends. A folder whose lock can be acquired is therefore abandoned, whichever host or container created it; no other
folder is removed. On a file system without locks, nothing is removed.
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
#: The name of the file instead of a lock, on a file system without locks.
_WITHOUT_LOCK = "lock-not-supported"
_HIDDEN, _VISIBLE = ".airflow_clarify_{}.partial", "airflow_clarify_{}"
_NAMES = re.compile(r"\.airflow_clarify_[0-9a-f]{16}\.partial|airflow_clarify_[0-9a-f]{16}")
_MAX_ATTEMPTS = 100


@contextmanager
def open_staging_folder(parent: Path) -> Iterator[Path]:
    """Create a hidden staging folder next to a target.

    Its files are moved to the target when they are complete.

    :param parent: the folder of the target, which must exist
    :return: a context manager for the folder, which removes it at the end
    :raises OSError: the folder cannot be created
    """
    with _open_folder(parent, _HIDDEN) as folder:
        yield folder


@contextmanager
def open_temporary_folder() -> Iterator[Path]:
    """Create a folder in the system's folder for temporary files.

    :return: a context manager for the folder, which removes it at the end
    :raises OutputError: the folder cannot be created
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
    """Create a folder for data that do not fit into memory.

    :param temp_directory: the parent folder; None uses the system's folder for temporary files, and an empty string
        disables spilling
    :return: a context manager for the folder. If it cannot be created below ``temp_directory``, it is that folder
        itself, so that the database reports the error
    :raises OutputError: ``temp_directory`` is None, and no temporary folder can be created
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
    """Remove the folders of killed runs; ignore those that cannot be removed.

    :param parent: the folder that contains them
    """
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        folders = [Path(entry.path) for entry in entries if _NAMES.fullmatch(entry.name) and _is_own_folder(entry)]
        for folder in folders:
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
    """Create a folder and its parents, and remove the new ones at the end if empty."""
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in created:
            with contextlib.suppress(OSError):
                path.rmdir()


def _create(parent: Path, name: str) -> tuple[Path, int | None]:
    """Create a folder and acquire its lock; return None for the lock if unsupported."""
    for _ in range(_MAX_ATTEMPTS):
        folder = parent / name.format(secrets.token_hex(8))
        folder.mkdir(mode=0o700)
        # Until the lock is acquired, another run may remove the folder as abandoned; then try another name.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            return folder, _take_lock(folder)
    raise OSError(f"no folder could be kept in {parent}")


def _take_lock(folder: Path) -> int | None:
    """Acquire the lock of a new folder.

    :return: the file descriptor; None on a file system without locks
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
        # Its run was killed before it acquired the lock. rmdir() keeps a folder that is not empty.
        folder.rmdir()
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
