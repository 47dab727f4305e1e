from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest
from counting_factories import LOANS, analyse, count, csv_of, metric, tallies, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import Cell, WeightedCount
from airflow_clarify.engines.counting import contingency as counting
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import ConfigError, DataError

#: Names and values that mean something to SQL, CSV, HTML or a shell, and nothing to us.
AWKWARD = [
    "select",
    "group",
    "facet",
    "label",
    "grp",
    "n",
    "a b",
    "a.b",
    "a,b",
    "a;b",
    'say "hi"',
    "O'Hara",
    "two\nlines",
    "<b>bold</b>",
    "x'); DROP TABLE airflow_clarify_cells; --",
    "{{ ds }}",
    "%s",
    "$1",
    "?",
    "é",
    "日本",
    "🙂",
    "\\",
    "a\\'b",
    "*",
    "0",
    " ",
]


# --- What is counted ----------------------------------------------------------------------------------------------


def test_every_row_is_counted_under_its_value_and_label(tmp_path: Path) -> None:
    rows = "gender,approved\n" + "F,1\nM,0\nF,1\nX,2\nM,1\n" * 20
    contingency, _ = count(written(tmp_path / "loans.csv", rows))
    (facet,) = contingency.facets
    assert facet.values == ("F", "M", "X")
    assert sorted(facet.cells, key=str) == [
        Cell("F", "1", True, None, WeightedCount.from_rows(40)),
        Cell("M", "0", False, None, WeightedCount.from_rows(20)),
        Cell("M", "1", True, None, WeightedCount.from_rows(20)),
        Cell("X", "2", False, None, WeightedCount.from_rows(20)),
    ]
    assert (contingency.label, contingency.label_text, contingency.weighted) == ("approved", "1", False)
    assert contingency.engine == f"duckdb {duckdb.__version__}"


def test_columns_can_be_named_by_position(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    assert count(data, 0, label=1)[0] == count(data, "gender", label="approved")[0]


def test_values_are_listed_in_order_of_first_appearance(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "g,y\n" + "".join(f"{g},1\n{g},0\n" for g in ["z", "", "a", "m", "B"]) * 3)
    assert count(data, "g", label="y")[0].facets[0].values == ("z", None, "a", "m", "B")


@pytest.mark.parametrize("late", [10_001, 250_000])
def test_a_value_that_first_appears_late_is_listed_last(
    late: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_clarify.engines.duckdb.first_seen._FIRST_ROWS", (10_000, 100_000, None))
    values = ["b", "a"] * (late // 2) + ["0 late", "1 later", "b"]
    data = written(tmp_path / "loans.csv", csv_of({"g": values, "y": [1] * len(values)}))
    assert count(data, "g", label="y")[0].facets[0].values == ("b", "a", "0 late", "1 later")


def test_the_first_rows_are_read_in_order_where_lines_fill_the_buffer(tmp_path: Path) -> None:
    values = ["z", "a", "m", "B", "b"]
    lines = "".join(f"{values[min(i // 40, i % 5)]},1,{'x' * (90 if i % 3 else 2)}\n" for i in range(4000))
    data = written(tmp_path / "loans.csv", "g,y,text\n" + lines)
    contingency, _ = count(data, "g", label="y", csv_options={"max_line_size": 100})
    assert contingency.facets[0].values == tuple(values)


def test_several_facets_are_counted_in_one_scan(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "a,b,c,y\n" + "x,1,p,1\nx,2,q,0\ny,1,p,0\n,2,,1\n" * 30)
    together, _ = count(data, ["a", "b", "c"], label="y")
    for facet in together.facets:
        assert facet == count(data, facet.column, label="y")[0].facets[0]


def test_a_facet_can_be_the_group_variable_of_another(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "a,b,y\n" + "x,p,1\nx,q,0\ny,p,0\ny,q,1\nx,p,0\n" * 30)
    together, _ = count(data, ["a", "b"], label="y", group="b")
    for facet in together.facets:
        assert facet == count(data, facet.column, label="y", group="b")[0].facets[0]
    assert {cell.group for cell in together.facets[0].cells} == {"p", "q"}


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["F", "M", ""]), st.sampled_from(["a", "b", "c"]), st.sampled_from(["0", "1", ""])),
        min_size=20,
        max_size=60,
    )
)
@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_those_of_a_loop_over_the_rows(rows: list[tuple[str, str, str]], tmp_path: Path) -> None:
    names = ("g", "z", "y")
    data = written(tmp_path / "loans.csv", csv_of(dict(zip(names, zip(*rows, strict=True), strict=True))))
    contingency, _ = count(data, ["g", "z"], label="y", group="z", label_type="categorical", facet_type="categorical")
    for facet, position in zip(contingency.facets, (0, 1), strict=True):
        expected = Counter((row[position] or None, row[2] or None, row[2] == "1", row[1]) for row in rows)
        assert {(c.facet, c.label, c.positive, c.group): c.tally.rows for c in facet.cells} == expected
        assert list(facet.values) == list(dict.fromkeys(row[position] or None for row in rows))


