"""The demo's cheap parts and one gallery example run; `make docs` runs the whole gallery."""

import importlib.util
import runpy
import sys
from pathlib import Path

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skntk import NNGPClassifier, NNGPRegressor, NTKRegressor
from skntk.architecture import Dense, FullyConnected, Serial

EXAMPLES = Path(__file__).parent.parent / "examples"
GALLERY = sorted(EXAMPLES.glob("plot_*.py"))


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", EXAMPLES / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def regression(demo):
    X, y = load_diabetes(return_X_y=True)
    models = {
        "NNGPRegressor": NNGPRegressor(
            FullyConnected(1), alpha=0.5, alpha_scale="absolute", normalize_y=False
        ),
        "KernelRidge(rbf)": KernelRidge(kernel="rbf", gamma=0.01),
    }
    models = {name: make_pipeline(StandardScaler(), model) for name, model in models.items()}
    return demo.make_task("diabetes", X[:90], y[:90], KFold(3), models)


@pytest.fixture
def classification(demo):
    X, y = load_wine(return_X_y=True)
    models = {"NNGPClassifier": NNGPClassifier(FullyConnected(1)), "SVC(rbf)": SVC()}
    models = {name: make_pipeline(StandardScaler(), model) for name, model in models.items()}
    return demo.make_task("wine", X, y, StratifiedKFold(2), models)


def cells(line):
    """The columns of a line of the table, which at least two spaces separate."""
    return [cell for cell in line.split("  ") if cell]


def test_regression_table(demo, regression, capsys):
    demo.print_task(regression)
    title, head, network, ridge = capsys.readouterr().out.strip().splitlines()
    assert title == "diabetes: 90 rows (3 folds), 10 features"
    assert len(head) == len(network) == len(ridge) <= 100
    assert [cell.strip() for cell in cells(head)] == [
        "R2",
        "-log density",
        "95 % covers",
        "seconds",
    ]
    name, score, density, coverage, seconds = (cell.strip() for cell in cells(network))
    assert name == "NNGPRegressor"
    assert 0.2 < float(score) < 0.7
    assert 0.8 < float(density) < 1.42
    assert 85 < float(coverage.removesuffix(" %")) <= 100
    assert float(seconds) >= 0
    assert [cell.strip() for cell in cells(ridge)][2:4] == ["-", "-"]


def test_classification_table(demo, classification, capsys):
    demo.print_task(classification)
    title, head, network, vectors = capsys.readouterr().out.strip().splitlines()
    assert title == "wine: 178 rows (2 folds), 13 features"
    assert [cell.strip() for cell in cells(head)][:2] == ["accuracy", "log-loss"]
    assert 0.9 < float(cells(network)[1]) <= 1
    assert 0 < float(cells(network)[2]) < 0.3
    assert [cell.strip() for cell in cells(vectors)][2:4] == ["-", "-"]


def test_notes_fit_the_page_and_name_the_constant_model(demo):
    assert max(map(len, demo.NOTES.splitlines())) <= 100
    assert f"{0.5 * np.log(2 * np.pi * np.e):.2f}" in demo.NOTES


def test_noise_is_added_in_the_same_way_to_every_gaussian_process(demo):
    # A network without hidden layers has a kernel that scikit-learn has too: x z / 10 + bias_std^2.
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    kernel = ConstantKernel(0.1) * DotProduct(0.5 * np.sqrt(10)) + WhiteKernel(0.4)
    options = {"alpha": 0.4, "alpha_scale": "absolute", "normalize_y": False}
    models = [
        GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0),
        NNGPRegressor(Serial([Dense(1.0, 0.5)]), **options),
    ]
    theirs, ours = (
        demo.predict_observations(make_pipeline(model).fit(X[:50], y[:50]), X[50:])
        for model in models
    )
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-9)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-9)


def test_scores_are_those_of_their_definitions(demo):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    model = make_pipeline(NTKRegressor(FullyConnected(1), alpha=0.8)).fit(X[:30], y[:30])
    density = norm(*model[-1].predict_observation(X[30:]))
    low, high = density.interval(0.95)
    score, negative_log_density, coverage = demo.regression_scores(model, X[30:], y[30:])
    assert score == pytest.approx(model.score(X[30:], y[30:]))
    assert negative_log_density == pytest.approx(-np.log(density.pdf(y[30:])).mean())
    assert coverage == np.mean((low < y[30:]) & (y[30:] < high))
    assert demo.log_density(model, X[30:], y[30:]) == pytest.approx(-negative_log_density)


def test_tasks_compare_all_models_on_disjoint_rows(demo):
    tasks = list(demo.tasks())
    assert [task.title.split(",")[0] for task in tasks] == [
        "diabetes",
        "wine",
        "breast cancer",
        "digits",
    ]
    for task in tasks:
        assert len(task.title) <= 100
        assert len(task.models) == 7
        for train, test in task.splits:
            assert not np.intersect1d(train, test).size


@pytest.mark.parametrize("family", ["regressors", "classifiers"])
def test_searches_set_parameters_that_exist(demo, family):
    searches = [
        model for model in getattr(demo, family)().values() if isinstance(model, GridSearchCV)
    ]
    assert len(searches) == 3
    for search in searches:
        for parameters in ParameterGrid(search.param_grid):
            clone(search.estimator).set_params(**parameters)


def test_main_prints_the_table_and_draws_the_figure(
    demo, classification, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "figure.png"
    monkeypatch.setattr(demo, "tasks", lambda: iter([classification]))
    monkeypatch.setattr(sys, "argv", ["demo.py", "--output", str(path)])
    demo.main()
    printed = capsys.readouterr().out
    assert "NNGPClassifier" in printed
    assert demo.NOTES in printed
    assert str(path) in printed
    image = matplotlib.image.imread(path)
    assert image.shape == (690, 1950, 4)
    panels = np.array_split(image[..., :3], 3, axis=1)
    assert all(panel.std() > 0.05 for panel in panels)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_gallery_example_starts_with_a_title_and_shows_pictures(path):
    text = path.read_text()
    code = compile(text, str(path), "exec")
    title, underline = code.co_consts[0].strip().splitlines()[:2]
    assert underline == "=" * len(title)
    assert text.count("plt.show()") >= 2


def test_gallery_example_runs(monkeypatch):
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    names = runpy.run_path(str(EXAMPLES / "plot_uncertainty_1d.py"))
    plt.close("all")
    assert len(shown) == 4
    # Where there are no data, both kinds of networks are unsure; where there are, they are not.
    gap, data = np.array([[0.2]]), np.array([[-2.0]])
    for model in (names["bayesian"], names["ensemble"]):
        assert model.predict_std(gap)[0] > 5 * model.predict_std(data)[0]
    errors = names["errors"]
    assert min(errors) < 0.5 * errors[0]
    assert min(errors) < 0.5 * errors[-1]
