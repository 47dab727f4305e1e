"""Check blocks of code without running them, language by language."""

from __future__ import annotations

import ast
import configparser
import importlib
import inspect
import itertools
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from docs_pages import PROJECT, Block
from packaging.requirements import Requirement

import airflow_clarify
from airflow_clarify.get_provider_info import get_provider_info


def read(block: Block) -> None:
    """Check that a block is valid in its language, and that the names in it exist.

    :raises AssertionError: it is not
    """
    if block.language == "text":
        assert block.note in ("file", "log"), f"{block.place}: say what it is, as in <!-- file: requirements.txt -->"
        _READ_FILES.get(Path(block.about).suffix, str)(block.text)
        return
    assert block.language in _READ, f"{block.place}: nothing tests {block.language}"
    _READ[block.language](block.text)


# --- Python -------------------------------------------------------------------------------------------------------


def _python(text: str) -> None:
    tree = ast.parse(text)
    names: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airflow_clarify":
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
                names[alias.asname or alias.name] = getattr(module, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            _takes(names[node.func.id], [keyword.arg for keyword in node.keywords if keyword.arg])


def _takes(called: Any, given: list[str]) -> None:
    parameters = inspect.signature(called).parameters
    if not inspect.isclass(called) and any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator

    known = set(parameters)
    for base in (BaseSensorOperator, BaseOperator):
        if inspect.isclass(called) and issubclass(called, base):
            known |= set(inspect.signature(base.__init__).parameters)
    unknown = set(given) - known
    assert not unknown, f"{called.__name__} takes no {', '.join(sorted(unknown))}"


# --- Shells -------------------------------------------------------------------------------------------------------


def _console(text: str) -> None:
    for command in commands(text):
        _command(command)


def _commands_without_prompt(text: str) -> None:
    for command in text.splitlines():
        _command(command)
        assert is_tested(command), f"nothing tests {command!r}"


def _command(command: str) -> None:
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"{command}: {checked.stderr}"
    for name, words in _commands_and_words(command):
        if name in _COMMANDS:
            _COMMANDS[name](words)


def _commands_and_words(command: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of a pipeline, each with its words."""
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    for piped, one in itertools.groupby(words, lambda word: word == "|"):
        if not piped:
            called = list(itertools.dropwhile(re.compile(r"\w+=").match, one))
            yield (called[0], called[1:]) if called else ("", [])


def is_tested(command: str) -> bool:
    """Return whether a command is run here, parsed by the program that would run it, or only sets a variable."""
    return all(_is_tested(name, words) for name, words in _commands_and_words(command))


def _is_tested(name: str, words: list[str]) -> bool:
    if name == "docker":
        return words[:1] == ["compose"] or words[:2] == ["image", "rm"]
    return name in (*_COMMANDS, "airflow-clarify", "export", "cd", "")


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a console block: they follow "$", and a backslash continues them."""
    for shown, _ in commands_and_outputs(text):
        yield shown


def commands_and_outputs(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command with the lines that the page shows as its output."""
    command, output, goes_on = "", list[str](), False
    for line in text.splitlines():
        if goes_on:
            command += "\n" + line
        elif line.startswith("$ "):
            if command:
                yield command, output
            command, output = line.removeprefix("$ "), []
        else:
            assert command, f"a console's block begins with a command behind '$ ', not with {line!r}"
            output.append(line)
            continue
        goes_on = line.endswith("\\")
    yield command, output


def _pip(words: list[str]) -> None:
    if words[:1] != ["install"]:
        return
    skip = False
    for word in words[1:]:
        if skip or word.startswith("-") or "/" in word:
            skip = word in ("-r", "--requirement", "-c", "--constraint", "--target")
            continue
        _requirement(word)


def _airflow(words: list[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    try:
        get_parser().parse_args(words)
    except SystemExit as end:
        raise AssertionError(f"airflow {shlex.join(words)}: Airflow has no such command") from end


def _make(words: list[str]) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for word in words:
        if "=" not in word:
            assert re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE), f"make {word}: there is no such target"


def _docker(words: list[str]) -> None:
    """Check only the names of services and images in the Compose file; its own tests check the rest."""
    services = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())["services"]
    told = [word for word in words[1:] if not word.startswith("-")]
    if words[0] == "compose" and told[0] in ("exec", "run", "logs"):
        assert told[1] in services, f"docker compose {told[0]} {told[1]}: there is no such service"
    if words[:2] == ["image", "rm"]:
        images = {service.get("image") for service in services.values()}
        assert told[1] in images, f"docker image rm {told[1]}: there is no such image"


def _aws(words: list[str]) -> None:
    """Check the names of the service, the operation and the options against botocore."""
    import botocore.session
    from botocore import xform_name

    while words[0].startswith("--"):
        words = words[2:]
    name, called, *options = words
    if name == "s3":
        assert called in ("cp", "ls", "mb", "presign", "rm", "sync"), f"aws s3 {called}: there is no such command"
        return
    if (name, called) == ("ecr", "get-login-password"):  # of the command line's own making
        return
    service = botocore.session.get_session().get_service_model(name)
    operations = {xform_name(one, "-"): one for one in service.operation_names}
    assert called in operations, f"aws {name} {called}: there is no such command"
    known = {xform_name(one, "-") for one in service.operation_model(operations[called]).input_shape.members}
    unknown = {option.removeprefix("--") for option in options if option.startswith("--")} - known
    assert not unknown, f"aws {name} {called}: there is no option {', '.join(unknown)}"


_COMMANDS: Mapping[str, Callable[[list[str]], None]] = {
    "airflow": _airflow,
    "aws": _aws,
    "docker": _docker,
    "make": _make,
    "pip": _pip,
}


# --- Configuration ------------------------------------------------------------------------------------------------


def _ini(text: str) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    assert parser.sections()
    from airflow.configuration import conf

    ours = get_provider_info()["config"]
    for section in parser.sections():
        for option in parser.options(section):
            known = option in ours[section]["options"] if section in ours else conf.has_option(section, option)
            assert known, f"[{section}] {option}: Airflow has no such option"


def _requirements(text: str) -> None:
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    wanted = [line for line in lines if line and not line.startswith(("#", "--"))]
    assert wanted
    for line in wanted:
        _requirement(line)


def _requirement(text: str) -> None:
    requirement = Requirement(text.split("@")[0] if text.startswith("./") else text)
    if requirement.name == "airflow-clarify":
        extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert requirement.extras <= set(extras), f"{text}: there are only the extras {', '.join(extras)}"
        assert airflow_clarify.__version__ in requirement.specifier, f"{text}: we are {airflow_clarify.__version__}"


def _yaml(text: str) -> None:
    assert list(yaml.safe_load_all(text))


def _sql(text: str) -> None:
    import sqlglot

    assert all(sqlglot.parse(text))


_DOCKER = re.compile(r"(FROM|RUN|COPY|USER|ENV|ARG|WORKDIR) \S")


def _dockerfile(text: str) -> None:
    whole = re.sub(r"\\\n\s*", "", text)
    for line in whole.splitlines():
        assert not line or line.startswith("#") or _DOCKER.match(line), f"{line!r} is no instruction of a Dockerfile"
        if line.startswith("RUN "):
            _console(f"$ {line.removeprefix('RUN ')}")


_READ: Mapping[str, Callable[[str], Any]] = {
    "": _commands_without_prompt,
    "python": _python,
    "console": _console,
    "ini": _ini,
    "json": json.loads,
    "yaml": _yaml,
    "toml": tomllib.loads,
    "sql": _sql,
    "dockerfile": _dockerfile,
}
_READ_FILES: Mapping[str, Callable[[str], Any]] = {".txt": _requirements}