# --- What a column is ---------------------------------------------------------------------------------------------


def profile_of(tmp_path: Path, cells: list[str], **asked: Any) -> Any:
    data = written(
        tmp_path / "data.csv", csv_of({"g": cells, "y": [0, 1] * (len(cells) // 2) + [0] * (len(cells) % 2)})
    )
    return count(data, "g", label="y", label_type="categorical", **asked)[0].facets[0]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "01", " 1", "1 ", "+1", "2"], ("1", "2")),
        (["1.0", "1", "1e0", "2.50"], ("1.0", "2.5")),
        (["True", "false", "TRUE", "FALSE", "tRuE"], ("True", "False")),
        (["True", "1"], ("True", "1")),
        (["1", "x", "01"], ("1", "x", "01")),
        (["99999999999999999999", "1"], ("99999999999999999999", "1")),
        (["9223372036854775807", "-9223372036854775808"], ("9223372036854775807", "-9223372036854775808")),
        (["1_000", "1000"], ("1_000", "1000")),
        (["0x10", "16"], ("0x10", "16")),
        ([" True", "True"], (" True", "True")),
        (["F ", "F", "f"], ("F ", "F", "f")),
    ],
)
def test_a_cell_is_read_as_pandas_reads_it(cells: list[str], values: tuple[str, ...], tmp_path: Path) -> None:
    facet = profile_of(tmp_path, cells * 40, facet_type="categorical")
    assert facet.values == values


def test_whole_numbers_with_gaps_are_floats_to_clarify_and_so_continuous(tmp_path: Path) -> None:
    cells = (["1"] * 50 + ["2"] * 49) * 2
    assert profile_of(tmp_path, cells, values=[1]).name == "1"
    assert profile_of(tmp_path, [*cells, ""], values=[1]).name == "(1.0, 2.0]"


def test_a_threshold_selects_the_values_above_it(tmp_path: Path) -> None:
    facet = profile_of(tmp_path, [str(age) for age in range(100)], values=[64])
    assert facet.name == "(64, 99]"
    assert tallies(facet) == {"rest": (32, 33), "(64, 99]": (18, 17)}


def test_infinity_is_a_value_and_a_bound(tmp_path: Path) -> None:
    facet = profile_of(tmp_path, ["1.5", "inf", "-inf", "3"] * 10, values=[2])
    assert facet.name == "(2.0, inf]"
    assert sum(sum(rows) for value, rows in tallies(facet).items() if value != "rest") == 20


def test_a_threshold_is_exact_among_large_whole_numbers(tmp_path: Path) -> None:
    large = 2**53
    facet = profile_of(tmp_path, [str(large + i) for i in range(40)], values=[large + 20])
    assert tallies(facet)[f"({large + 20}, {large + 39}]"] == (10, 9)


def test_a_fraction_is_a_threshold_among_whole_numbers_of_any_size(tmp_path: Path) -> None:
    facet = profile_of(tmp_path, [str(i) for i in range(39)] + [str(2**63 - 1)], values=["0.12345678901234567890"])
    assert sum(tallies(facet)["rest"]) == 1


def test_configured_values_of_several_types_match_the_column(tmp_path: Path) -> None:
    data = written(tmp_path / "stars.csv", "g,stars\n" + "F,5\nF,4\nM,3\nM,2\nM,1\n" * 30)
    contingency, _ = count(data, "g", label="stars", positive=["5", 4.0])
    assert tallies(contingency) == {"F": (60, 0), "M": (0, 90)}
    assert contingency.label_text == "5,4.0"


