"""Repeated rows and folds that do not depend on the order of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skntk.estimators.data.distinct_rows import DistinctRows, deal_observations


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=20))
def test_every_row_is_equal_to_its_distinct_row(rows):
    X = np.array([row[:1] for row in rows], dtype=float)
    labels = np.array([row[1] for row in rows])
    distinct = DistinctRows.of(X, labels)
    assert_array_equal(X[distinct.first][distinct.position], X)
    assert_array_equal(labels[distinct.first][distinct.position], labels)
    assert len(distinct.first) == len(set(rows))
    assert_array_equal(distinct.first, np.sort(distinct.first))
    assert_array_equal(
        distinct.total(np.ones(len(rows))), [rows.count(rows[i]) for i in distinct.first]
    )


def test_negative_zero_is_zero():
    assert len(DistinctRows.of(np.array([[0.0], [-0.0]])).first) == 1


def test_samples_of_any_dimension():
    images = np.zeros((3, 2, 2))
    images[2, 1, 1] = 1.0
    assert_array_equal(DistinctRows.of(images).position, [0, 0, 1])


def folds_of(X, labels, repetitions=None):
    """Return which rows each of three folds holds out, of rows that it holds out whole."""
    shares = deal_observations(
        X, labels, np.ones(len(X)) if repetitions is None else repetitions, 3
    )
    assert set(np.unique(shares)) <= {0.0, 1.0}
    return [np.flatnonzero(share) for share in shares]


@pytest.mark.parametrize("n_samples", [2, 3, 7, 30])
def test_folds_hold_out_every_row_once(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 2))
    folds = folds_of(X, np.arange(n_samples) % 2)
    assert len(folds) == min(3, n_samples)
    assert_array_equal(np.sort(np.concatenate(folds)), np.arange(n_samples))
    assert all(0 < len(test) < n_samples for test in folds)


def test_folds_have_the_classes_in_equal_parts():
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat([0, 1, 2], [60, 30, 9]))
    for test in folds_of(random.normal(size=(99, 2)), labels):
        assert_array_equal(np.bincount(labels[test]), [20, 10, 3])


def test_folds_do_not_depend_on_the_order_of_rows():
    random = np.random.default_rng(0)
    X, labels = random.normal(size=(20, 3)), random.integers(0, 2, size=20)
    order = random.permutation(20)
    folds, permuted = folds_of(X, labels), folds_of(X[order], labels[order])
    for test, of_permuted in zip(folds, permuted, strict=True):
        assert set(test) == set(order[of_permuted])


def test_observations_of_one_row_are_dealt_to_all_folds():
    random = np.random.default_rng(0)
    X, labels = random.normal(size=(4, 2)), np.array([0, 0, 1, 1])
    repetitions = np.array([60.0, 30.0, 1.0, 9.0])
    shares = deal_observations(X, labels, repetitions, 3)
    dealt = shares * repetitions
    assert_allclose(dealt, np.rint(dealt), atol=1e-12)
    assert_allclose(dealt.sum(axis=0), repetitions)
    assert_allclose(dealt @ np.eye(2)[labels], [[30, 4], [30, 3], [30, 3]])
    # By chance, and not as evenly as they can be.
    assert 0 < np.ptp(dealt[:, 0]) < 20


def test_any_number_of_observations_is_dealt():
    X = np.random.default_rng(0).normal(size=(3, 2))
    shares = deal_observations(X, np.array([0, 0, 1]), np.array([1e20, 3e20, 2.0]), 3)
    assert_allclose(shares.sum(axis=0), 1.0)
    assert_allclose(shares[:, :2], 1 / 3, atol=0.01)
