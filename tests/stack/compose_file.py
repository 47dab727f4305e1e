"""docker-compose.yaml, as Docker Compose understands the parts of it that the stack uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mount:
    """Something in a container's file system that outlives the container.

    :param source: the name of a volume, or a path in the project that begins with a dot
    :param target: where it is in the container
    :param read_only: whether the container may only read it
    """

    source: str
    target: str
    read_only: bool

    @property
    def is_volume(self) -> bool:
        return not self.source.startswith(".")


@dataclass(frozen=True)
class Service:
    """A service.

    :param name: its name, which is its host name too
    :param raw: everything that the file says about it
    """

    name: str
    raw: Mapping[str, Any]

    @property
    def image(self) -> str:
        return str(self.raw["image"])

    @property
    def command(self) -> list[str]:
        """What it runs; none where its image knows."""
        command = self.raw.get("command", [])
        assert isinstance(command, list), f"{self.name}: a command is written as a list, which no shell takes apart"
        return [_unescaped(word) for word in command]

    @property
    def environment(self) -> dict[str, str]:
        environment = self.raw.get("environment", {})
        assert all(isinstance(value, str) for value in environment.values()), f"{self.name}: quote the environment"
        return {key: _unescaped(value) for key, value in environment.items()}

    @property
    def health_check(self) -> list[str]:
        """Its health check, as a command; none if it has none."""
        test = self.raw.get("healthcheck", {}).get("test", [])
        assert not test or test[0] == "CMD", f"{self.name}: the health check is written as [CMD, ...]"
        return [_unescaped(word) for word in test[1:]]

    @property
    def waits_for(self) -> dict[str, str]:
        """The condition by the name of the service it is for."""
        return {name: wait["condition"] for name, wait in self.raw.get("depends_on", {}).items()}

    @property
    def mounts(self) -> list[Mount]:
        parts = [volume.split(":") for volume in self.raw.get("volumes", [])]
        return [Mount(source, target, mode == ["ro"]) for source, target, *mode in parts]

    @property
    def ports(self) -> list[str]:
        return list(self.raw.get("ports", []))

    @property
    def is_one_shot(self) -> bool:
        """Whether it ends by itself."""
        return self.raw.get("restart") == "no"

    @property
    def is_on_demand(self) -> bool:
        """Whether ``docker compose up`` leaves it out."""
        return bool(self.raw.get("profiles"))


@dataclass(frozen=True)
class ComposeFile:
    """The file.

    :param text: as it stands there
    :param services: by their names
    :param volumes: the names of those that are declared
    """

    text: str
    services: Mapping[str, Service]
    volumes: frozenset[str]

    @classmethod
    def read(cls, file: Path = PROJECT / "docker-compose.yaml") -> ComposeFile:
        text = file.read_text()
        content = yaml.safe_load(text)
        services = {name: Service(name, raw) for name, raw in content["services"].items()}
        return cls(text, services, frozenset(content["volumes"]))

    def ports(self) -> set[int]:
        """Every port that anything in the file listens on or speaks to."""
        found: set[int] = set()
        for service in self.services.values():
            words = [*service.command, *service.health_check]
            found.update(
                int(number)
                for number in re.findall(r"(?:port(?:\.\w+)?[= ]|:)(\d{4,5})\b", " ".join(words + _settings(service)))
            )
        return found


def _settings(service: Service) -> list[str]:
    return [f"{'port=' if key.endswith('PORT') else ''}{value}" for key, value in service.environment.items()]


def _unescaped(text: str) -> str:
    assert not re.search(r"(?<!\$)\$(?!\$)", text), f"Compose would put a variable of whoever starts it into: {text}"
    return text.replace("$$", "$")