@pytest.mark.parametrize("positive", [True, "True", "true", 1, "1", 1.0])
def test_booleans_are_equal_in_every_spelling(positive: Any, tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS.replace("1", "True").replace("0", "False"))
    assert tallies(count(data, positive=[positive])[0]) == {"F": (30, 0), "M": (0, 30)}


def test_false_does_not_mean_true(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS.replace("1", "True").replace("0", "False"))
    assert tallies(count(data, positive=["False"])[0]) == {"F": (0, 30), "M": (30, 0)}


def test_a_declared_type_overrides_the_rule(tmp_path: Path) -> None:
    floats = written(tmp_path / "loans.csv", "gender,approved\n" + "F,1.0\nM,0.0\n" * 30)
    by_rule, _ = count(floats)
    assert by_rule.label_text == ""
    assert tallies(by_rule) == {"F": (0, 30), "M": (0, 30)}
    assert tallies(count(floats, label_type="categorical")[0]) == {"F": (30, 0), "M": (0, 30)}


def test_floats_declared_categorical_are_compared_by_value(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "sex,approved\n" + "1.0,1\n0.0,0\n" * 30)
    with pytest.raises(ConfigError, match="so it needs a threshold"):
        count(data, "sex")
    assert tallies(count(data, "sex", facet_type="categorical")[0]) == {"1.0": (30, 0), "0.0": (0, 30)}


# --- Missing values -----------------------------------------------------------------------------------------------


def test_texts_that_pandas_treats_as_missing_are_missing_with_a_warning(tmp_path: Path) -> None:
    data = written(tmp_path / "people.csv", "country,approved\nNA,1\nDE,0\nNone,1\nNA,0\n,1\nDE,1\n" + "DE,1\n" * 30)
    contingency, _ = count(data, "country")
    assert contingency.facets[0].values == (None, "DE")
    assert contingency.warnings == (
        "column 'country': 'NA' in 2 rows, 'None' in 1 rows is read as missing, as pandas and so Clarify do; set "
        "na_values=[''] to keep it as a value",
        "facet 'country': 4 rows have no value and count among the rest of every value, as in Clarify",
    )


def test_a_country_called_na_is_kept_on_request(tmp_path: Path) -> None:
    data = written(tmp_path / "people.csv", "country,approved\n" + "NA,1\nDE,0\n,1\n" * 20)
    assert count(data, "country", na_values=[""])[0].facets[0].values == ("NA", "DE", None)
    assert count(data, "country", na_values=["DE"])[0].facets[0].values == ("NA", None, "")
    contingency, _ = count(data, "country", na_values=[])
    assert (contingency.facets[0].values, contingency.warnings) == (("NA", "DE", ""), ())


def test_missing_labels_are_not_positive(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS + "F,\nF,NaN\n")
    contingency, _ = count(data, label_type="categorical")
    assert tallies(contingency) == {"F": (30, 2), "M": (0, 30)}
    assert "label 'approved': 2 rows have no label and count as not positive, as in Clarify" in contingency.warnings


def test_missing_groups_are_dropped_where_groups_are_numbers_only(tmp_path: Path) -> None:
    rows = "F,1,{0}\nM,0,{1}\nF,0,\nM,1,{0}\n" * 20
    numbers, _ = count(written(tmp_path / "n.csv", "gender,approved,z\n" + rows.format(1, 2)), group="z")
    assert numbers.facets[0].drop_missing_groups
    assert numbers.warnings == ("group variable 'z': 20 rows have no group and are left out of CDDL, as in Clarify",)
    texts, _ = count(written(tmp_path / "t.csv", "gender,approved,z\n" + rows.format("a", "b")), group="z")
    assert not texts.facets[0].drop_missing_groups
    assert texts.warnings == ("group variable 'z': 20 rows have no group and are taken as a group of their own",)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "frame"])
