"""Which depth and which standard deviation of the biases serve few images of CIFAR-10?

The networks of ``benchmarks.compare_networks_on_cifar10`` are chosen here, from training images of
half the resolution alone. A choice is scored by how well kernel regression predicts the one-hot
target of each image from all other images: the coefficient of determination of leave-one-out
predictions, in percent, with the best alpha.

Run ``python -m benchmarks.choose_networks_for_cifar10 --data cifar10_small.npz --work FOLDER``.
What was computed is kept in the folder, as in the comparison.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from benchmarks.cifar10_study.accuracy import leave_one_out_r2
from benchmarks.cifar10_study.images import load_images
from benchmarks.cifar10_study.pieces import KINDS, KernelPieces, compute_missing
from benchmarks.timing import markdown_table
from skntk.architecture import ConvNet, FullyConnected, Layer, WideResNet

RESULTS = Path(__file__).parent / "results" / "networks_on_cifar10_choice.md"
WEIGHT_STD = 1.5
BIAS_STDS = (0.1, 0.5, 1.0)


def candidates(shape: tuple[int, ...]) -> dict[str, list[Layer]]:
    """Return by name the networks for all values of bias_std."""
    parameters = [{"weight_std": WEIGHT_STD, "bias_std": bias_std} for bias_std in BIAS_STDS]
    image = {"input_shape": shape}
    return {
        **{
            f"fully connected, depth {depth}": [
                FullyConnected(depth, **stds) for stds in parameters
            ]
            for depth in (1, 3, 5, 8, 12)
        },
        **{
            f"convolutional, depth {depth}": [
                ConvNet(depth, **stds, **image) for stds in parameters
            ]
            for depth in (3, 5, 8, 12, 16, 24)
        },
        **{
            f"wide residual, {blocks} blocks a group": [
                WideResNet(blocks, **stds, **image) for stds in parameters
            ]
            for blocks in (1, 2, 4)
        },
    }


def main() -> None:
    """Compute what is missing, and write the table when nothing is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="archive of images")
    parser.add_argument("--work", type=Path, required=True, help="folder for the kernels")
    parser.add_argument("--train", type=int, default=400, help="training images")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()

    images = load_images(arguments.data, arguments.train, n_test=0, pool=2, whiten=None)
    pieces = {
        (name, std): KernelPieces(
            arguments.work, name, network, images, "float32", len(images.X_train)
        )
        for name, networks in candidates(images.shape).items()
        for std, network in zip(BIAS_STDS, networks, strict=True)
    }
    if not compute_missing(pieces.values(), arguments.minutes):
        return
    header = [
        "network",
        *(f"{kind.upper()}, {std:g}" for kind in KINDS for std in BIAS_STDS),
    ]
    rows = []
    for name in dict.fromkeys(name for name, _ in pieces):
        scores = [
            leave_one_out_r2(pieces[name, std].assembled(kind)[0], images.y_train)
            for kind, std in product(KINDS, BIAS_STDS)
        ]
        rows.append([name, *(f"{100 * score:.1f}" for score in scores)])
    text = markdown_table(header, rows)
    arguments.results.write_text(f"{text}\n")
    print(text)


if __name__ == "__main__":
    main()
