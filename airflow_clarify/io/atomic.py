"""Outputs that are complete under their name, or absent: written aside first, then moved (or uploaded) in one step."""

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

#: Puts a finished local file where it belongs.
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


#: Endings of formats that are not written here: such a file would hold something else than its name says.
_OTHER_FORMATS = frozenset(
    {
        ".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".orc", ".avro", ".feather", ".arrow", ".ipc", ".delta",
        ".h5", ".hdf5", ".pkl", ".pickle", ".npy", ".npz", ".sav", ".dta", ".sas7bdat", ".db", ".sqlite",
        ".sqlite3", ".duckdb", ".sql", ".html", ".htm", ".xml", ".yaml", ".yml", ".pdf", ".doc", ".docx",
        ".md", ".png", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".7z", ".snappy", ".br",
    }
)  # fmt: skip


def check_ending(target: str) -> None:
    """See that the name of a balanced copy does not promise a format in which it is not written.

    :param target: a path or URI
    :raises ConfigError: it does
    """
    name = target.rsplit("/", 1)[-1].lower()
    suffix = PurePosixPath(name.removesuffix(".gz")).suffix
    if suffix in _OTHER_FORMATS:
        raise ConfigError(
            f"{target}: {suffix} files are not written; end it in .csv, .tsv, .parquet or .jsonl, or a text in .csv.gz"
        )
    if name.endswith(".gz") and suffix in (".parquet", ".pq"):
        raise ConfigError(f"{target}: Parquet is compressed already, and not with gzip as .gz says; end it in .parquet")


@contextmanager
def atomic_write(target: str, publish: Publish | None = None) -> Iterator[Path]:
    """A local path to write to. It becomes the target when the block ends well; otherwise nothing is left of it.

    Folders that the target needs are made, and removed again should the block fail.

    :param target: a local path, or a URI
    :param publish: puts the finished file at a URI; by default the filesystem of the URI does
    :raises OutputError: it cannot be written
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
    """The sentence about an output that could not be written."""
    number = error.errno if isinstance(error, OSError) else _parse_errno(str(error))
    reason = _REASONS.get(number or 0, f"{first_error_line(error)}; check the place, then run again")
    return OutputError(f"{target} cannot be written: {reason}")


def check_not_source(target: str, location: str, files: Sequence[str]) -> None:
    """See to it that the target is no part of what is read, now or by the next run.

    :param target: what would be written
    :param location: what is read, as the author named it: a file, a folder or a glob
    :param files: the files that are
    :raises ConfigError: it is
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
    # A link is followed, so that it still points to the output afterwards.
    target = target.resolve()
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(target))
    if target.exists() and not target.is_file():
        # It would be replaced by a file: not what anybody wants of /dev/null.
        raise OSError(errno.ENODEV, "is no file", str(target))
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, for a file can only be moved in one step within its file system.
        with open_staging_folder(target.parent) as staging:
            partial = staging / target.name[:40]
            yield partial
            partial.replace(target)
    except BaseException:
        for folder in made:
            # A folder that somebody else has begun to use stays.
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def build_uploader(target: str, conn_id: str | None = None) -> Publish:
    """What puts a finished local file at a URI.

    :param target: the URI
    :param conn_id: the Airflow connection that opens it
    """

    def upload(path: Path) -> None:
        # Object stores show an object only when all of it has arrived.
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
    """The errno behind a database's message, which only carries the system's words for it."""
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
        # There is nothing yet by that name.
        return False


def _is_same_remote(target: str, file: str) -> bool:
    return is_remote(file) and _strip_connection(target) == _strip_connection(file)


def _strip_connection(uri: str) -> str:
    """A URI without the connection that Airflow lets it carry: s3://conn_id@bucket/key."""
    return f"{uri.split('://', 1)[0]}://{object_key(uri).strip('/')}"


def _is_within(target: str, location: str) -> bool:
    if is_remote(target) != is_remote(location) or (not is_remote(location) and parse_local_path(location).is_file()):
        return False
    ours, theirs = (
        (_strip_connection(target), _strip_connection(location))
        if is_remote(target)
        else (_resolve_path(target), _resolve_path(location))
    )
    if "**" in theirs:
        return fnmatch(ours, theirs)
    return ours.startswith(theirs + "/") or (ours != theirs and PurePosixPath(ours).match(theirs))


def _resolve_path(location: str) -> str:
    return str(parse_local_path(location).resolve())