def test_negative_zero_is_zero_as_a_facet_a_label_and_a_group(ending: str, tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {
            "f": [0.0, -0.0, 1.5, 1.5, -0.0] * 12,
            "y": [1.0, -0.0, 0.0, 1.0, 0.0] * 12,
            "g": ["a", "b", "a", "b", "b"] * 12,
        }
    )
    path = tmp_path / f"data.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == "parquet":
        frame.to_parquet(path)
    data = frame if ending == "frame" else path
    asked = {"label": "y", "label_type": "categorical", "facet_type": "categorical"}
    facet = count(data, "f", **asked)[0].facets[0]
    assert tallies(facet) == {"0.0": (12, 24), "1.5": (12, 12)}
    assert set(facet.label_values()) == {"0.0", "1.0"}
    grouped = count(data, "g", group="f", **asked)[0].facets[0]
    assert {cell.group for cell in grouped.cells} == {"0.0", "1.5"}


@pytest.mark.parametrize("ending", ["parquet", "frame"])
@pytest.mark.parametrize("day", ["2024-01-02", "2024-01-02 00:00", "2024-01-02T00:00:00"])
def test_a_day_names_the_timestamp_at_its_midnight(day: str, ending: str, tmp_path: Path) -> None:
    moments = pandas.to_datetime(["2024-01-02 00:00:00", "2024-01-02 10:30:00"] * 30)
    frame = pandas.DataFrame({"t": moments, "u": moments.tz_localize("UTC"), "y": [1, 0] * 30})
    frame.to_parquet(tmp_path / "data.parquet")
    data = frame if ending == "frame" else tmp_path / "data.parquet"
    for column in ("t", "u"):
        counted = count(data, column, label="y", values=[day])[0]
        assert tallies(counted.facets[0]) == {day: (30, 0), "rest": (0, 30)}
        assert not counted.warnings
    assert count(data, "t", label="y", values=["2024-01-03"])[0].warnings == (
        "facet 't': no row holds '2024-01-03 00:00:00'",
    )


def test_dropped_leading_zeros_give_a_warning(tmp_path: Path) -> None:
    rows = "postcode,approved\n" + "01067,1\n1067,0\n80331,1\n" * 60
    contingency, _ = count(written(tmp_path / "loans.csv", rows), "postcode")
    assert contingency.facets[0].values == ("1067", "80331")
    assert contingency.warnings == (
        "column 'postcode': 60 rows lose their leading zeros, as '01067' does, because a column of whole numbers in a "
        "text file is read as numbers, as in Clarify; to keep them, store the column as text in Parquet",
    )


def test_a_missing_value_and_a_text_that_says_nan_are_two_groups(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"g": ["nan", None, "x", "x"] * 20, "y": [1, 0, 1, 0] * 20})
    contingency, config = count(frame, "g", label="y")
    analysis = Analysis.from_contingency(contingency, config)
    assert [result.value for _, result in analysis.results()] == ["nan", "(missing)", "x"]
    read = Analysis.from_clarify_json(analysis.to_clarify_json()).with_summary(json.dumps(analysis.to_summary()))
    assert read.facets[0].results == analysis.facets[0].results


def test_a_threshold_on_few_values_gives_a_warning(tmp_path: Path) -> None:
    """The most common warning: in a small file 0 and 1 are continuous, and [1] means above 1."""
    data = written(tmp_path / "loans.csv", "sex,approved,income\n" + '0,1,"1,200"\n1,0,900\n1,1,x\n' * 10)
    contingency, config = count(data, "sex", values=[1])
    treated = "treated as continuous (2 distinct values in 30 rows), so"
    assert contingency.warnings == (
        f"facet 'sex': {treated} the group under test means above 1, and no value is; set "
        'facet_type="categorical" to compare it with 1',
    )
    analysis = Analysis.from_contingency(contingency, config)
    assert analysis.one_sided_label == (
        f"no row of 30 counts as positive, so DPL and the distances mean nothing: label 'approved' was {treated} "
        'positive means above 1, and no value is; set label_type="categorical" to compare it with 1'
    )
    assert Analysis.from_xcom(analysis.to_xcom()).one_sided_label == analysis.one_sided_label
    assert count(data, "income", values=[1200], label_type="categorical")[0].warnings == (
        "facet 'income': no row holds '1200'; the column holds texts, such as '1,200', which are not numbers because "
        "of their commas: write them without, and with a point for decimals",
    )


