from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult, Stratum, StratumPlan, compute_weights
from airflow_clarify.exceptions import ConfigError, DataError, QuotaError

BY = ("gender", "approved")
COUNTS: dict[Stratum, int] = {("F", "0"): 30, ("F", "1"): 10, ("M", "0"): 40, ("M", "1"): 120}

full_tables = st.integers(1, 4).flatmap(
    lambda facets: st.integers(1, 3).flatmap(
        lambda labels: st.fixed_dictionaries(
            {(f"f{f}", f"l{label}"): st.integers(1, 1000) for f in range(facets) for label in range(labels)}
        )
    )
)


def plan_quotas(balance: BalanceConfig, counts: dict[Stratum, int]) -> dict[Stratum, int]:
    return {share.values: share.after for share in balance.plan(counts).shares}


def test_undersample_takes_all_strata_down_to_the_smallest() -> None:
    assert set(plan_quotas(BalanceConfig(BY), COUNTS).values()) == {10}


def test_oversample_takes_all_strata_up_to_the_largest() -> None:
    assert set(plan_quotas(BalanceConfig(BY, "oversample"), COUNTS).values()) == {120}


@pytest.mark.parametrize(("strategy", "size"), [("undersample", 7), ("undersample", 10), ("oversample", 120)])
def test_a_size_is_the_quota_of_every_stratum(strategy: str, size: int) -> None:
    assert set(plan_quotas(BalanceConfig(BY, strategy, size=size), COUNTS).values()) == {size}  # type: ignore[arg-type]


def test_the_lab_is_balanced_to_486_rows() -> None:
    categories = [f"category {i}" for i in range(18)]
    counts = {(c, s): 9 + 13 * i for i, c in enumerate(categories) for s in ("-1", "0", "1")}

    assert sum(plan_quotas(BalanceConfig(("product_category", "sentiment")), counts).values()) == 18 * 3 * 9


@pytest.mark.parametrize(
    ("rows", "fraction", "kept"),
    [
        (10, 0.15, 2),
        (10, 0.25, 3),
        (5, 0.1, 1),
        (100, 0.004, 1),
        (3, 1, 3),
        (3, 1.0, 3),
        (10, 0.05, 1),
        (1000, 1e-09, 1),
    ],
)
def test_a_fraction_is_rounded_half_up_and_keeps_a_row(rows: int, fraction: float, kept: int) -> None:
    assert plan_quotas(BalanceConfig(("label",), fraction=fraction), {("1",): rows}) == {("1",): kept}


@given(full_tables, st.floats(0.001, 1))
def test_a_fraction_keeps_the_proportions(counts: dict[Stratum, int], fraction: float) -> None:
    for stratum, kept in plan_quotas(BalanceConfig(BY, fraction=fraction), counts).items():
        assert kept == max(1, kept)
        assert kept == 1 or abs(kept - Fraction(str(fraction)) * counts[stratum]) <= Fraction(1, 2)


@given(full_tables)
def test_balanced_strata_have_equal_sizes_that_their_rows_permit(counts: dict[Stratum, int]) -> None:
    under, over = plan_quotas(BalanceConfig(BY), counts), plan_quotas(BalanceConfig(BY, "oversample"), counts)

    assert len(set(under.values())) == len(set(over.values())) == 1
    assert all(under[stratum] <= counts[stratum] <= over[stratum] for stratum in counts)


def test_weights_are_those_of_kamiran_and_calders() -> None:
    # The example of their paper: sex and class of ten job applicants, weights 0.75, 2, 1.5 and 0.67.
    counts = {("m", "+"): 4, ("m", "-"): 1, ("f", "+"): 2, ("f", "-"): 3}

    weights = compute_weights(counts)

    assert weights == {("m", "+"): 0.75, ("m", "-"): 2.0, ("f", "+"): 1.5, ("f", "-"): pytest.approx(2 / 3, abs=1e-15)}


@given(full_tables)
def test_weights_make_facet_and_label_independent(counts: dict[Stratum, int]) -> None:
    weighted = {stratum: counts[stratum] * weight for stratum, weight in compute_weights(counts).items()}
    total = sum(counts.values())
    by_facet: dict[str | None, float] = {}
    by_label: dict[str | None, float] = {}
    for (facet, label), weight in weighted.items():
        by_facet[facet] = by_facet.get(facet, 0) + weight
        by_label[label] = by_label.get(label, 0) + weight

    assert math.isclose(sum(weighted.values()), total, rel_tol=1e-12)
    for (facet, label), weight in weighted.items():
        assert math.isclose(weight, by_facet[facet] * by_label[label] / total, rel_tol=1e-12)


