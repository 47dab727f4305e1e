"""Files in S3, through the engine's own connection: what a job reads, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.engines.sagemaker.errors import translate_errors
from airflow_clarify.exceptions import ConfigError, DataError
from airflow_clarify.io.filesystem import is_hidden


class S3Files:
    """The objects that one connection may see.

    :param connection: how AWS is reached
    :param kms_key: the KMS key for what is uploaded; None leaves it to the bucket
    """

    def __init__(self, connection: AwsConnection, kms_key: str | None = None) -> None:
        self._connection = connection
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    @cached_property
    def _client(self) -> Any:
        return self._connection.hook("s3").conn

    def write(self, uri: str, content: bytes) -> None:
        """Write an object."""
        bucket, key = split_uri(uri)
        with translate_errors(f"PutObject of {uri}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=content, **self._encryption)

    def upload(self, path: Path, folder: str) -> str:
        """Upload a file, or all files of a folder.

        :return: where it is now: the file, or the folder
        :raises DataError: the folder holds no file
        """
        sources = {"": path} if path.is_file() else dict(_list_local_files(path))
        if not sources:
            raise DataError(f"{path}: no file there; check the input path")
        for name, source in sources.items():
            uri = f"{folder}/{name or path.name}"
            bucket, key = split_uri(uri)
            with translate_errors(f"upload of {source} to {uri}"):
                self._client.upload_file(str(source), bucket, key, ExtraArgs=dict(self._encryption) or None)
        return f"{folder}/{path.name}" if path.is_file() else folder

    def read(self, uri: str) -> str | None:
        """A text; None where there is no such object.

        :raises DataError: it is not a text
        :raises ServiceError: AWS refused, or could not be reached
        """
        bucket, key = split_uri(uri)
        with translate_errors(f"GetObject of {uri}"):
            try:
                content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(f"{uri}: not a text file") from None

    def list_sizes(self, folder: str) -> dict[str, tuple[int, datetime]]:
        """The objects directly in a folder: name to size and time of last change."""
        bucket, prefix = split_uri(f"{folder.rstrip('/')}/")
        with translate_errors(f"ListObjectsV2 of {folder}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(prefix): (one["Size"], one["LastModified"]) for one in found}

    def check_dataset(self, uri: str) -> None:
        """See that there is a dataset, and that a job would take no more than that.

        SageMaker takes every object whose name begins with what it is given: with ``data/loans.csv`` also
        ``data/loans.csv.bak``, and with ``data/loans`` also ``data/loans-old/1.csv``.

        :raises DataError: there is none
        :raises ConfigError: more would be taken than was named
        """
        bucket, key = split_uri(uri)
        with translate_errors(f"ListObjectsV2 of {uri}"):
            found = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1000).get("Contents", ())
        keys = [one["Key"] for one in found]
        if not keys:
            raise DataError(f"{uri}: no file there; check the path")
        folder = key if not key or key.endswith("/") else f"{key}/"
        beside = [found for found in keys if found != key and (key in keys or not found.startswith(folder))]
        if beside:
            raise ConfigError(
                f"input_path: SageMaker takes all that begins with {uri}, so s3://{bucket}/{beside[0]} too; end a "
                "folder with a slash, or give the file a name that no other begins with"
            )

    def ensure_bucket(self, bucket: str, account: str, region: str) -> None:
        """See that the default bucket is there, and that it is the account's own.

        Its name can be guessed, so somebody else may have taken it to be given the data: hence the owner.

        :raises ConfigError: it belongs to another account
        """
        from botocore.exceptions import ClientError

        try:
            self._client.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == 403:
                raise ConfigError(
                    f"bucket: {bucket} belongs to another account, or may not be looked at; name a bucket of your own"
                ) from None
            if status != 404:
                raise
            place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._client.create_bucket(Bucket=bucket, **place)


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI.

    :raises ConfigError: it is none
    """
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise ConfigError(f"{uri!r} is no location in S3, such as s3://bucket/folder")
    return bucket, key


def _list_local_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not is_hidden(relative.as_posix()):
            yield relative.as_posix(), path