def test_values_that_never_occur_are_named(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    contingency, _ = count(data, positive=[7, 1], values=["F", "X", "Y", "X"])
    assert contingency.warnings == (
        "label 'approved': no row holds '7'",
        "facet 'gender': no row holds 'X', 'Y'",
    )


# --- Groups of rows that are called like ours ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rest", "other", "nan", "True", "not rest"])
def test_values_are_not_confused_with_internal_names(name: str, tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", csv_of({"g": [name, "x"] * 30, "y": ["good", name] * 30}))
    options = {"label": "y", "na_values": [""]}
    assert tallies(count(data, "g", positive=["good"], **options)[0]) == {name: (30, 0), "x": (0, 30)}
    one, _ = count(data, "g", positive=["good"], values=[name], **options)
    assert one.facets[0].split(frozenset([name])).d == WeightedCount.from_rows(30)
    assert one.facets[0].split(frozenset([name])).a == WeightedCount.from_rows(30)
    # So many labels that only positive and other ones are told apart.
    labels = [name, *(str(i) for i in range(150))]
    many = written(tmp_path / "many.csv", csv_of({"g": ["F"] * 151, "y": labels}))
    values = count(many, "g", positive=[name, "1"], **options)[0].facets[0].label_values()
    assert sorted(tally.rows for tally in values.values()) == [2, 149]


@pytest.mark.costly
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_special_characters_in_names_and_values_are_kept(ending: str, tmp_path: Path) -> None:
    frame = pandas.DataFrame({name: [value, "other"] * 30 for name, value in zip(AWKWARD, AWKWARD[::-1], strict=True)})
    frame["approved"] = [1, 0] * 30
    data = tmp_path / f"data.{ending}"
    if ending == "csv":
        frame.to_csv(data, index=False)
    elif ending == "parquet":
        frame.to_parquet(data)
    else:
        frame.to_json(data, orient="records", lines=True, force_ascii=False)
    contingency, _ = count(data, AWKWARD, facet_type="categorical")
    for facet, value in zip(contingency.facets, AWKWARD[::-1], strict=True):
        assert tallies(facet) == {value: (30, 0), "other": (0, 30)}
    for name, value in zip(AWKWARD, AWKWARD[::-1], strict=True):
        as_label, _ = count(data, "approved", label=name, positive=[value], values=[1], group=name)
        assert tallies(as_label) == {"1": (30, 0), "rest": (0, 30)}


# --- Weights ------------------------------------------------------------------------------------------------------


def test_weights_are_summed_beside_the_rows(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "gender,approved,w,v\n" + "F,1,1.5,x\nM,0, 2 ,y\nF,0,0.25,z\n" * 20)
    contingency, _ = count(data, weight="w")
    assert contingency.weighted
    assert {
        (c.facet, c.positive): (c.tally.rows, c.tally.weight, c.tally.squares) for c in contingency.facets[0].cells
    } == {
        ("F", True): (20, 30, 45),
        ("F", False): (20, 5, 1.25),
        ("M", False): (20, 40, 80),
    }
    several, _ = count(data, ["gender", "v"], weight=2)
    assert several.facets[0] == contingency.facets[0]


@pytest.mark.parametrize("different", [3, 400])
@pytest.mark.parametrize("facets", [["gender"], ["gender", "v"]])
def test_sums_of_few_weights_are_exact_and_of_many_to_twelve_digits(
    different: int, facets: list[str], tmp_path: Path
) -> None:
    weights = [1 / (3 + number % different) for number in range(3000)]
    genders, labels = ["F", "M", "M"] * 1000, [1, 0] * 1500
    lines = [f"{g},{y},v{n % 2},{w!r}" for n, (g, y, w) in enumerate(zip(genders, labels, weights, strict=True))]
    data = written(tmp_path / "data.csv", "\n".join(["gender,approved,v,w", *lines]) + "\n")
    wanted: dict[tuple[str, bool], list[Fraction]] = {}
    for gender, label, weight in zip(genders, labels, weights, strict=True):
        wanted.setdefault((gender, label == 1), []).append(Fraction(weight))
    contingency, _ = count(data, facets, weight="w", label_type="categorical")
    for cell in contingency.facets[0].cells:
        of_cell = wanted.pop((str(cell.facet), cell.positive))
        exact, squares = sum(of_cell), sum(weight**2 for weight in of_cell)
        assert cell.tally.rows == len(of_cell)
        if different == 3:
            assert (cell.tally.weight, cell.tally.squares) == (exact, squares)
        else:
            assert cell.tally.weight == Fraction(float(f"{float(exact):.12g}"))
            assert cell.tally.squares == Fraction(float(f"{float(squares):.12g}"))
    assert not wanted


def test_weights_with_few_values_at_the_beginning_are_summed_correctly(tmp_path: Path) -> None:
    weights = [1.0] * 10_000 + [1 / (2 + number) for number in range(2000)]
    lines = [f"{'FM'[n % 2]},{n % 3 % 2},{w!r}" for n, w in enumerate(weights)]
    data = written(tmp_path / "data.csv", "\n".join(["gender,approved,w", *lines]) + "\n")
    contingency, _ = count(data, weight="w", label_type="categorical")
    assert sum(cell.tally.weight for cell in contingency.facets[0].cells) == sum(map(Fraction, weights))


def test_weights_of_one_give_the_unweighted_results(tmp_path: Path) -> None:
    rows = "F,1,a,1\nM,0,b,1\nF,0,a,1\nM,1,a,1\nM,0,a,1\n" * 20
    data = written(tmp_path / "loans.csv", "gender,approved,z,w\n" + rows)
    plain, weighted = analyse(data, group="z"), analyse(data, group="z", weight="w")
    for name in plain.methods:
        assert metric(weighted, name) == pytest.approx(metric(plain, name), abs=1e-12)


def test_weights_of_every_numeric_type_are_accepted(tmp_path: Path) -> None:
    for kind in ("INTEGER", "DOUBLE", "DECIMAL(5,2)", "VARCHAR", "BOOLEAN"):
        data = tmp_path / "loans.parquet"
        query = f"SELECT 'g' || (i % 2) AS gender, i % 2 AS approved, 1::{kind} AS w FROM range(100) AS t(i)"
        duckdb.execute(f"COPY ({query}) TO '{data}'")
        assert [cell.tally.weight for cell in count(data, weight="w")[0].facets[0].cells] == [50, 50]


# --- Many values --------------------------------------------------------------------------------------------------


def test_a_facet_of_many_values_must_name_those_to_test(tmp_path: Path) -> None:
    customers = [f"c{i}" for i in range(10_001)]
    data = written(tmp_path / "loans.csv", csv_of({"who": customers, "y": [i % 2 for i in range(10_001)]}))
    with pytest.raises(
        ConfigError, match=r"^facet 'who' holds 10001 different values, more than 10000; name the values"
    ):
        count(data, "who", label="y")
    assert tallies(count(data, "who", label="y", values=["c1", "c2"])[0]) == {"c1,c2": (1, 1), "rest": (4999, 5000)}
    few = written(tmp_path / "few.csv", csv_of({"who": customers[:-1], "y": [i % 2 for i in range(10_000)]}))
    assert count(few, "who", label="y")[0].facets[0].values == tuple(customers[:-1])


def test_many_labels_are_counted_only_as_positive_or_not(tmp_path: Path) -> None:
    labels = [f"l{i % 101}" for i in range(505)] + [""]
    data = written(tmp_path / "data.csv", csv_of({"g": ["F"] * 506, "y": labels}))
    found = count(data, "g", label="y", positive=["l1", "l2"])[0].facets[0].label_values()
    assert {label: tally.rows for label, tally in found.items()} == {"l1,l2": 10, "other": 495, None: 1}
    few = written(tmp_path / "few.csv", csv_of({"g": ["F"] * 500, "y": [f"l{i % 100}" for i in range(500)]}))
    assert len(count(few, "g", label="y", positive=["l1"])[0].facets[0].label_values()) == 100


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["F", "M", "X", ""]),
            st.sampled_from(["0", "1", ""]),
            st.sampled_from(["a", "b", "c", "d", ""]),
            st.integers(0, 8).map(lambda eighths: eighths / 8),
        ),
        min_size=1,
        max_size=50,
    ),
    numbers=st.booleans(),
    weighted=st.booleans(),
)
@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cddl_in_sql_is_cddl_in_python(
    rows: list[tuple[str, str, str, float]], numbers: bool, weighted: bool, tmp_path: Path
) -> None:
    columns = dict(zip(("g", "y", "z", "w"), map(list, zip(*rows, strict=True)), strict=True))
    if numbers:
        columns["z"] = [str("abcd".index(group)) if group else "" for group in columns["z"]]
    data = written(tmp_path / "data.csv", csv_of(columns))
    asked: dict[str, Any] = {"label": "y", "group": "z", "methods": ["CDDL"]}
    asked |= {"label_type": "categorical", "facet_type": "categorical"}
    asked["weight"] = "w" if weighted else None
    in_python = metric(analyse(data, "g", **asked), "CDDL")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(counting, "MAX_GROUPS", 0)
        contingency, _ = count(data, "g", **asked)
        in_sql = metric(analyse(data, "g", **asked), "CDDL")
    assert contingency.facets[0].disparities is not None or not any(columns["z"])
    assert in_sql == pytest.approx(in_python, abs=1e-12)