def test_reweighing_keeps_every_row_and_supports_several_facets() -> None:
    counts: dict[Stratum, int] = {("F", "a", "1"): 2, ("F", "a", "0"): 2, ("M", "b", "1"): 3, ("M", "b", "0"): 1}

    plan = BalanceConfig(("gender", "group", "approved"), "reweigh", empty="ignore").plan(counts)

    assert {s.values: (s.after, s.weight) for s in plan.shares} == {
        ("F", "a", "0"): (2, 4 * 3 / (8 * 2)),
        ("F", "a", "1"): (2, 4 * 5 / (8 * 2)),
        ("M", "b", "0"): (1, 4 * 3 / (8 * 1)),
        ("M", "b", "1"): (3, 4 * 5 / (8 * 3)),
    }


class TestPriorWeights:
    counts: dict[Stratum, int] = {("F", "1"): 4, ("F", "0"): 4, ("M", "1"): 2, ("M", "0"): 5}  # noqa: RUF012
    balance = BalanceConfig(BY, "reweigh", weight="w")

    def test_factors_equal_the_weights_of_repeated_rows(self) -> None:
        weights = {("F", "1"): 8, ("F", "0"): 2, ("M", "1"): 6, ("M", "0"): 15}
        found = self.balance.plan(self.counts, {stratum: Fraction(of_all) for stratum, of_all in weights.items()})
        repeated = BalanceConfig(BY, "reweigh").plan(weights)
        assert [share.weight for share in found.shares] == [share.weight for share in repeated.shares]
        assert [share.after for share in found.shares] == [self.counts[share.values] for share in found.shares]

    def test_a_stratum_of_weight_zero_is_empty(self) -> None:
        weights = dict.fromkeys(self.counts, Fraction(1)) | {("F", "0"): Fraction()}
        with pytest.raises(QuotaError, match=r"^no row with a weight above 0 has gender='F' and approved='0', so"):
            self.balance.plan(self.counts, weights)
        plan = replace(self.balance, empty="ignore").plan(self.counts, weights)
        assert {share.values: share.weight for share in plan.shares}["F", "0"] == 0.0
        with pytest.raises(DataError, match="weight: column 'w' is 0 in all rows"):
            self.balance.plan(self.counts, dict.fromkeys(self.counts, Fraction()))

    def test_empty_strata_are_refused_without_reweighing(self) -> None:
        with pytest.raises(ConfigError, match=r"^weight: undersample counts rows and not weights"):
            BalanceConfig(BY, weight="w")
        with pytest.raises(ConfigError, match=r"^weight: 'gender' also stands in by"):
            BalanceConfig(BY, "reweigh", weight="gender")


class TestEmptyStrata:
    counts: dict[Stratum, int] = {("Trend", "1"): 5, ("Dresses", "-1"): 4, ("Dresses", "1"): 9}  # noqa: RUF012

    @pytest.mark.parametrize("strategy", ["undersample", "oversample", "reweigh"])
    def test_the_error_lists_empty_strata_with_their_count(self, strategy: str) -> None:
        balance = BalanceConfig(("product_category", "sentiment"), strategy)  # type: ignore[arg-type]

        with pytest.raises(QuotaError) as caught:
            balance.plan(self.counts)

        assert str(caught.value) == (
            "no row (count 0) has product_category='Trend' and sentiment='-1', so "
            f"{strategy} cannot balance by product_category, sentiment; "
            "add such rows, balance by fewer columns, or set empty='ignore'"
        )

    def test_the_error_lists_at_most_three_empty_strata(self) -> None:
        counts: dict[Stratum, int] = {(f"f{i}", f"l{i}"): 1 for i in range(500)}

        with pytest.raises(QuotaError, match=r"has gender='f0' and approved='l1' \(.*; and 249497 more\), so"):
            BalanceConfig(BY).plan(counts)

    def test_empty_strata_can_be_ignored_with_a_warning(self) -> None:
        plan = BalanceConfig(("product_category", "sentiment"), empty="ignore").plan(self.counts)

        assert {share.after for share in plan.shares} == {4}
        assert plan.warnings == (
            "combinations of values without any row, in the copy as in the source: "
            "product_category='Trend' and sentiment='-1'",
        )

    def test_a_fraction_ignores_empty_strata(self) -> None:
        plan = BalanceConfig(("product_category", "sentiment"), fraction=0.5).plan(self.counts)

        assert [share.after for share in plan.shares] == [2, 5, 3]


