"""Crossed facets: combinations of columns, counted in the same scan and named without confusion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest
from counting_factories import analyse, count, csv_of, tallies, written
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, SageMakerEngine, Thresholds
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.crossing import join_parts, split_parts
from airflow_clarify.engines.counting import contingency as counting
from airflow_clarify.exceptions import ConfigError

PEOPLE = {
    "gender": ["F", "M", "F", "M"] * 25,
    "race": ["black", "white", "white", "black"] * 25,
    "age": list(range(100)),
    "approved": [0, 1, 1, 1] * 25,
}


def people(**changes: Any) -> pandas.DataFrame:
    return pandas.DataFrame({**PEOPLE, **changes})


def test_combinations_are_counted_beside_single_columns() -> None:
    contingency, _ = count(people(), ["gender", ("gender", "race")])
    single, crossed = contingency.facets
    assert tallies(single) == {"F": (25, 25), "M": (50, 0)}
    assert crossed.column == "gender+race"
    assert crossed.values == ("F+black", "M+white", "F+white", "M+black")
    assert tallies(crossed) == {
        "F+black": (0, 25),
        "M+white": (25, 0),
        "F+white": (25, 0),
        "M+black": (25, 0),
    }


def test_the_combination_is_worse_off_than_its_parts() -> None:
    analysis = analyse(people(), ["gender", ("gender", "race")])
    values = {}
    for facet in analysis.facets:
        for result in facet.results:
            metric = result.metric("DPL")
            values[facet.column, result.value] = None if metric is None else metric.value
    assert values["gender", "F"] == 0.5
    assert values["gender+race", "F+black"] == 1.0


def test_values_given_for_a_crossed_facet(tmp_path: Path) -> None:
    data = written(tmp_path / "people.csv", csv_of(PEOPLE))
    for given_values in ([("F", "black")], [["F", "black"]], ["F+black"]):
        contingency, _ = count(data, [("gender", "race")], values=[given_values])
        (facet,) = contingency.facets
        assert facet.name == "F+black"
        assert tallies(facet) == {"F+black": (0, 25), "rest": (75, 0)}


def test_a_given_combination_without_rows_is_reported() -> None:
    contingency, _ = count(people(), [("gender", "race")], values=[[("F", "black"), ("X", "black")]])
    assert "facet 'gender+race': no row holds 'X+black'" in contingency.warnings


def test_a_row_with_a_missing_part_belongs_to_the_rest() -> None:
    contingency, _ = count(people(race=["black", None, "white", "black"] * 25), [("gender", "race")])
    (facet,) = contingency.facets
    assert facet.values == ("F+black", None, "F+white", "M+black")
    split = facet.split({"F+black"})
    assert (split.d.rows, split.a.rows) == (25, 75)
    assert any("25 rows have no 'race' and count among the rest" in each for each in contingency.warnings)


def test_values_given_as_text() -> None:
    assert count(people(), "gender+race")[0].facets[0].column == "gender+race"
    named = people().rename(columns={"gender": "gender+race"})
    (facet,) = count(named, "gender+race")[0].facets
    assert facet.values == ("F", "M")


def test_a_plus_inside_a_name_or_a_value() -> None:
    frame = people(gender=["a", "a+b", "a", "a+b"] * 25, race=["b+c", "c", "c", "b+c"] * 25)
    (facet,) = count(frame, [("gender", "race")])[0].facets
    assert facet.values == (r"a+b\+c", r"a\+b+c", "a+c", r"a\+b+b\+c")


@given(parts=st.lists(st.text("ab+\\ ,=", max_size=4), min_size=1, max_size=4))
def test_a_name_can_be_split_into_its_parts(parts: list[str]) -> None:
    assert split_parts(join_parts(parts)) == tuple(parts)


def test_thresholds_and_xcom_name_the_combination() -> None:
    analysis = analyse(people(), [("gender", "race")])
    for each in (analysis, Analysis.from_xcom(analysis.to_xcom())):
        verdict = Thresholds({"DPL": {"gender+race": 0.1}}).judge(each)
        assert not verdict.passed
        assert any("F+black" in str(finding) for finding in verdict.findings)
    read = Analysis.from_clarify_json(analysis.to_clarify_json())
    assert read.facets[0].column == "gender+race"
    assert [result.value for result in read.facets[0].results] == [r.value for r in analysis.facets[0].results]


def test_the_configuration_file_has_lists() -> None:
    data = DataConfig("people.csv", label="approved")
    bias = BiasConfig([1], ["gender", ("gender", "race")], [None, [("F", "black")]])
    config = AnalysisConfig.build(data, bias)
    assert config.document["facet"] == [
        {"name_or_index": "gender"},
        {"name_or_index": ["gender", "race"], "value_or_threshold": [["F", "black"]]},
    ]
    assert AnalysisConfig.parse(config.to_json()).facets[1].name == "gender+race"
    assert BiasConfig.coerce(bias.get_config()).build_facets() == bias.build_facets()


@pytest.mark.parametrize(
    ("facets", "values", "complaint"),
    [
        ([("gender", "gender")], None, "facet_name: 'gender.gender' crosses a column with itself"),
        ([("gender",)], None, r"has 1 columns; a crossed facet has two or more"),
        ([("gender", "race")], [[0.5]], "takes combinations such as .*not 0.5; it has no threshold"),
        ([("gender", "race")], [[("F",)]], "takes combinations such as"),
        ([("gender", "race")], [0.5], "give a list of combinations of gender.race"),
        ([("gender", "race"), ("race", "gender")], None, "occurs twice|is given twice"),
    ],
)
def test_what_cannot_be_crossed(facets: Any, values: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        count(people(), facets, values=values)


def test_a_continuous_part_has_no_threshold() -> None:
    with pytest.raises(ConfigError, match=r"'age' of the crossed facet 'gender.age' is continuous.*has no threshold"):
        count(people(), [("gender", "age")])
    contingency, _ = count(people(), [("gender", "age")], facet_type={"age": "categorical"})
    assert len(contingency.facets[0].values) == 100


def test_the_label_cannot_be_a_part() -> None:
    with pytest.raises(ConfigError, match=r"'approved' is the label"):
        count(people(), [("gender", "approved")])


def test_too_many_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_FACET_VALUES", 3)
    with pytest.raises(
        ConfigError, match=r"facet 'gender.race' has 4 combinations of values, more than 3; cross fewer"
    ):
        count(people(), [("gender", "race")])


def test_clarify_itself_cannot_cross_columns() -> None:
    data = DataConfig("s3://bucket/people.csv", label="approved")
    config = AnalysisConfig.build(data, BiasConfig([1], [("gender", "race")]))
    role = "arn:aws:iam::111122223333:role/lab"
    with pytest.raises(ConfigError, match=r"facet_name: Clarify's image cannot cross columns .gender.race.; write"):
        SageMakerEngine(role=role).check_facets(config)
    SageMakerEngine(role=role, image_uri="111122223333.dkr.ecr.eu-west-1.amazonaws.com/ours:1").check_facets(config)