@pytest.mark.costly
def test_cddl_of_very_many_groups_is_computed_in_sql(tmp_path: Path) -> None:
    rows = [(("F", "M", "X")[i % 3], int(i * 7919 % 11 < 4), f"customer {i % 10_007}") for i in range(40_000)]
    data = written(tmp_path / "loans.csv", csv_of(dict(zip(("g", "y", "who"), zip(*rows, strict=True), strict=True))))
    contingency, _ = count(data, "g", label="y", group="who", methods=["CDDL", "DPL"])
    assert all(cell.group is None for cell in contingency.facets[0].cells)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(counting, "MAX_GROUPS", 40_000)
        expected = metric(analyse(data, "g", label="y", group="who"), "CDDL")
    assert metric(analyse(data, "g", label="y", group="who"), "CDDL") == pytest.approx(expected, abs=1e-12)


# --- The group variable -------------------------------------------------------------------------------------------


def test_the_group_variable_is_not_read_unless_a_metric_needs_it(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "gender,approved,z\n" + "F,1,a\nM,0,\n" * 30)
    contingency, _ = count(data, group="z", methods=["DPL"])
    assert (contingency.facets[0].grouped, contingency.warnings) == (False, ())
    with pytest.raises(ConfigError, match=r"^group_name: the data have no column 'nowhere'"):
        count(data, group="nowhere", methods=["DPL"])


