import numpy as np
import pytest

from skntk.metrics import expected_calibration_error


def test_error_is_its_definition_bin_by_bin():
    random = np.random.default_rng(0)
    proba = random.dirichlet(np.ones(3), size=200)
    y = random.integers(3, size=200)
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    expected = 0.0
    for lower in np.arange(15) / 15:
        inside = (confidence > lower) & (confidence <= lower + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(y, proba) == pytest.approx(expected, rel=1e-9)


def test_certain_and_right_is_0_certain_and_wrong_is_1():
    assert expected_calibration_error(["a", "b"], np.eye(2)) == 0
    assert expected_calibration_error(["b", "a"], np.eye(2)) == 1


def test_probabilities_of_the_second_class_are_enough():
    second = np.array([0.1, 0.6, 0.7])
    both = np.column_stack([1 - second, second])
    assert expected_calibration_error([0, 1, 0], second) == expected_calibration_error(
        [0, 1, 0], both
    )


def test_weights_are_repetitions():
    proba, y, weight = np.array([0.1, 0.6, 0.7]), np.array([0, 1, 0]), np.array([1, 2, 3])
    weighted = expected_calibration_error(y, proba, sample_weight=weight)
    repeated = expected_calibration_error(np.repeat(y, weight), np.repeat(proba, weight))
    assert weighted == pytest.approx(repeated, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], np.full((2, 3), 1 / 3)), {}, "columns of 3 classes, but there are 2"),
        (([0, 5], np.full((2, 2), 0.5)), {"labels": [0, 1]}, r"labels does not: \[5\]"),
        (([0, 1], np.array([[2.0, -1.0], [0.5, 0.5]])), {}, "range from -1 to 2"),
        (([0, 1], np.full((2, 2), 0.5)), {"n_bins": 0}, "n_bins must be at least 1"),
    ],
)
def test_bad_input_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(*arguments, **options)
