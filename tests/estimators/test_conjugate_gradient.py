"""Estimators that are trained by conjugate gradients."""

import gc
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.estimators.kernel_machines import iterative
from skntk.inference import ConvergenceError, DenseOperator
from skntk.inference.linalg import conjugate_gradient
from skntk.solvers import Cholesky, ConjugateGradient

from .problems import CONVERGED, NETWORK, name_of, problem_for, regression

SOLVER = ConjugateGradient(rank=10, tol=1e-10, random_state=0)
STORAGES = [
    {"storage": "memory"},
    {"storage": "memory", "storage_dtype": "float64"},
    {"storage": "file"},
    {"storage": "none"},
]


def fitted(estimator, X, y, solver=SOLVER, **params):
    return clone(estimator).set_params(solver=solver, **params).fit(X, y)


@pytest.mark.parametrize("estimator", CONVERGED, ids=name_of)
@pytest.mark.parametrize("alpha", [0.1, "auto"])
def test_it_equals_cholesky(estimator, alpha):
    X, y, X_test = problem_for(estimator, n_samples=60)
    weight = np.random.default_rng(0).integers(0, 3, 60)
    params = {"alpha": alpha, "alpha_scale": "relative"}
    exact = clone(estimator).set_params(**params).fit(X, y, sample_weight=weight)
    model = clone(estimator).set_params(solver=SOLVER, **params).fit(X, y, sample_weight=weight)
    assert_array_equal(model.alpha_, exact.alpha_)
    close = {"rtol": 1e-7, "atol": 1e-8}
    assert_allclose(model.dual_coef_, exact.dual_coef_, **close)
    assert model.n_iter_ > 1
    assert isinstance(model.residual_, np.ndarray)
    assert model.residual_.shape == model.dual_coef_.shape[1:]
    assert (model.residual_ <= 1e-10).all()
    for method in ("predict_std", "decision_function", "predict_proba"):
        if hasattr(model, method):
            assert_allclose(getattr(model, method)(X_test), getattr(exact, method)(X_test), **close)
    if hasattr(model, "output_scale_"):
        assert_array_equal(model.output_scale_, exact.output_scale_)
        for options in ({"return_std": True}, {"return_cov": True}):
            for ours, theirs in zip(
                model.predict(X_test, **options), exact.predict(X_test, **options), strict=True
            ):
                assert_allclose(ours, theirs, **close)
    else:
        assert_array_equal(model.predict(X_test), exact.predict(X_test))
    assert_allclose(model.max_learning_rate_, exact.max_learning_rate_, rtol=1e-6)


@pytest.mark.parametrize("storage", STORAGES, ids=str)
@pytest.mark.parametrize("estimator", [NNGPRegressor(NETWORK), NTKClassifier(NETWORK)], ids=name_of)
def test_it_does_not_matter_where_the_kernel_is(estimator, storage):
    X, y, X_test = problem_for(estimator)
    params = {"alpha": 0.1, "dtype": "float64"}
    if storage.get("storage_dtype"):
        params["dtype"] = "float32"
    solver = clone(SOLVER).set_params(**storage)
    model = fitted(estimator, X, y, solver, **params)
    exact = clone(estimator).set_params(**params).fit(X, y)
    assert_allclose(model.dual_coef_, exact.dual_coef_, rtol=1e-6, atol=1e-7)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_std(X_test), model.predict_std(X_test))


def test_several_outputs_are_solved_together():
    X, y, X_test = regression(3)
    model = fitted(NTKRegressor(NETWORK), X, y)
    assert_allclose(model.predict(X_test), NTKRegressor(NETWORK).fit(X, y).predict(X_test))
    assert model.residual_.shape == (3,)


