"""Access input files: local paths, and every URI that Airflow's ``ObjectStoragePath`` (or fsspec) opens."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_GLOB = frozenset("*?[")
#: After the name of a folder: every file below it, whatever its ending.
_ANY_NAME = "/**"
_OF_AMAZON = frozenset({"s3", "s3a", "s3n"})
_OF_AZURE = frozenset({"abfs", "abfss", "adl"})
#: The default connections of Airflow's hooks, by protocol.
_DEFAULT_CONNECTIONS = {
    **dict.fromkeys(_OF_AMAZON, ("aws_default",)),
    **dict.fromkeys(("gs", "gcs"), ("google_cloud_default",)),
    **dict.fromkeys(_OF_AZURE, ("adls_default", "wasb_default")),
}
#: The protocols of local files.
_LOCAL = ("file://", "local://")


def is_remote(location: str) -> bool:
    """Check whether a location is a URI of a store other than the local disk.

    :param location: a path or URI
    """
    return "://" in location and not location.startswith(_LOCAL)


def parse_local_path(location: str) -> Path:
    """Parse a local path: remove ``file://`` and ``local://``, and expand ``~``.

    :param location: a path, or a URI of a local file
    :raises ConfigError: the path is empty, which would mean the current folder
    """
    path = location
    for protocol in _LOCAL:
        path = path.removeprefix(protocol)
    if not path.strip():
        raise ConfigError(f"{location!r} names no file or folder; give a path, such as file:///data/loans.csv")
    return Path(path).expanduser()


def open_filesystem(uri: str, conn_id: str | None = None) -> AbstractFileSystem:
    """Open the fsspec filesystem of a URI.

    In Airflow, it is that of ``ObjectStoragePath``, with the credentials of the connection; elsewhere, fsspec's own.

    :param uri: the URI, such as ``s3://bucket/key``
    :param conn_id: the Airflow connection. None uses the store's default connection, such as aws_default; if that is
        not defined, the store's own library searches for credentials
    :return: the filesystem
    :raises ConfigError: the connection does not exist
    :raises DataError: no filesystem for the URI is installed, or it cannot be opened
    """
    protocol, place = uri.split("://", 1)
    # The URI itself may contain the connection: s3://conn_id@bucket/key.
    named = conn_id or place.split("/", 1)[0].rpartition("@")[0]
    if named and protocol in _OF_AMAZON:
        _check_connection(named, uri)
    try:
        if _is_known_to_airflow(protocol, needed=conn_id is not None):
            from airflow.sdk import ObjectStoragePath

            conn_id = conn_id if named else _find_default_connection(protocol)
            filesystem: AbstractFileSystem = ObjectStoragePath(uri, conn_id=conn_id).fs
            return filesystem
        from fsspec.core import url_to_fs

        found: AbstractFileSystem = url_to_fs(f"{protocol}://{object_key(uri)}")[0]
        return found
    except Exception as error:
        # The class is in different modules in different versions of Airflow, and Airflow may not be installed.
        if type(error).__name__ == "AirflowNotFoundException":
            raise ConfigError(
                f"{uri}: there is no such Airflow connection ({first_error_line(error)}); add it"
            ) from None
        raise DataError(
            f"{uri}: cannot be opened ({first_error_line(error)}); check the URI and the connection"
        ) from None


def _is_known_to_airflow(protocol: str, *, needed: bool) -> bool:
    """Check whether Airflow is available and has a filesystem for a protocol.

    Airflow is used if it is loaded, or needed for a connection. fsspec supports more protocols than Airflow.
    """
    if "airflow" not in sys.modules and not needed:
        return False
    from airflow.sdk.io import has_fs

    return bool(has_fs(protocol))


def _find_default_connection(protocol: str) -> str | None:
    """Find the default connection of a store's hook; return None if it is not defined."""
    for conn_id in _DEFAULT_CONNECTIONS.get(protocol, ()):
        connection = _get_connection(conn_id)
        # Airflow can create example connections; those for Azure have no account and are unusable.
        if connection is not None and (protocol not in _OF_AZURE or _has_account(connection)):
            return conn_id
    return None


def _has_account(connection: Any) -> bool:
    return bool(connection.host or connection.login or connection.extra_dejson.get("connection_string"))


