"""Posteriors and training dynamics against the published package's numbers, from its kernels."""

import numpy as np
import pytest

from skntk.inference import (
    CholeskySolver,
    DenseOperator,
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    HalfSquaredError,
    LossFlow,
    ReadoutFlowPosterior,
    SoftmaxCrossEntropy,
    largest_eigenvalue,
    make_training_method,
)
from tests.reference_data import load

PROBLEMS, ARRAYS = load("inference")


def parameters():
    for problem in PROBLEMS:
        for index, result in enumerate(problem["results"]):
            label = [problem["name"], str(index), result["kind"], result.get("get", "")]
            yield pytest.param(problem, result, id="-".join(label))


class StoredProblem:
    """The stored kernels and targets of one problem, with the noise of one result."""

    def __init__(self, problem, result):
        data = {role: ARRAYS[name] for role, name in problem["data"].items()}
        self.data = data
        self.targets = data["y_train"]
        self.n_train, self.n_outputs = self.targets.shape
        self.train = {get: data[f"{get}_train_train"] for get in ("nngp", "ntk")}
        self.cross = {get: data[f"{get}_test_train"] for get in ("nngp", "ntk")}
        self.test = {get: data[f"{get}_test_test"] for get in ("nngp", "ntk")}
        trained = self.train["ntk" if result["get"] == "ntkgp" else result["get"]]
        self.noise = result.get("diag_reg", 0.0)
        if not result.get("diag_reg_absolute", True):
            self.noise *= np.trace(trained) / self.n_train

    def training_points_as_test_points(self):
        self.cross = dict(self.train)
        self.test = dict(self.train)

    def regularize_test_points(self, get):
        """Make the kernel of the flow see its own regularization at the training points."""
        regularized = self.train[get] + self.noise * np.eye(self.n_train)
        self.cross = {**self.train, get: regularized}
        self.test = dict(self.cross)


def gp_posterior(stored, result):
    if result["where"] == "train":
        stored.training_points_as_test_points()
    if result["get"] == "ntk":
        return ensemble(stored)
    return gaussian_process(stored, "ntk" if result["get"] == "ntkgp" else "nngp")


def mse_ensemble(stored, result):
    if result["where"] == "train":
        stored.regularize_test_points(result["get"])
    if result["t"] is None:
        return ensemble(stored) if result["get"] == "ntk" else gaussian_process(stored, "nngp")
    # The published package divides the learning rate by the number of outputs as well.
    flow = {
        "training_time": result["t"] / stored.n_outputs,
        "learning_rate": result["learning_rate"],
    }
    return ensemble_flow(stored, flow) if result["get"] == "ntk" else readout_flow(stored, flow)


def mse_from_f0(stored, result):
    f0_train, f0_test = stored.data["f0_train"], stored.data["f0_test"]
    stored.targets = stored.targets - f0_train
    learned_of_test = mse_ensemble(stored, {**result, "where": "test"})["mean"]
    learned_of_train = mse_ensemble(stored, {**result, "where": "train"})["mean"]
    return {"train": f0_train + learned_of_train, "test": f0_test + learned_of_test}


def loss_flow(stored, result):
    over_samples = result["loss"].endswith("mean_over_samples")
    loss = HalfSquaredError if result["loss"] == "half_mean_squared_error" else SoftmaxCrossEntropy
    start = {role: stored.data[f"f0_{role}"] for role in ("train", "test")}
    if result["start"] == "zero":
        start = {role: np.zeros_like(outputs) for role, outputs in start.items()}
    trained = LossFlow.condition(
        stored.train[result["get"]],
        stored.noise,
        loss(stored.data[result["y"]]),
        training_time=0.0,
        # The mean over all elements divides by the number of outputs as well.
        learning_rate=result["learning_rate"] / (1 if over_samples else stored.n_outputs),
        momentum=result["momentum"] or 0.0,
        initial_outputs=start["train"],
    ).over(result["times"])
    return {
        "train": start["train"] + trained.mean(stored.train[result["get"]]),
        "test": start["test"] + trained.mean(stored.cross[result["get"]]),
    }


