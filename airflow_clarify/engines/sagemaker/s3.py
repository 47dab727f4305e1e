"""Files in S3, through the engine's AWS connection: the inputs and outputs of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.engines.sagemaker.errors import translate_errors
from airflow_clarify.exceptions import ConfigError, DataError
from airflow_clarify.io.filesystem import is_hidden


class S3Files:
    """The client for objects in S3.

    :param connection: the AWS connection
    :param kms_key: the KMS key for uploads; None uses the bucket's encryption
    """

    def __init__(self, connection: AwsConnection, kms_key: str | None = None) -> None:
        self._connection = connection
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    @property
    def _client(self) -> Any:
        return self._connection.hook("s3").conn

    def write(self, uri: str, content: bytes) -> None:
        """Write an object.

        :param uri: the S3 URI of the object
        :param content: its bytes
        :raises ServiceError: AWS refused, or could not be reached
        """
        bucket, key = split_uri(uri)
        with translate_errors(f"PutObject of {uri}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=content, **self._encryption)

    def upload(self, path: Path, folder: str) -> str:
        """Upload a file, or all files of a folder.

        :param path: a local file or folder; hidden files of a folder are left out
        :param folder: the S3 URI of the target folder
        :return: the S3 URI of the uploaded file or folder
        :raises DataError: the folder holds no file
        :raises ServiceError: AWS refused, or could not be reached
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
        """Read an object as text, or return None if it does not exist.

        :param uri: the S3 URI of the object
        :raises DataError: the object is not UTF-8 text
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
        """List the objects directly in a folder.

        :param folder: the S3 URI of the folder
        :return: each name with its size in bytes and the time of its last change
        :raises ServiceError: AWS refused, or could not be reached
        """
        bucket, prefix = split_uri(f"{folder.rstrip('/')}/")
        with translate_errors(f"ListObjectsV2 of {folder}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(prefix): (one["Size"], one["LastModified"]) for one in found}

    def check_dataset(self, uri: str) -> None:
        """Check that a dataset exists, and that a job would read nothing else.

        SageMaker reads every object whose key begins with the given one: with ``data/loans.csv`` also
        ``data/loans.csv.bak``, and with ``data/loans`` also ``data/loans-old/1.csv``.

        :param uri: the S3 URI of the dataset, a file or a folder
        :raises DataError: there is no such file or folder
        :raises ConfigError: the job would read other objects too
        """
        bucket, key = split_uri(uri)
        with translate_errors(f"ListObjectsV2 of {uri}"):
            found = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1000).get("Contents", ())
        keys = [one["Key"] for one in found]
        if not keys:
            raise DataError(f"{uri}: no file there; check the path")
        folder = key if not key or key.endswith("/") else f"{key}/"
        others = [found for found in keys if found != key and (key in keys or not found.startswith(folder))]
        if others:
            raise ConfigError(
                f"input_path: SageMaker reads every object whose name begins with {uri}, so s3://{bucket}/{others[0]} "
                "too; end a folder with a slash, or rename one of the files"
            )

    def ensure_bucket(self, bucket: str, account: str, region: str) -> None:
        """Create the default bucket if it is missing, and check that the account owns it.

        The name of the default bucket is predictable, so another account could own it and receive the data.

        :param bucket: the name of the bucket
        :param account: the number of the expected owner's account
        :param region: the AWS region for a new bucket
        :raises ConfigError: the bucket belongs to another account
        """
        from botocore.exceptions import ClientError

        try:
            self._client.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == 403:
                raise ConfigError(
                    f"bucket: {bucket} belongs to another account, or access to it is denied; name a bucket of your own"
                ) from None
            if status != 404:
                raise
            location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._client.create_bucket(Bucket=bucket, **location)


def split_uri(uri: str) -> tuple[str, str]:
    """Split an S3 URI into bucket and key.

    :param uri: such as ``s3://bucket/folder/file.csv``
    :raises ConfigError: the text is not an S3 URI
    """
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise ConfigError(f"{uri!r} is not an S3 location, such as s3://bucket/folder")
    return bucket, key


def _list_local_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not is_hidden(relative.as_posix()):
            yield relative.as_posix(), path
