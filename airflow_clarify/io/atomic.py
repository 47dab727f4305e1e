"""Atomic outputs, complete or absent: write to a staging file first, then move or upload it in one step."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from airflow_clarify.exceptions import ConfigError, OutputError
from airflow_clarify.io.filesystem import first_error_line, is_remote, object_key, open_filesystem, parse_local_path
from airflow_clarify.io.staging import open_staging_folder, open_temporary_folder

#: Moves or uploads a finished local file to its target.
Publish = Callable[[Path], None]

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file would be larger than is allowed here; raise the limit, or keep fewer rows",
    errno.EACCES: "no permission; choose another place, or ask for the right to write there",
    errno.EPERM: "no permission; choose another place, or ask for the right to write there",
    errno.EROFS: "it is on a read-only file system; choose another place",
    errno.ENOTDIR: "a part of its path is a file, not a folder; choose another place",
    errno.EEXIST: "a part of its path is a file, not a folder; choose another place",
    errno.ENODEV: "it is a device, not a file; choose another place",
    errno.EISDIR: "it is a folder; give the name of a file",
    errno.ENAMETOOLONG: "its name is too long; choose a shorter one",
}


@contextmanager
def atomic_write(target: str, publish: Publish | None = None) -> Iterator[Path]:
    """Yield a local path to write to, which becomes the target if the block succeeds.

    If the block fails, the file is removed. Missing parent folders of the target are created, and removed if the block
    fails.

    :param target: the target, as a local path or a URI
    :param publish: uploads the finished file to a URI; by default through the filesystem of the URI
    :return: a context manager for the local path
    :raises OutputError: the target cannot be written
    """
    try:
        if is_remote(target):
            with open_temporary_folder() as folder:
                partial = folder / target.rsplit("/", 1)[-1]
                yield partial
                (publish or build_uploader(target))(partial)
        else:
            with _name_staging_file(parse_local_path(target)) as partial:
                yield partial
    except OSError as error:
        raise write_error(target, error) from error


def write_error(target: str, error: Exception) -> OutputError:
    """Build the error for an output that cannot be written.

    :param target: the target
    :param error: the error of the system or of the database
    """
    number = error.errno if isinstance(error, OSError) else _parse_errno(str(error))
    reason = _REASONS.get(number or 0, f"{first_error_line(error)}; check the place, then run again")
    return OutputError(f"{target} cannot be written: {reason}")


def check_not_source(target: str, location: str, files: Sequence[str]) -> None:
    """Check that the target is not part of the source of this or the next run.

    :param target: the file to write
    :param location: the source as the user gave it: a file, a folder or a glob
    :param files: the files of the source
    :raises ConfigError: the target is the source, or inside it
    """
    same = _is_same_remote if is_remote(target) else _is_same_local
    if any(same(target, file) for file in files):
        raise ConfigError(f"{target}: the target is the source, which would be lost; choose another name")
    if _is_within(target, location):
        raise ConfigError(
            f"{target}: the target is inside the source {location}, so the next run would read it; choose another place"
        )


@contextmanager
def _name_staging_file(target: Path) -> Iterator[Path]:
    # A symbolic link is resolved, so that it is kept and points to the new output.
    target = target.resolve()
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(target))
    if target.exists() and not target.is_file():
        # A device such as /dev/null would be replaced by a file.
        raise OSError(errno.ENODEV, "is no file", str(target))
    created = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, as a move is atomic only within a file system.
        with open_staging_folder(target.parent) as staging:
            partial = staging / target.name[:40]
            yield partial
            partial.replace(target)
    except BaseException:
        for folder in created:
            # A folder that is no longer empty is in use, and is kept.
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def build_uploader(target: str, conn_id: str | None = None) -> Publish:
    """Build the function that uploads a finished local file to a URI.

    :param target: the URI
    :param conn_id: the Airflow connection for its store
    :return: the function, which takes the path of the file
    """

    def upload(path: Path) -> None:
        # Object stores make an object visible only when its upload is complete.
        filesystem = open_filesystem(target, conn_id)
        place = object_key(target)
        try:
            filesystem.put_file(str(path), place)
        except OSError:
            raise
        except Exception as error:
            raise write_error(target, error) from error

    return upload


def _parse_errno(text: str) -> int | None:
    """Find the errno for a database's message, which contains only the system's text for it."""
    words = {
        "no space left": errno.ENOSPC,
        "disk quota": errno.EDQUOT,
        "file too large": errno.EFBIG,
        "permission denied": errno.EACCES,
        "read-only": errno.EROFS,
        "not a directory": errno.ENOTDIR,
        "is a directory": errno.EISDIR,
    }
    return next((number for phrase, number in words.items() if phrase in text.lower()), None)


def _is_same_local(target: str, file: str) -> bool:
    if is_remote(file):
        return False
    try:
        # Symbolic and hard links included.
        return parse_local_path(target).samefile(parse_local_path(file))
    except OSError:
        # One of the paths does not exist.
        return False


def _is_same_remote(target: str, file: str) -> bool:
    return is_remote(file) and _strip_connection(target) == _strip_connection(file)


def _strip_connection(uri: str) -> str:
    """Remove the Airflow connection from a URI, as in s3://conn_id@bucket/key."""
    return f"{uri.split('://', 1)[0]}://{object_key(uri).strip('/')}"


def _is_within(target: str, location: str) -> bool:
    if is_remote(target) != is_remote(location) or (not is_remote(location) and parse_local_path(location).is_file()):
        return False
    target_path, source_path = (
        (_strip_connection(target), _strip_connection(location))
        if is_remote(target)
        else (_resolve_path(target), _resolve_path(location))
    )
    if "**" in source_path:
        return fnmatch(target_path, source_path)
    return target_path.startswith(source_path + "/") or (
        target_path != source_path and PurePosixPath(target_path).match(source_path)
    )


def _resolve_path(location: str) -> str:
    return str(parse_local_path(location).resolve())
