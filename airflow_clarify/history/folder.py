"""A history in a folder of any store, one file for each record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_clarify.exceptions import ConfigError, DataError, OutputError
from airflow_clarify.history.record import HistoryRecord
from airflow_clarify.io.atomic import atomic_write, write_error
from airflow_clarify.io.filesystem import (
    first_error_line,
    is_remote,
    object_key,
    open_filesystem,
    parse_local_path,
    permission_error,
)

_SUFFIX = ".json"


@dataclass(frozen=True)
class FolderHistory:
    """Keep the history in a folder, one JSON file for each run.

    A file is complete or absent, also if several runs write at the same time. A retry or a cleared task replaces its
    own file only.

    :param location: a local folder or a URI, such as ``s3://bucket/bias/history``
    :param conn_id: the Airflow connection for a URI
    :raises ConfigError: the location is empty
    """

    location: str
    conn_id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.location, str) or not self.location.strip():
            raise ConfigError(f"history: name a folder, such as 's3://bucket/bias/history', not {self.location!r}")

    def write(self, records: Iterable[HistoryRecord]) -> None:
        """Write records; each replaces the earlier record of its run.

        :param records: the records
        :raises OutputError: a file cannot be written
        """
        if is_remote(self.location):
            filesystem = open_filesystem(self.location, self.conn_id)
            files = {f"{self._key}/{_name_file(record)}": record.to_json().encode() for record in records}
            try:
                # Requests are concurrent where the filesystem supports it; each object is complete or absent.
                filesystem.pipe(files)
            except (ConfigError, DataError):
                raise
            except Exception as error:  # the errors of the filesystems have no common base class
                raise write_error(self.location, error) from error
            return
        folder = parse_local_path(self.location)
        for record in records:
            with atomic_write(str(folder / _name_file(record))) as staged:
                staged.write_text(record.to_json(), encoding="utf-8")

    def read(self) -> list[HistoryRecord]:
        """Read all records.

        :return: the records, in order of their names
        :raises DataError: the folder or a record cannot be read, or is from a newer version
        """
        return [HistoryRecord.parse(text, source) for source, text in self._read_texts()]

    def delete(self, records: Sequence[HistoryRecord]) -> None:
        """Delete records.

        :param records: the records
        :raises OutputError: a file cannot be deleted
        """
        try:
            if is_remote(self.location):
                filesystem = open_filesystem(self.location, self.conn_id)
                for record in records:
                    filesystem.rm_file(f"{self._key}/{_name_file(record)}")
            else:
                for record in records:
                    (parse_local_path(self.location) / _name_file(record)).unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except (ConfigError, DataError):
            raise
        except Exception as error:
            raise OutputError(f"{self.location}: a record cannot be deleted ({first_error_line(error)})") from None

    @property
    def _key(self) -> str:
        return object_key(self.location).rstrip("/")

    def _read_texts(self) -> list[tuple[str, str]]:
        try:
            if is_remote(self.location):
                return self._read_remote_texts()
            return _read_local_texts(parse_local_path(self.location))
        except (ConfigError, DataError):
            raise
        except FileNotFoundError:
            return []
        except PermissionError:
            raise DataError(permission_error(self.location)) from None
        except UnicodeDecodeError:
            raise DataError(f"{self.location}: a file is not text; keep other files elsewhere") from None
        except Exception as error:
            raise DataError(f"{self.location}: the history cannot be read ({first_error_line(error)})") from None

    def _read_remote_texts(self) -> list[tuple[str, str]]:
        filesystem = open_filesystem(self.location, self.conn_id)
        # Without the cache: other runs write to the folder.
        filesystem.invalidate_cache()
        try:
            found = filesystem.ls(self._key, detail=False)
        except FileNotFoundError:
            return []
        names = sorted(str(name) for name in found if str(name).endswith(_SUFFIX))
        # Requests are concurrent where the filesystem supports it.
        contents = filesystem.cat(names) if names else {}
        if not isinstance(contents, dict):
            contents = {names[0]: contents}
        return [(name, bytes(contents[name]).decode()) for name in names]


def _read_local_texts(folder: Path) -> list[tuple[str, str]]:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: a file, not a folder; name the folder of the history")
    files = sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX and not path.name.startswith("."))
    return [(str(path), path.read_text(encoding="utf-8")) for path in files]


def _name_file(record: HistoryRecord) -> str:
    """Name the file of a record: readable parts, and a hash of what identifies it."""
    parts = (record.dag_id, record.task_id, record.instance, record.run_id)
    readable = "-".join(re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_")[:40] for part in parts if part)
    return f"{readable}-{record.key[:24]}{_SUFFIX}".lstrip("-")