class TestMissingValues:
    counts: dict[Stratum, int] = {("F", "1"): 5, ("F", "0"): 6, ("M", "1"): 7, ("M", "0"): 8, (None, "1"): 2}  # noqa: RUF012

    def test_rows_with_missing_values_are_dropped_with_a_warning(self) -> None:
        plan = BalanceConfig(BY).plan(self.counts)

        assert {share.values: share.after for share in plan.shares}[None, "1"] == 0
        assert sum(share.after for share in plan.shares) == 4 * 5
        assert plan.warnings == (
            "there are 2 rows without a value in gender or approved, left out; missing='keep' makes strata of them",
        )

    def test_rows_with_missing_values_can_be_separate_strata(self) -> None:
        plan = BalanceConfig(BY, missing="keep").plan(self.counts | {(None, "0"): 3})

        assert [share.after for share in plan.shares] == [2] * 6
        assert plan.shares[-1].values == (None, "1")

    @pytest.mark.parametrize("strategy", ["undersample", "oversample", "reweigh"])
    @pytest.mark.parametrize(
        ("more", "named"),
        [
            ({(None, "1"): 2}, "gender missing and approved='0'"),
            ({("F", None): 2}, "gender='M' and approved missing"),
            ({(None, None): 2}, "gender='F' and approved missing (gender='M' and approved missing; gender missing and"),
        ],
    )
    def test_kept_rows_must_have_every_combination_of_group_and_label(
        self, strategy: str, more: dict[Stratum, int], named: str
    ) -> None:
        complete = {stratum: rows for stratum, rows in self.counts.items() if None not in stratum}
        balance = BalanceConfig(BY, strategy, missing="keep")  # type: ignore[arg-type]

        with pytest.raises(QuotaError) as caught:
            balance.plan(complete | more)

        assert str(caught.value).startswith(f"no row (count 0) has {named}")
        assert "set missing='drop' to leave out rows with a missing value, or set empty='ignore'" in str(caught.value)
        [warning] = replace(balance, empty="ignore").plan(complete | more).warnings
        assert named.split(" (")[0] in warning

    def test_a_combination_of_facets_without_rows_is_not_an_empty_stratum(self) -> None:
        counts: dict[Stratum, int] = {
            (group, colour, label): 1 for group, colour in (("F", None), (None, "red"), ("M", "red")) for label in "01"
        }
        assert len(BalanceConfig(("gender", "colour", "approved"), "reweigh").plan(counts).shares) == 6

    def test_rows_with_missing_values_can_be_an_error(self) -> None:
        with pytest.raises(DataError, match=r"^there are 2 rows without a value in gender or approved; correct"):
            BalanceConfig(BY, missing="error").plan(self.counts)

    def test_reweighing_keeps_rows_with_missing_values(self) -> None:
        counts = self.counts | {(None, "0"): 3}
        plan = BalanceConfig(BY, "reweigh").plan(counts)

        assert sum(share.after for share in plan.shares) == sum(counts.values())

    def test_nothing_but_missing_values_is_an_error(self) -> None:
        with pytest.raises(DataError, match=r"^no row has a value in each of gender or approved"):
            BalanceConfig(BY).plan({("F", None): 3, (None, "1"): 3})


class TestQuotasThatRowsDoNotPermit:
    def test_undersample(self) -> None:
        with pytest.raises(QuotaError) as caught:
            BalanceConfig(BY, size=11).plan(COUNTS)

        assert str(caught.value) == (
            "there are 10 rows with gender='F' and approved='1', fewer than the size of 11 asked for; "
            "ask for at most 10, or choose oversample"
        )

    def test_oversample(self) -> None:
        with pytest.raises(
            QuotaError, match=r"^there are 120 rows with gender='M' and approved='1', more than the size"
        ):
            BalanceConfig(BY, "oversample", size=119).plan(COUNTS)


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no row to balance"):
        BalanceConfig(BY).plan({})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"by": ()}, "by: () is not a list"),
        ({"by": "gender"}, "by: 'gender' is not a list"),
        ({"by": ("a", "a")}, "by: column 'a' is listed twice"),
        ({"by": ("a",), "strategy": "reweigh"}, "by: reweigh makes"),
        ({"strategy": "smote"}, "strategy: there is no 'smote'; choose one of undersample, oversample, reweigh"),
        ({"empty": "skip"}, "empty: there is no 'skip'"),
        ({"missing": "skip"}, "missing: there is no 'skip'"),
        ({"size": 0}, "size: 0 is not a number of rows"),
        ({"size": 1.5}, "size: 1.5 is not"),
        ({"size": True}, "size: True is not"),
        ({"size": 5, "fraction": 0.5}, "size and fraction: only one"),
        ({"size": 5, "strategy": "reweigh"}, "size: reweigh keeps every row"),
        ({"fraction": 0}, "fraction: 0 is not a share"),
        ({"fraction": 1.01}, "fraction: 1.01 is not a share"),
        ({"fraction": float("nan")}, "fraction: nan is not a share"),
        ({"fraction": 0.5, "strategy": "oversample"}, "fraction: oversample never drops rows"),
    ],
)
def test_the_constructor_checks_parameters(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BalanceConfig(**({"by": BY} | parameters))  # type: ignore[arg-type]

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_result_is_restored_from_json() -> None:
    shares = (StratumPlan(("F", None), 5, 3), StratumPlan(("M", "1"), 4, 4, 1.25))
    result = BalanceResult("out.csv", BY, "reweigh", -3, shares, 9, 7, "weight", ("look",))

    assert BalanceResult.from_json(json.loads(json.dumps(result.to_json()))) == result