def test_texts_and_numbers_are_different_groups_where_the_column_holds_texts(tmp_path: Path) -> None:
    data = tmp_path / "loans.parquet"
    cells = "VALUES ('F', 1, '1'), ('M', 0, '01'), ('F', 0, ' 1'), ('M', 1, '1'), ('F', 1, NULL)"
    duckdb.execute(f"COPY (SELECT * FROM ({cells}) AS t(gender, approved, z), range(30)) TO '{data}'")
    (facet,) = count(data, group="z")[0].facets
    assert {cell.group for cell in facet.cells} == {"1", "01", " 1", None}
    # Numbers that are stored as texts stay texts, so those without one are a group.
    assert not facet.drop_missing_groups


# --- The engine ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Half a million rows with a quarter of a million groups, as CSV and Parquet."""
    query = """
        SELECT 'g' || (i % 7) AS gender, (i * 7919 % 11 < 4)::INTEGER AS approved, md5((i // 2)::VARCHAR) AS who,
               0.1 + (i % 13) / 7 AS w
        FROM range(500_000) AS t(i)
    """
    folder = tmp_path_factory.mktemp("large")
    paths = {ending: folder / f"loans.{ending}" for ending in ("csv", "parquet")}
    for path in paths.values():
        duckdb.execute(f"COPY ({query}) TO '{path}'")
    return paths