def test_names_stand_for_objects():
    X, y, X_test = regression()
    by_name = NNGPRegressor(NETWORK, solver="conjugate_gradient").fit(X, y)
    exact = NNGPRegressor(NETWORK).fit(X, y)
    assert_allclose(by_name.predict(X_test), exact.predict(X_test), rtol=1e-5)
    same = NNGPRegressor(NETWORK, solver=Cholesky()).fit(X, y)
    assert_array_equal(same.dual_coef_, exact.dual_coef_)
    assert not hasattr(same, "n_iter_")
    # What an earlier fit has found does not stay.
    by_name.set_params(solver="cholesky").fit(X, y)
    assert not hasattr(by_name, "n_iter_")
    assert by_name.log_marginal_likelihood() == exact.log_marginal_likelihood()
    by_name.set_params(solver=SOLVER).fit(X, y)
    with pytest.raises(ValueError, match=r"determinant.*solver='cholesky'"):
        by_name.log_marginal_likelihood()


def test_its_parameters_can_be_searched():
    X, y, _ = regression()
    model = NTKRegressor(NETWORK, alpha=0.1, solver=ConjugateGradient(tol=1e-8))
    search = GridSearchCV(model, {"solver__rank": [2, 20], "alpha": [0.1]}, cv=2).fit(X, y)
    assert_allclose(*search.cv_results_["mean_test_score"], rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (NTKRegressor(training_time=3.0), r"training_time=3.0\).*training_time=None.*cholesky"),
        (NNGPRegressor(optimizer="fmin_l_bfgs_b"), r"optimizer='fmin.*Set optimizer=None"),
        (NNGPClassifier(likelihood="softmax"), "Set likelihood='gaussian'"),
        (NTKClassifier(loss="log_loss", training_time=1.0), "Set training_time=None"),
    ],
)
def test_what_needs_a_factorization_is_refused(model, match):
    X, y, _ = problem_for(model)
    with pytest.raises(ValueError, match=match):
        model.set_params(solver="conjugate_gradient").fit(X, y)


@pytest.mark.parametrize("estimator", [NNGPRegressor(NETWORK), NNGPClassifier(NETWORK)])
def test_a_bound_of_the_standard_deviation(estimator):
    X, y, X_test = problem_for(estimator, n_samples=60)
    exact = clone(estimator).set_params(alpha=0.01).fit(X, y).predict_std(X_test)
    gaps = {}
    for rank, steps in [(1, 1), (15, 1), (15, 4), (15, 100), (60, 1)]:
        solver = ConjugateGradient(rank, tol=1e-10, std_steps=steps, random_state=0)
        bound = fitted(estimator, X, y, solver, alpha=0.01).predict_std(X_test)
        gaps[rank, steps] = (bound / exact - 1).max()
        assert (bound >= exact * (1 - 1e-9)).all()
    assert gaps[1, 1] > gaps[15, 1] > 2 * gaps[15, 4] > 1e-3
    assert gaps[15, 100] < 1e-8
    assert gaps[60, 1] < 1e-8


def test_a_bound_takes_a_product_a_step_and_covariances_have_none(monkeypatch):
    X, y, X_test = regression()
    solver = ConjugateGradient(rank=9, std_steps=2, random_state=0)
    model = fitted(NNGPRegressor(NETWORK), X, y, solver, alpha=0.1)
    products, matmul = [], conjugate_gradient.ConjugateGradientSystem.matmul
    monkeypatch.setattr(
        conjugate_gradient.ConjugateGradientSystem,
        "matmul",
        lambda *args: products.append(1) or matmul(*args),
    )
    model.predict_std(X_test)
    assert len(products) == 2
    for use in (lambda: model.predict(X_test, return_cov=True), lambda: model.sample_y(X_test)):
        with pytest.raises(ValueError, match="set std_steps=None"):
            use()
    # A row that the training rows say nothing about has the variance of the prior.
    far = model._process.posterior.variance(np.zeros((1, len(X))), np.ones(1))
    assert_array_equal(far, [1.0])
    with pytest.raises(ValueError, match="and not that of an ensemble"):
        fitted(NTKRegressor(NETWORK), X, y, solver, alpha=0.1)


