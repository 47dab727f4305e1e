"""What SageMaker moves between S3 and an instance, before the container runs and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class StorageError(Exception):
    """The customer's data cannot be read or written: the job fails, with this as its reason."""


class Storage:
    """An object store.

    :param endpoint: the URL of its S3 API
    """

    def __init__(self, endpoint: str, access_key: str, secret_key: str, region: str) -> None:
        import boto3
        from botocore.config import Config

        self._region = region
        self._client = boto3.Session().client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=region,
            config=Config(
                s3={"addressing_style": "path"},
                max_pool_connections=50,
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 2},
                # Not every server of this kind knows the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def download(self, uri: str, folder: Path, shard: slice, role: str, pause: Callable[[], None]) -> None:
        """Bring every object whose key begins with the prefix into a folder.

        :param uri: ``s3://bucket/prefix``
        :param shard: which of the objects, in the order of their keys
        :param role: who SageMaker says it is in its complaint
        :param pause: called before each object; what it raises ends the download
        """
        bucket, prefix = _parts(uri)
        keys = [key for key in self._keys(bucket, prefix, uri) if not key.endswith("/")]
        if not keys:
            raise StorageError(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
                f"exists in the selected region ({self._region}), that objects exist under that S3 prefix, and that "
                f'the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            )
        for key in sorted(keys)[shard]:
            pause()
            target = folder / _relative(key, prefix)
            if not target.resolve().is_relative_to(folder.resolve()):
                raise StorageError(f'Failed to download data. The key "{key}" leads out of the folder of the input.')
            target.parent.mkdir(parents=True, exist_ok=True)
            self._client.download_file(bucket, key, str(target))

    def upload(self, folder: Path, uri: str, change: Callable[[Path, bytes], bytes], pause: Callable[[], None]) -> None:
        """Bring every file below a folder to S3, under the same relative path.

        :param uri: ``s3://bucket/prefix``
        :param change: makes of a file's content what is uploaded
        :param pause: called before each file; what it raises ends the upload
        """
        from botocore.exceptions import ClientError, ParamValidationError

        bucket, prefix = _parts(uri)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            pause()
            key = "/".join([*filter(None, [prefix.rstrip("/")]), path.relative_to(folder).as_posix()])
            try:
                self._client.put_object(Bucket=bucket, Key=key, Body=change(path, path.read_bytes()))
            except (ClientError, ParamValidationError) as error:
                raise StorageError(f"Failed to upload output to s3://{bucket}/{key}: {error}") from error

    def _keys(self, bucket: str, prefix: str, uri: str) -> Iterator[str]:
        from botocore.exceptions import ClientError, ParamValidationError

        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                yield from (_key(one) for one in page.get("Contents", []))
        except (ClientError, ParamValidationError) as error:
            if not isinstance(error, ClientError) or error.response["Error"]["Code"] != "NoSuchBucket":
                raise StorageError(f"Failed to download data. ListObjectsV2 failed for {uri}: {error}") from error


def _parts(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _key(described: dict[str, Any]) -> str:
    return str(described["Key"])


def _relative(key: str, prefix: str) -> str:
    """Where an object lies below the folder of its input.

    A prefix that is a folder counts as one with or without its slash. A prefix is not a folder's name to S3, though:
    with ``data/part`` comes ``data/part-1.csv``, and lies at ``part-1.csv``.
    """
    folder = prefix.rstrip("/") + "/"
    if prefix.rstrip("/") and key.startswith(folder):
        return key.removeprefix(folder)
    return key[prefix.rfind("/") + 1 :]
