"""Repeated rows and folds that do not depend on the order of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skntk.estimators.data.distinct_rows import DistinctRows, stratified_folds


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


@pytest.mark.parametrize("n_samples", [2, 3, 7, 30])
def test_folds_hold_out_every_row_once(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 2))
    folds = stratified_folds(X, np.arange(n_samples) % 2, 3)
    assert len(folds) == min(3, n_samples)
    assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(n_samples))
    for train, test in folds:
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n_samples))
        assert len(train) and len(test)


def test_folds_have_the_classes_in_equal_parts():
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat([0, 1, 2], [60, 30, 9]))
    folds = stratified_folds(random.normal(size=(99, 2)), labels, 3)
    for _, test in folds:
        assert_array_equal(np.bincount(labels[test]), [20, 10, 3])


def test_folds_do_not_depend_on_the_order_of_rows():
    random = np.random.default_rng(0)
    X, labels = random.normal(size=(20, 3)), random.integers(0, 2, size=20)
    order = random.permutation(20)
    for (_, test), (_, permuted) in zip(
        stratified_folds(X, labels, 3), stratified_folds(X[order], labels[order], 3), strict=True
    ):
        assert set(test) == set(order[permuted])
