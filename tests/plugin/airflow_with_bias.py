"""Start a real Airflow with the page "Bias", two users, and runs of real tasks."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from uuid import uuid4

from airflow_services import AirflowServices, airflow_services

HERE = Path(__file__).parent

#: May read everything.
ADMIN = "ada"
#: May read every DAG but SECRET.
READER = "rosa"
PASSWORD = "only-on-loopback"
#: The path of Airflow behind a proxy. The stack's tests open an Airflow at the root.
PATH = "/team/airflow"

(
    GATED,
    SECRET,
    WIDE,
    HOSTILE,
    PLAIN,
    WAITING,
    BALANCED,
    MEASURED,
    SEVERAL,
    STALLED,
    SILENT,
    COUNTRIES,
    WATCHED,
    PRIVATE,
    SEARCHED,
) = (
    "train_review_ranker",
    "payroll_scoring",
    "store_ranking",
    "hostile_catalogue",
    "nightly_export",
    "loan_approval",
    "balanced_ranker",
    "measured_reviews",
    "several_rankers",
    "stalled_ranker",
    "silent_ranker",
    "loans_by_country",
    "watched_ranker",
    "private_loans",
    "searched_loans",
)
READABLE = (
    *(GATED, WIDE, HOSTILE, PLAIN, WAITING, BALANCED, MEASURED, SEVERAL, STALLED, SILENT, COUNTRIES),
    *(WATCHED, PRIVATE, SEARCHED),
)

HISTORY_RUNS = 200
BAD_WEEK = range(6)

DAGS = '''
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.providers.common.compat.sdk import AirflowFailException

import overviews as made
from airflow_clarify import BiasConfig, BiasGateOperator, ClarifyPreTrainingBiasOperator, DataConfig

HOME = Path(__file__).parents[1]
LAB = {"DPL": 0.1, "JS": 0.01}


def gated(dag_id, data, bounds, **how):
    """Build a DAG that measures, gates and trains, with the given counts."""
    with DAG(dag_id, schedule=None, tags=["training"]):

        @task
        def bias(ti=None):
            ti.xcom_push(key="bias_overview", value=made.overview("analysis", data, **how))

        @task
        def gate(ti=None):
            found = made.overview("gate", data, bounds, **how)
            ti.xcom_push(key="bias_overview", value=found)
            if found["outcome"] == "violation" and found["reaction"] == "fail":
                raise AirflowFailException(found["analyses"][0]["sentence"])

        @task
        def train():
            pass

        bias() >> gate() >> train()


gated("train_review_ranker", made.WOMENS_CLOTHING, LAB, warnings=("3 rows have no product_category.",))
gated("payroll_scoring", {"night shift": (412, 97), "day shift": (3920, 1811)}, {"DPL": 0.1}, column="shift",
      label="raise", positive="yes")
gated("store_ranking", made.many(600), {"DPL": 0.15, "JS": 0.02}, column="store", label="in_stock", reaction="warn")
gated("hostile_catalogue", {value: (40 + 7 * n, 20 + n) for n, value in enumerate(made.HOSTILE)}, {"DPL": 0.2},
      column="<b>column</b>\\u202e", reaction="warn", reasons=("<i>a reason</i>",), warnings=("<u>a warning</u>",))
gated("loan_approval", {"0": (1792, 1612), "1": (197, 133)}, {"DPL": 0.2}, column="black", label="approve",
      confidence=0.95, reaction="warn")

gated("balanced_ranker", made.BALANCED, LAB)
gated("watched_ranker", made.WOMENS_CLOTHING, {"DPL": 0.1}, series=True)
gated("private_loans", made.PRIVATE, {"DPL": 0.1}, column="region", label="approved", confidence=0.95,
      correction="holm", suppress_below=10, reaction="warn")

with DAG("searched_loans", schedule=None):

    @task
    def search(ti=None):
        ti.xcom_push(key="bias_overview", value=made.subgroups())

    search()

with DAG("measured_reviews", schedule=None):
    # The operators themselves.
    measured = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(f"{HOME}/reviews.csv", output_path=f"{HOME}/out", label="sentiment"),
        bias_config=BiasConfig([1], "product_category", label_type="categorical"),
    )
    BiasGateOperator(task_id="gate", analysis=measured.output, thresholds={"DPL": 0.1})

with DAG("several_rankers", schedule=None):
    good = made.overview("gate", made.BALANCED, {"DPL": 0.1}, reaction="warn")
    bad = made.overview("gate", made.WOMENS_CLOTHING, {"DPL": 0.1}, reaction="warn")

    @task
    def gate(ti=None):
        # Two files with the same label: one passes, and one does not.
        both = bad | {"analyses": [*good["analyses"], *bad["analyses"]]}
        ti.xcom_push(key="bias_overview", value=both)

    @task
    def shop(number, ti=None):
        ti.xcom_push(key="bias_overview", value=bad if number == 1 else good)

    gate()
    shop.expand(number=[0, 1, 2])

for dag_id, runs_well in (("stalled_ranker", 1), ("silent_ranker", 0)):
    with DAG(dag_id, schedule=None):

        @task
        def fetch(dag_id, runs_well):
            count = HOME / f"{dag_id}-runs"
            before = int(count.read_text()) if count.exists() else 0
            count.write_text(str(before + 1))
            if before >= runs_well:
                raise AirflowFailException("there are no data today")

        of_today = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(f"{HOME}/reviews.csv", label="sentiment"),
            bias_config=BiasConfig([1], "product_category", label_type="categorical"),
        )
        fetch(dag_id, runs_well) >> of_today
        BiasGateOperator(task_id="gate", analysis=of_today.output, thresholds={"DPL": 0.5})

with DAG("loans_by_country", schedule=None):
    name = "{{ task.data_config['input_path'].rpartition('/')[2].removesuffix('.csv').title() }}"
    by_country = ClarifyPreTrainingBiasOperator.partial(
        task_id="bias",
        bias_config=BiasConfig([1], "gender", label_type="categorical"),
        map_index_template=name,
    ).expand(data_config=[{"input_path": f"{HOME}/{one}.csv", "label": "approved"} for one in ("germany", "france")])
    BiasGateOperator.partial(
        task_id="gate",
        thresholds={"DPL": 0.2},
        on_violation="warn",
        map_index_template="{{ task.analysis['data']['path'].rpartition('/')[2].removesuffix('.csv').title() }}",
    ).expand(analysis=by_country.output)

with DAG("nightly_export", schedule=None):

    @task
    def export():
        pass

    export()
'''

PLUGIN = "from airflow_clarify.plugin import ClarifyPlugin  # noqa: F401\n"


@dataclass
class AirflowWithBias:
    """A running Airflow with the runs that the tests of the page need.

    :param services: the running Airflow
    :param runs: the first run of each DAG
    :param history: the run ids of GATED that were written to the database, the oldest first
    """

    services: AirflowServices
    runs: dict[str, str]
    history: list[str]

    @property
    def url(self) -> str:
        return self.services.url


@contextmanager
def airflow_with_bias(home: Path, **environment: str) -> Iterator[AirflowWithBias]:
    """Start Airflow, and create the users and the runs.

    :param home: an empty folder
    :param environment: more environment variables
    """
    for name in ("dags", "plugins"):
        (home / name).mkdir()
    (home / "dags" / "gated.py").write_text(DAGS)
    rows = [f"Trend,{int(n < 78)}" for n in range(118)] + [f"Dresses,{int(n < 770)}" for n in range(1000)]
    (home / "reviews.csv").write_text("\n".join(["product_category,sentiment", *rows]))
    for country, hired in (("germany", 20), ("france", 48)):
        rows = [f"F,{int(n < hired)}" for n in range(100)] + [f"M,{int(n < 50)}" for n in range(100)]
        (home / f"{country}.csv").write_text("\n".join(["gender,approved", *rows]))
    if not any(point.name == "clarify" for point in entry_points(group="airflow.plugins")):
        # The package was installed before it had this entry point.
        (home / "plugins" / "clarify_plugin.py").write_text(PLUGIN)
    settings = {
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent), str(HERE.parents[1])]),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
    }
    runs: dict[str, str] = {}
    # The page shows what is in the database; tasks run in process, because a scheduler would write the same.
    with airflow_services(
        home,
        home / "dags",
        only=["api-server"],
        meanwhile=lambda services: runs.update(create_runs(services)),
        path=PATH,
        **(settings | environment),
    ) as services:
        services._token = token(services.url, ADMIN)
        write_history(services, WATCHED, runs[WATCHED], with_series=True)
        yield AirflowWithBias(services, runs, write_history(services, GATED, runs[GATED]))


def create_runs(services: AirflowServices) -> dict[str, str]:
    """Run the DAGs and create users, in a process with the services' environment.

    :return: the first run of each DAG
    """
    dags = services.home / "dags" / "gated.py"
    script = [sys.executable, str(HERE / "create_runs.py"), str(dags), services.url]
    done = subprocess.run(script, env=services.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    runs: dict[str, str] = {}
    for dag_id, run_id in json.loads(done.stdout.splitlines()[-1]):
        runs.setdefault(dag_id, run_id)
    return runs


def token(url: str, user: str) -> str:
    """Request an API token for a user."""
    request = urllib.request.Request(
        f"{url}/auth/token",
        data=json.dumps({"username": user, "password": PASSWORD}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.loads(answer.read())["access_token"])


def write_history(
    services: AirflowServices, dag_id: str, run_id: str, how_many: int = HISTORY_RUNS - 1, *, with_series: bool = False
) -> list[str]:
    """Write earlier runs to the metadata database: copies of a real run, each with other numbers.

    :param with_series: the real run has also pushed the copy of their history
    :return: their run ids, the oldest first
    """
    import sqlalchemy as sa
    from overviews import WOMENS_CLOTHING, nightly_series

    engine = sa.create_engine(services.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    tables = sa.MetaData()
    tables.reflect(engine, only=["dag_run", "task_instance", "xcom"])
    dag_run, task_instance, xcom = (tables.tables[name] for name in ("dag_run", "task_instance", "xcom"))
    written = []
    nights: list[tuple[str, datetime, Any]] = []
    instances: list[dict[str, Any]] = []
    xcoms: list[dict[str, Any]] = []
    with engine.begin() as connection:
        one = (dag_run.c.dag_id == dag_id) & (dag_run.c.run_id == run_id)
        run = dict(connection.execute(sa.select(dag_run).where(one)).mappings().one())
        mine = (task_instance.c.dag_id == dag_id) & (task_instance.c.run_id == run_id)
        tasks = [dict(row) for row in connection.execute(sa.select(task_instance).where(mine)).mappings()]
        for number in range(how_many, 0, -1):
            when = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=number)
            earlier = f"scheduled__{when.isoformat()}"
            data, measured, gate = describe_night(number)
            dates = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "run_after"), when)
            dates |= dict.fromkeys(("queued_at", "start_date"), when) | {"end_date": when + timedelta(seconds=40)}
            state = "failed" if gate["outcome"] == "violation" else "success"
            values = run | dates | {"run_id": earlier, "run_type": "scheduled", "state": state}
            values.pop("id")
            new_id = connection.execute(
                sa.insert(dag_run).values(_known(dag_run, values)).returning(dag_run.c.id)
            ).scalar()
            for task in tasks:
                own = dates | {"id": uuid4(), "run_id": earlier, "queued_dttm": when}
                instances.append(_known(task_instance, task | own))
            place = {"dag_run_id": new_id, "dag_id": dag_id, "run_id": earlier, "map_index": -1, "timestamp": when}
            for task_id, value in (("bias", measured), ("gate", gate)):
                xcoms.append(place | {"task_id": task_id, "key": "bias_overview", "value": value})
            written.append(earlier)
            nights.append((earlier, when - timedelta(days=1), data))
        connection.execute(sa.insert(task_instance), instances)
        connection.execute(sa.insert(xcom), xcoms)
        if with_series:
            # A day after the one before, at whatever time of day the tests run.
            nights.append((run_id, nights[-1][1] + timedelta(days=1), WOMENS_CLOTHING))
            mine = (xcom.c.dag_id == dag_id) & (xcom.c.run_id == run_id) & (xcom.c.task_id == "gate")
            latest = connection.execute(sa.select(xcom).where(mine & (xcom.c.key == "bias_overview"))).mappings().one()
            series = {"key": "bias_series", "value": nightly_series(nights)}
            connection.execute(sa.insert(xcom).values(dict(latest) | series))
        # Without statistics about the new rows, PostgreSQL takes seconds to list the XComs of a DAG.
        connection.execute(sa.text("ANALYZE dag_run, task_instance, xcom"))
    engine.dispose()
    return written


@functools.cache
def describe_night(number: int) -> tuple[Any, Any, Any]:
    """Return the counts of a night, and the overviews of the task that measures and of the gate.

    :param number: how many nights ago
    """
    from overviews import WOMENS_CLOTHING, drifting, overview

    # Most days are better than the lab's; now and then there is a bad week.
    data = drifting(WOMENS_CLOTHING, number, worse=0.01 if number % 61 in BAD_WEEK else -0.035)
    return data, overview("analysis", data), overview("gate", data, {"DPL": 0.1, "JS": 0.01})


def _known(table: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in table.c}