def _get_connection(conn_id: str) -> Any:
    """Get an Airflow connection; return None if it does not exist."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def _check_connection(conn_id: str, uri: str) -> None:
    """Check that a connection exists.

    The Amazon provider does not: for an unknown connection, it uses any credentials that boto3 finds.
    """
    if _get_connection(conn_id) is None:
        raise ConfigError(f"{uri}: there is no Airflow connection {conn_id!r}; add it, or name another")


class InputFiles:
    """The input files at a location.

    :param location: a file, a folder or a glob; "folder/**" means all files in a folder, whatever their endings
    :param conn_id: the Airflow connection for a remote location
    :raises ConfigError: the location has no path, or the connection does not exist
    :raises DataError: the location is empty, or its filesystem cannot be opened
    """

    def __init__(self, location: str, conn_id: str | None = None) -> None:
        if not isinstance(location, str) or not location.strip():
            raise DataError(f"the input path is {location!r}; give a file, a folder or a glob")
        if not location.partition("://")[2].strip("/ ") and "://" in location and is_remote(location):
            raise ConfigError(f"{location!r} names no file or folder; give what follows the protocol as well")
        self.location = location
        self.remote = is_remote(location)
        self.filesystem = open_filesystem(location, conn_id) if self.remote else None
        self._any_name = location.endswith(_ANY_NAME)
        # The folder, if the location is one.
        self._folder = location.removesuffix("**") if self._any_name else location

    def list_files(self, suffixes: Sequence[str]) -> list[str]:
        """List the files in reading order, which is that of their names.

        :param suffixes: the endings of the files of a folder to include; hidden files and folders, and those whose name
            begins with "_", are excluded
        :return: the paths or URIs of the files
        :raises DataError: there is no file, or the location cannot be listed
        """
        # Every name ends in the empty suffix.
        wanted = ("",) if self._any_name else suffixes
        try:
            found = self._list_remote_files(wanted) if self.filesystem is not None else self._list_local_files(wanted)
        except ClarifyError:
            raise
        except PermissionError:
            raise DataError(permission_error(self.location)) from None
        except Exception as error:
            raise DataError(f"{self.location}: cannot be listed ({first_error_line(error)}); check the path") from None
        if not found:
            sought = "" if self._any_name else f" ({', '.join(suffixes)})"
            raise DataError(f"{self.location}: no file there{sought}; check the path")
        return found

    def get_size(self, file: str) -> int:
        """Return the size of a file as stored, in bytes.

        :param file: the path or URI of the file
        """
        return int(self.filesystem.size(file)) if self.filesystem is not None else Path(file).stat().st_size

    def open(self, file: str) -> BinaryIO:
        """Open a file for reading, without decompressing it.

        :param file: the path or URI of the file
        :raises DataError: the file cannot be opened
        """
        try:
            if self.filesystem is not None:
                opened: BinaryIO = self.filesystem.open(file, "rb")
                return opened
            return Path(file).open("rb")
        except PermissionError:
            raise DataError(permission_error(file)) from None
        except OSError as error:
            raise DataError(f"{file}: cannot be opened ({error.strerror or error}); check the path") from None

    def is_partitioned(self, files: Sequence[str]) -> bool:
        """Check whether the files are in folders named like "country=US" below the location.

        :param files: the files of the location
        """
        return any("=" in part for file in files for part in self._get_relative_path(file).split("/")[:-1])

    def register(self, connection: Any) -> None:
        """Register the filesystem in DuckDB, so that DuckDB reads with its credentials and endpoint.

        :param connection: an open DuckDB connection
        """
        if self.filesystem is not None:
            connection.register_filesystem(self.filesystem)

    def _get_relative_path(self, file: str) -> str:
        """Return the path of a file relative to the folder of the location."""
        folder = object_key(self.location).rstrip("/") if self.remote else str(parse_local_path(self.location))
        for special in _GLOB & set(folder):
            folder = folder.split(special)[0].rpartition("/")[0]
        return (object_key(file) if self.remote else file).removeprefix(folder)

    def _list_local_files(self, suffixes: Sequence[str]) -> list[str]:
        folder = parse_local_path(self._folder)
        if folder.is_dir():
            inside = (str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
            return [str(folder / name) for name in sorted(_filter_names(inside, suffixes))]
        path = parse_local_path(self.location)
        if path.exists():
            return [str(path)]
        if _GLOB & set(str(path)):
            # Not Path.glob(), which does not support absolute patterns.
            found = glob.glob(str(path), recursive=True)  # noqa: PTH207
            return sorted(name for name in found if Path(name).is_file())
        raise DataError(f"{self.location}: no such file or folder; check the path")

    def _list_remote_files(self, suffixes: Sequence[str]) -> list[str]:
        assert self.filesystem is not None
        protocol = self.location.split("://", 1)[0]
        stripped = object_key(self._folder).rstrip("/")
        if _GLOB & set(stripped):
            names = [
                name
                for name in self.filesystem.glob(object_key(self.location).rstrip("/"))
                if not self.filesystem.isdir(name)
            ]
        elif self.filesystem.isfile(stripped):
            names = [stripped]
        else:
            inside = {str(name)[len(stripped) + 1 :]: str(name) for name in self.filesystem.find(stripped)}
            names = [inside[name] for name in _filter_names(inside, suffixes)]
        return [f"{protocol}://{str(name).lstrip('/')}" for name in sorted(names)]


def object_key(uri: str) -> str:
    """Remove the protocol and the Airflow connection from a URI.

    :param uri: the URI, such as ``s3://conn_id@bucket/key``
    :return: bucket and key, such as ``bucket/key``
    """
    bucket, slash, key = uri.split("://", 1)[1].partition("/")
    return bucket.rpartition("@")[2] + slash + key


def permission_error(place: str) -> str:
    """Format the message about a location without read permission.

    :param place: the location
    """
    return f"{place}: no permission to read it; ask for the right to, or choose another file"


def build_pattern(file: str) -> str:
    """Escape the glob characters in a file name.

    It is used for readers that interpret every name as a glob.

    :param file: the name of the file
    """
    return "".join(f"[{c}]" if c in _GLOB else c for c in file) if _GLOB & set(file) else file


def first_error_line(error: BaseException) -> str:
    """Return the first line of an error's message, or else the name of its type.

    :param error: the error
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def is_hidden(name: str) -> bool:
    """Check whether a file or a folder above it is hidden, by a leading dot or "_".

    :param name: the path of the file, relative to the folder of the data
    """
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _filter_names(names: Any, suffixes: Sequence[str]) -> list[str]:
    def has_suffix(name: str) -> bool:
        return name.lower().removesuffix(".gz").endswith(tuple(suffixes))

    return [name for name in names if has_suffix(name) and not is_hidden(name)]
