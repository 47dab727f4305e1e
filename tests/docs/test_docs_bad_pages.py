"""Errors on a page are found: the tests of the pages can fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs_languages import commands_and_outputs, is_tested, read
from docs_pages import Block, anchors_of, blocks_of
from docs_reader import Reader

BAD = {
    "a language that nothing tests": ("ruby", "puts 1", "nothing tests ruby"),
    "no language, and no command": ("", "puts 1", "nothing tests 'puts 1'"),
    "a service that Compose does not have": ("", "docker compose exec teapot true", "no such service"),
    "a command of AWS's that it does not have": ("console", "$ aws sagemaker make-tea", "no such command"),
    "an option of AWS's that it does not have": ("console", "$ aws iam get-role --role Me", "no option role"),
    "python that does not compile": ("python", "with DAG(:", "invalid syntax"),
    "a name that we do not have": ("python", "from airflow_clarify import BiasGate", "has no BiasGate"),
    "a parameter that we do not have": (
        "python",
        "from airflow_clarify import BiasGateOperator\nBiasGateOperator(task_id='g', analyses=[], thresholds={})",
        "takes no analyses",
    ),
    "a shell's syntax": ("console", "$ echo 'unfinished", "unexpected EOF"),
    "a command of Airflow's that it does not have": ("console", "$ airflow dags tests first", "no such command"),
    "a target that make does not have": ("console", "$ make coffee", "no such target"),
    "what comes behind a pipe": ("console", "$ aws ecr get-login-password | make coffee", "no such target"),
    "an extra that we do not have": ("console", "$ pip install 'airflow-clarify[flink]'", "only the extras"),
    "another version than ours": ("console", "$ pip install airflow-clarify==99.1", "we are"),
    "a setting that we do not have": ("ini", "[clarify]\nduckdb_speed = 11", "no such option"),
    "a setting that Airflow does not have": ("ini", "[core]\nno_such_option = 1", "no such option"),
    "broken JSON": ("json", "{'a': 1}", "Expecting"),
    "broken YAML": ("yaml", "a: [1", "expected"),
    "broken SQL": ("sql", "SELECT FROM WHERE", "(?i)expect"),
    "no Dockerfile": ("dockerfile", "INSTALL airflow", "no instruction"),
}


@pytest.mark.parametrize(("language", "text", "said"), BAD.values(), ids=BAD)
def test_a_bad_block_is_found_without_running_it(language: str, text: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        read(Block(Path("page.md"), 1, language, text))


def test_bad_requirements_are_found() -> None:
    with pytest.raises(Exception, match="name"):
        read(Block(Path("page.md"), 1, "text", "airflow-clarify=0.1\n", "file", "requirements.txt"))


def test_foreign_commands_need_a_reason_why_they_are_not_run() -> None:
    assert is_tested("airflow-clarify gate --help")
    assert is_tested("AIRFLOW_HOME=here airflow dags list")
    assert not is_tested("docker build .")
    assert not is_tested("airflow-clarify gate --help | docker build .")


def test_commands_that_continue_on_the_next_line() -> None:
    console = "$ one \\\n    --two\nprinted\n$ three\n"
    assert list(commands_and_outputs(console)) == [("one \\\n    --two", ["printed"]), ("three", [])]


RUN = {
    "python that fails": ("```python\n1 / 0\n```", "ZeroDivisionError"),
    "a DAG that Airflow cannot read": ("```python\nfrom airflow.sdk import DAG\nDAG()\n```", "TypeError"),
    "another output": (
        "```console\n$ airflow-clarify gate --help\nnone\n```",
        "prints",
    ),
    "a command that fails": (
        "```console\n$ airflow-clarify gate --analysis none.json --threshold DPL=1\n```",
        "no such",
    ),
    "a log without that line": ("<!-- log -->\n\n```text\nnever said\n```", "nothing in the log"),
}


@pytest.mark.parametrize(("page", "said"), RUN.values(), ids=RUN)
def test_a_page_that_cannot_be_followed_is_found(page: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(page)
    with pytest.raises(AssertionError, match=said):
        Reader(tmp_path, str).follow(file)


def test_a_page_is_followed_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(
        "<!-- file: note.txt -->\n\n```text\nhello\n```\n\nwords\n\n```python\nfrom pathlib import Path\n\n"
        "found = Path('note.txt').read_text()\n```\n\n<!-- not run: it would fail here -->\n\n```python\n1 / 0\n"
        "```\n\n```python\nassert found == 'hello\\n'\n```\n"
    )
    reader = Reader(tmp_path, str)
    reader.follow(file)
    assert reader.names["found"] == "hello\n"
    assert [block.note for block in blocks_of(file)] == ["file", "", "not run", ""]


def test_anchors_are_those_of_the_repository(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("# What it is, here\n\n## `min_rows` & more\n\n#### deeper\n")
    assert anchors_of(file) == {"what-it-is-here", "min_rows--more"}