@pytest.mark.costly
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_results_do_not_depend_on_threads_and_memory(ending: str, large: dict[str, Path], tmp_path: Path) -> None:
    answers = []
    for threads, memory_limit in ((1, None), (2, None), (8, None), (2, "256MB")):
        engine = DuckDBEngine(None, memory_limit=memory_limit, threads=threads, temp_directory=str(tmp_path / "spill"))
        answers.append(count(large[ending], group="who", weight="w", engine=engine)[0])
    assert answers[1:] == answers[:1] * 3
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.costly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells the memory of a process as Linux does")
@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB before 2.0 needs 200 MB for any aggregation of this kind")
def test_data_larger_than_memory_spill_to_disk(large: dict[str, Path]) -> None:
    code = f"""
from pathlib import Path
from counting_factories import analyse
from airflow_clarify.engines.duckdb import DuckDBEngine
engine = DuckDBEngine(None, memory_limit="64MB", threads=1)
analysis = analyse({str(large["parquet"])!r}, group="who", engine=engine)
# Not getrusage(), which begins with what the process that started this one had.
(peak,) = (line for line in Path("/proc/self/status").read_text().split("\\n") if line.startswith("VmHWM"))
print(analysis.rows, int(peak.split()[1]) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    rows, megabytes = map(int, done.stdout.split())
    assert rows == 500_000
    # Python and its modules take about 100 of them.
    assert megabytes < 300


def test_too_little_memory_is_one_sentence(large: dict[str, Path]) -> None:
    with pytest.raises(DataError) as caught:
        count(large["csv"], group="who", engine=DuckDBEngine(None, memory_limit="8MB"))
    assert str(caught.value).startswith(
        f"{large['csv']}: memory_limit is too small for this data and so many threads; raise it, or set fewer threads ("
    )


def test_a_count_can_be_cancelled(large: dict[str, Path]) -> None:
    engine = DuckDBEngine(None, threads=1)
    engine.cancel()  # nothing runs, nothing happens
    caught: list[BaseException] = []

    def run() -> None:
        try:
            count(large["csv"], group="who", engine=engine)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < deadline:
        engine.cancel()
        time.sleep(0.005)
    thread.join(timeout=60)
    assert [str(error) for error in caught] == [f"{large['csv']}: stopped before all of it was read"]
    assert isinstance(caught[0], DataError)
    assert count(large["csv"], engine=engine)[0].facets[0].total[0].rows > 0


def test_progress_is_reported(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    count(written(tmp_path / "loans.csv", LOANS), progress=lambda what, part: told.append((what, part)))
    assert list(dict.fromkeys(what for what, _ in told)) == ["reading the data", "looking at the columns"]
    assert all(part == -1 or 0 <= part <= 1 for _, part in told)


@pytest.mark.costly
def test_airflow_is_not_needed_without_a_connection(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    code = f"""
import sys
from counting_factories import count
print(count({str(data)!r})[0].facets[0].values, "airflow" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    assert done.stdout.split("\n")[0] == "('F', 'M') False"


@pytest.mark.airflow
def test_the_default_connection_need_not_exist(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    assert count(data, engine=DuckDBEngine())[0] == count(data)[0]


@pytest.mark.airflow
def test_a_connection_sets_the_limits_unless_the_engine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_clarify.engines.duckdb.source import Source

    seen: list[tuple[Any, ...]] = []
    settled = "SELECT current_setting('threads'), current_setting('memory_limit'), current_setting('temp_directory')"

    def scan(self: Source, *arguments: Any) -> Any:
        seen.append(self.connection.execute(settled).fetchall()[0])
        return original(self, *arguments)

    original = Source.scan
    monkeypatch.setattr(Source, "scan", scan)
    extra = f'{{"threads": 3, "memory_limit": "300MB", "temp_directory": "{tmp_path}"}}'
    monkeypatch.setenv("AIRFLOW_CONN_LIMITED", f'{{"conn_type": "duckdb", "extra": {extra}}}')
    data = written(tmp_path / "loans.csv", LOANS)
    count(data, engine=DuckDBEngine("limited"))
    count(data, engine=DuckDBEngine("limited", threads=1, memory_limit="100MB"))
    monkeypatch.setenv("AIRFLOW__CLARIFY__DUCKDB_THREADS", "2")
    count(data, engine=DuckDBEngine())
    # Each run spills into a folder of its own inside of the one that is set.
    limits = [(threads, memory, Path(folder).parent) for threads, memory, folder in seen]
    assert limits[0] == (3, "286.1 MiB", tmp_path)
    assert limits[2] == (1, "95.3 MiB", tmp_path)
    assert seen[4][0] == 2


@pytest.mark.airflow
def test_a_missing_connection_is_named(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    with pytest.raises(
        ConfigError, match=r"^duckdb_conn_id: there is no Airflow connection 'nowhere'; add it, or leave it out$"
    ):
        count(data, engine=DuckDBEngine("nowhere"))