def test_a_bar_counts_steps(capsys):
    X, y, X_test = regression()
    solver = ConjugateGradient(rank=9, progress=True, random_state=0)
    model = fitted(NNGPRegressor(NETWORK), X, y, solver, alpha=0.1)
    shown = capsys.readouterr().err
    assert "conjugate gradients, 1 right-hand side:" in shown
    assert f"{model.n_iter_}step" in shown
    assert f"residual {model.residual_:.1e}" in shown
    model.predict_std(X_test)
    assert f"conjugate gradients, {len(X_test)} right-hand sides" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"std_steps": 0}, ValueError, "std_steps must be"),
        ({"progress": "yes"}, TypeError, "progress must be True or False"),
    ],
)
def test_parameters_of_spread_and_bar_are_checked(options, error, message):
    X, y, _ = regression()
    with pytest.raises(error, match=message):
        fitted(NNGPRegressor(NETWORK), X, y, ConjugateGradient(**options))


def test_predictions_that_need_one_are_refused():
    X, y, X_test = regression()
    model = fitted(NTKRegressor(NETWORK), X, y, alpha=0.1)
    for use in (
        model.loo_predict,
        lambda: list(model.staged_predict(X_test, [1.0])),
        lambda: model.predict(X_test, return_std=True, observation_noise=True),
    ):
        with pytest.raises(ValueError, match="Use solver='cholesky'"):
            use()


def test_too_few_steps_are_an_error():
    X, y, _ = regression()
    solver = ConjugateGradient(rank=1, tol=1e-12, max_iter=2)
    with pytest.raises(ConvergenceError, match=r"after 2 steps.*`rank`.*`max_iter`"):
        fitted(NTKRegressor(NETWORK), X, y, solver)


@pytest.mark.parametrize("estimator", CONVERGED, ids=name_of)
def test_alpha_is_found_on_a_part_of_many_rows(estimator, monkeypatch):
    X, y, X_test = problem_for(estimator, n_samples=200)
    exact = clone(estimator).fit(X, y)
    for module in ("kernel_machines.iterative", "classification.iterative_temperature"):
        monkeypatch.setattr(f"skntk.estimators.{module}.MOST_ROWS_FOR_ALPHA", 120)
    model = fitted(estimator, X, y)
    shuffled = np.random.default_rng(1).permutation(200)
    again = fitted(estimator, X[shuffled], y[shuffled])
    found, expected = (m.hyperparameters_["alpha"] for m in (model, exact))
    assert found != expected
    assert 0.2 < found / expected < 5
    assert_allclose(again.hyperparameters_["alpha"], found, rtol=1e-3)
    if hasattr(model, "predict_proba"):
        # A tenth of the rows tells less about the temperature than all of them.
        ours, theirs = (m.predict_proba(X_test) for m in (model, exact))
        assert np.abs(ours - theirs).max() < 0.2
        assert 0.5 < model.temperature_ / exact.temperature_ < 2
    else:
        assert_allclose(model.predict(X_test), exact.predict(X_test), atol=0.5)


def test_a_temperature_of_held_out_rows_is_that_of_a_model_without_them(monkeypatch):
    X, y, _ = problem_for(NTKClassifier(), n_samples=90)
    monkeypatch.setattr(
        "skntk.estimators.classification.iterative_temperature.MOST_ROWS_FOR_ALPHA", 10
    )
    held_out = []
    from skntk.estimators.classification.held_out import HeldOutObservations

    find = HeldOutObservations.temperature

    def record(self, scores):
        held_out.append((self, scores))
        return find(self, scores)

    monkeypatch.setattr(HeldOutObservations, "temperature", record)
    model = fitted(NTKClassifier(NETWORK), X, y, alpha=0.1, alpha_scale="absolute")
    ((observations, scores),) = held_out
    train, test = observations.folds[0].train, observations.folds[0].test
    rows = model.X_train_
    labels = model._rows.labels
    refitted = NTKClassifier(NETWORK, alpha=0.1, alpha_scale="absolute")
    refitted.fit(rows[train], labels[train])
    assert_allclose(scores, refitted.decision_function(rows[test]), rtol=1e-6, atol=1e-8)


