"""The kinds of DVC remote in the tests: a directory, files over HTTP, an object store (moto's S3)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.adapters.dvc.server import Server

KINDS = ("directory", "http", "s3")


class Kind(Protocol):
    """A remote, seen without lastgood and DVC; a key is an object's path, as in `files/md5/ab/cdef…`."""

    settings: str
    """For `.dvc/config.local`, below the remote's name."""

    def keys(self) -> list[str]:
        """Everything that is there."""

    def read(self, key: str) -> bytes:
        """An object's content."""

    def write(self, key: str, content: bytes | None) -> None:
        """Replace an object past all permissions, or with `None` remove it."""


@dataclass
class Directory:
    base: Path
    settings: str = ""

    def keys(self) -> list[str]:
        return sorted(str(one.relative_to(self.base)) for one in self.base.rglob("*") if one.is_file())

    def read(self, key: str) -> bytes:
        return (self.base / key).read_bytes()

    def write(self, key: str, content: bytes | None) -> None:
        (self.base / key).unlink()
        if content is not None:
            (self.base / key).write_bytes(content)
            (self.base / key).chmod(0o444)


@dataclass
class Bucket:
    client: Any
    name: str
    settings: str

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(one["Key"].removeprefix("store/") for one in listed)

    def read(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.name, Key=f"store/{key}")["Body"].read())

    def write(self, key: str, content: bytes | None) -> None:
        if content is None:
            self.client.delete_object(Bucket=self.name, Key=f"store/{key}")
        else:
            self.client.put_object(Bucket=self.name, Key=f"store/{key}", Body=content)


@contextmanager
def remote(kind: str, base: Path) -> Iterator[Kind]:
    """A remote of this kind with the files below `base`. The kinds directory and HTTP serve `base` itself."""
    if kind == "directory":
        yield Directory(base, f"    url = {base}\n")
    elif kind == "http":
        with Server(base).running() as server:
            yield Directory(base, f"    url = {server.url}\n")
    else:
        with _s3() as bucket:
            for one in base.rglob("*"):
                if one.is_file():
                    bucket.write(str(one.relative_to(base)), one.read_bytes())
            yield bucket


@contextmanager
def _s3() -> Iterator[Bucket]:
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        who = {"aws_access_key_id": "ada", "aws_secret_access_key": "ada", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=url, **who)
        client.create_bucket(Bucket="models")
        settings = (
            f"    url = s3://models/store\n    endpointurl = {url}\n    access_key_id = ada\n"
            "    secret_access_key = ada\n    region = us-east-1\n"
        )
        yield Bucket(client, "models", settings)
    finally:
        server.stop()
