"""Test that the gate sends its verdict to a real mail server with Airflow's notifier, in Airflow's runner."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, task
from dag_runs import Ran, run
from test_messages import HOSTILE, an_analysis

from airflow_clarify import BiasGateOperator
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.notifications.notify import BIAS_TAB, notify_all
from airflow_clarify.plugin import ClarifyPlugin

FAIR = an_analysis({"a": (60, 40), "b": (60, 40)}).to_xcom()
BIASED = an_analysis({"a": (60, 40), "b": (10, 90)}).to_xcom()
HOSTILE_ONE = an_analysis({"a": (6000, 4000)} | dict.fromkeys(HOSTILE, (10, 90))).to_xcom()
TOLERATED = {"DPL": 0.1}


class Postbox:
    """Store the mails that the server receives."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default))
        return "250 kept"

    def about(self, task_id: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if str(mail["To"]) == f"{task_id}@example.org"]


@pytest.fixture(scope="module")
def postbox() -> Iterator[Postbox]:
    postbox = Postbox()
    server = Controller(postbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("AIRFLOW_CONN_POST", connection(server.port))
            patched.setenv("AIRFLOW_CONN_NO_POST", connection(free_port(), retry_limit=1))
            yield postbox
    finally:
        server.stop()


def connection(port: int, **extra: Any) -> str:
    plainly = {"disable_ssl": True, "disable_tls": True}
    return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": plainly | extra})


def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def mail_to(task_id: str, **how: Any) -> SmtpNotifier:
    return SmtpNotifier(
        to=f"{task_id}@example.org",
        from_email="airflow@example.org",
        subject="{{ dag.dag_id }}: {{ verdict.outcome }}",
        html_content="{{ verdict_html }}<pre>{{ verdict_text | e }}</pre>",
        smtp_conn_id=how.get("conn_id", "post"),
    )


@pytest.fixture(scope="module")
def notified(postbox: Postbox, airflow_db: Any) -> tuple[Ran, list[Any]]:
    """Run gates with notifiers; return the run, and the contexts that a function received."""
    heard: list[Any] = []
    with DAG("gates_that_tell", schedule=None) as dag:
        for name, how in {
            "fail": {"on_violation": "fail"},
            "skip": {"on_violation": "skip"},
            "warn": {"on_violation": "warn"},
            "always": {"on_violation": "warn", "notify_on": "always"},
        }.items():
            for kind, analysis in (("fair", FAIR), ("biased", BIASED)):
                task_id = f"{name}_{kind}"
                BiasGateOperator(
                    task_id=task_id, analysis=analysis, thresholds=TOLERATED, on_verdict=mail_to(task_id), **how
                )
        BiasGateOperator(
            task_id="several",
            analysis=BIASED,
            thresholds=TOLERATED,
            on_verdict=[mail_to("nobody", conn_id="no_post"), _stumbles, mail_to("several"), heard.append],
            on_violation="warn",
        )

        @task
        def measure() -> dict[str, Any]:
            return HOSTILE_ONE

        BiasGateOperator(
            task_id="hostile",
            # Assembled at run time, because Airflow would render a literal template here.
            analysis=measure(),
            thresholds=TOLERATED,
            on_verdict=mail_to("hostile"),
            on_violation="warn",
        )
        BiasGateOperator.partial(
            task_id="mapped",
            thresholds=TOLERATED,
            on_verdict=mail_to("mapped"),
            notify_on="always",
            on_violation="warn",
        ).expand(analysis=[FAIR, BIASED])
    return run(dag), heard


def _stumbles(context: Any) -> None:
    raise RuntimeError("the line is dead")


pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize(
    ("task_id", "mails"),
    [
        ("fail_fair", 0),
        ("fail_biased", 1),
        ("skip_biased", 1),
        ("warn_fair", 0),
        ("warn_biased", 1),
        ("always_fair", 1),
        ("always_biased", 1),
    ],
)
def test_which_verdicts_are_sent(notified: Any, postbox: Postbox, task_id: str, mails: int) -> None:
    assert len(postbox.about(task_id)) == mails


def test_the_mail_contains_the_findings_and_the_url(notified: Any, postbox: Postbox) -> None:
    mail = postbox.about("fail_biased")[0]
    content = body_of(mail)

    assert mail["Subject"] == "gates_that_tell: violation"
    assert "<strong>Violation.</strong> 1 of 1 check fails." in content
    assert "<code>f=b</code></bdi> is 0.5000, outside [-0.1, 0.1]" in content
    assert "/dags/gates_that_tell/runs/" in content
    assert "/tasks/fail_biased/plugin/bias-verdict" in content
    assert body_of(postbox.about("always_fair")[0]).startswith("<p><strong>Passed.</strong> 1 of 1 check passes.")


def test_a_failed_notifier_does_not_change_the_verdict(notified: Any, postbox: Postbox) -> None:
    ran, heard = notified

    assert ran.states["fail_biased"] == "failed"
    assert ran.states["several"] == "success"
    assert ran.xcoms["several"]["verdict"]["outcome"] == "violation"
    assert not postbox.about("nobody")
    assert len(postbox.about("several")) == len(heard) == 1
    assert heard[0]["verdict"] == ran.xcoms["several"]["verdict"]


def test_a_failed_notifier_is_logged_as_a_warning(notified: Any, caplog: pytest.LogCaptureFixture) -> None:
    _, heard = notified

    notify_all([_stumbles], heard[0], heard[0]["verdict"], logging.getLogger("task"))

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "_stumbles could not send the verdict, which is unchanged: RuntimeError: the line is dead",
        )
    ]


def test_untrusted_values_are_text_in_the_mail(notified: Any, postbox: Postbox) -> None:
    content = body_of(postbox.about("hostile")[0])

    assert "<script" not in content
    assert "<!channel" not in content
    assert "&lt;script&gt;alert(1)" in content
    # A value in the form of a template is not rendered.
    assert "{{ 7 * 7 }}" in content


def test_each_instance_of_a_mapped_gate_sends_its_own_verdict(notified: Any, postbox: Postbox) -> None:
    """A notifier renders its templates in place, and all instances share it."""
    assert {mail["Subject"] for mail in postbox.about("mapped")} == {
        "gates_that_tell: pass",
        "gates_that_tell: violation",
    }
    assert any("/tasks/mapped/mapped/1/plugin/bias-verdict" in body_of(mail) for mail in postbox.about("mapped"))


def test_the_url_is_that_of_the_tab() -> None:
    tab = next(view for view in ClarifyPlugin.external_views if view["destination"] == "task_instance")
    assert f"plugin/{tab['url_route']}" == BIAS_TAB


@pytest.mark.parametrize(
    ("how", "wrong"),
    [
        ({"on_verdict": SmtpNotifier}, "on_verdict: a notifier, such as SmtpNotifier"),
        ({"on_verdict": ["me@example.org"]}, "on_verdict: a notifier, such as SmtpNotifier"),
        ({"notify_on": "pass"}, "notify_on: 'violation', 'always' or 'change', not 'pass'"),
    ],
)
def test_invalid_notifiers_are_rejected_at_parse_time(how: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError, match=f"task 'gate': {wrong}"):
        BiasGateOperator(task_id="gate", analysis="a.json", thresholds=TOLERATED, **how)


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