def test_a_kernel_in_single_precision_stays_one(monkeypatch):
    X, y, X_test = regression(n_samples=40)
    held = []
    matmul = DenseOperator.matmul

    def record(self, B):
        held.append(self.matrix.dtype)
        return matmul(self, B)

    def refuse(self):
        raise AssertionError

    monkeypatch.setattr(DenseOperator, "matmul", record)
    monkeypatch.setattr(DenseOperator, "to_dense", refuse)
    for params in (
        {"dtype": "float32"},
        {"solver": clone(SOLVER).set_params(storage_dtype="float32")},
        {"solver": clone(SOLVER).set_params(storage_dtype="float32", storage="file")},
    ):
        held.clear()
        model = fitted(NTKRegressor(NETWORK), X, y, **{"solver": SOLVER, "alpha": 0.1} | params)
        model.predict(X_test, return_std=True)
        assert set(held) == {np.dtype(np.float32)}


def test_a_file_is_kept_where_it_is_asked_for_and_gone_where_not(tmp_path, monkeypatch):
    X, y, _ = regression()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    model = fitted(NTKRegressor(NETWORK), X, y, clone(SOLVER).set_params(storage="file"))
    (folder,) = Path(tempfile.tempdir).iterdir()
    assert [path.suffix for path in sorted(folder.iterdir())] == [".journal", ".npy"]
    del model
    gc.collect()
    assert list(Path(tempfile.tempdir).iterdir()) == []
    kept = clone(SOLVER).set_params(storage="file", storage_location=tmp_path / "kept")
    model = fitted(NTKRegressor(NETWORK), X, y, kept, alpha=0.1)

    def refuse(*arguments, **options):
        raise AssertionError

    # Another alpha needs no other kernel.
    monkeypatch.setattr("skntk.gram.kernel_file.fill_by_rows", lambda *_: iter(()))
    monkeypatch.setattr("skntk.gram.kernel_file._begin", refuse)
    other = fitted(NTKRegressor(NETWORK), X, y, kept, alpha=0.2)
    assert not np.allclose(other.dual_coef_, model.dual_coef_)


def test_errors_of_memory_name_the_other_solvers(monkeypatch):
    X, y, _ = regression()
    monkeypatch.setattr("skntk._memory.available_memory", lambda: 1000)
    match = r"solver='inducing_points' takes .*GiB.*solver='conjugate_gradient'.* in .*GiB.*'file'"
    with pytest.raises(MemoryError, match=match):
        NTKRegressor(NETWORK).fit(X, y)
    with pytest.raises(MemoryError, match=r"by conjugate gradients needs.*storage='file'.*rank"):
        fitted(NTKRegressor(NETWORK), X, y)


def test_steps_are_tasks_of_a_callback():
    callback = pytest.importorskip("sklearn.callback")
    assert callback
    from .test_callbacks import Recording

    X, y, _ = regression()
    recording = Recording()
    model = NNGPRegressor(NETWORK, solver=SOLVER, alpha=0.1).set_callbacks(recording).fit(X, y)
    steps = [event for event in recording.events if event == "end step"]
    assert len(steps) == model.n_iter_
    assert recording.events[-3:] == ["end training", "end fit", "teardown"]


def test_singular_kernels_in_single_precision_tell_the_remedy(monkeypatch):
    X, y, _ = regression(n_samples=40)
    X = np.repeat(X[:20], 2, axis=0) * (1 + 1e-7 * np.arange(40)[:, np.newaxis])

    def rounded(self, B):
        return matmul(self, B) - 1e-2 * B

    matmul = conjugate_gradient.ConjugateGradientSystem.matmul
    monkeypatch.setattr(conjugate_gradient.ConjugateGradientSystem, "matmul", rounded)
    with pytest.raises(ValueError, match=r"positive definite.*dtype='float64'"):
        fitted(NTKRegressor(NETWORK, dtype="float32"), X, y, alpha=1e-6)
    assert iterative