def gaussian_process(stored, get):
    posterior = GaussianProcessPosterior.condition(stored.train[get], stored.noise, stored.targets)
    return from_one_kernel(posterior, stored, get)


def readout_flow(stored, flow):
    posterior = ReadoutFlowPosterior.condition(
        stored.train["nngp"], stored.noise, stored.targets, **flow
    )
    return from_one_kernel(posterior, stored, "nngp")


def ensemble(stored):
    posterior = EnsemblePosterior.condition(
        stored.train["ntk"], stored.train["nngp"], stored.noise, stored.targets
    )
    return from_two_kernels(posterior, stored)


def ensemble_flow(stored, flow):
    posterior = GradientFlowPosterior.condition(
        stored.train["ntk"], stored.train["nngp"], stored.noise, stored.targets, **flow
    )
    return from_two_kernels(posterior, stored)


def from_one_kernel(posterior, stored, get):
    cross, test = stored.cross[get], stored.test[get]
    return {
        "mean": posterior.mean(cross),
        "cov": posterior.covariance(cross, test),
        "variance": posterior.variance(cross, np.diagonal(test)),
    }


def from_two_kernels(posterior, stored):
    crosses, test = (stored.cross["ntk"], stored.cross["nngp"]), stored.test["nngp"]
    return {
        "mean": posterior.mean(crosses[0]),
        "cov": posterior.covariance(*crosses, test),
        "variance": posterior.variance(*crosses, np.diagonal(test)),
    }


KINDS = {
    "gp_posterior": gp_posterior,
    "mse_ensemble": mse_ensemble,
    "mse_from_f0": mse_from_f0,
    "loss_flow": loss_flow,
}


@pytest.mark.parametrize(("problem", "result"), list(parameters()))
def test_result(problem, result):
    ours = KINDS[result["kind"]](StoredProblem(problem, result), result)
    tolerance = result["tolerance_given_kernels"]
    for quantity, allowed in tolerance.items():
        np.testing.assert_allclose(ours[quantity], ARRAYS[result[quantity]], **allowed)
    if "variance" in ours:
        variance = np.diagonal(ARRAYS[result["cov"]])
        np.testing.assert_allclose(ours["variance"], variance, **tolerance["cov"])


def squared_errors_with_momentum():
    for problem in PROBLEMS:
        for result in problem["results"]:
            if result.get("loss") == "half_mean_squared_error" and result["momentum"]:
                yield pytest.param(problem, result, id=problem["name"])


@pytest.mark.parametrize(("problem", "result"), list(squared_errors_with_momentum()))
def test_closed_form_of_momentum(problem, result):
    stored = StoredProblem(problem, result)
    start = {role: stored.data[f"f0_{role}"] for role in ("train", "test")}
    trajectory = GradientFlowPosterior.condition(
        stored.train["ntk"],
        stored.train["nngp"],
        stored.noise,
        stored.targets - start["train"],
        training_time=0.0,
        # The mean over all elements divides by the number of outputs as well.
        learning_rate=result["learning_rate"] / stored.n_outputs,
        momentum=result["momentum"],
    ).over(result["times"])
    crosses = {"train": stored.train["ntk"], "test": stored.cross["ntk"]}
    for role, cross in crosses.items():
        np.testing.assert_allclose(
            start[role] + trajectory.mean(cross),
            ARRAYS[result[role]],
            **result["tolerance_given_kernels"][role],
        )


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem["name"])
@pytest.mark.parametrize(("momentum", "name"), [(0.0, "momentum_0"), (0.9, "momentum_0_9")])
def test_max_learning_rate(problem, momentum, name):
    ntk = ARRAYS[problem["data"]["ntk_train_train"]]
    system = CholeskySolver().factorize(DenseOperator(ntk), np.zeros(len(ntk)))
    largest = largest_eigenvalue(system) / len(ntk)
    for solver in ("gradient_descent", "gradient_flow"):
        # The published package divides the loss by the number of outputs as well.
        rate = make_training_method(solver, 1.0, momentum).max_learning_rate(largest)
        np.testing.assert_allclose(
            rate * problem["n_outputs"], problem["max_learning_rate"][name], rtol=1e-9
        )
