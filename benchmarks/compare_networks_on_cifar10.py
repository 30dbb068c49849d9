"""Test accuracy of infinitely wide networks on few images of CIFAR-10, by size of the training set.

Fully connected, convolutional and wide residual networks are compared, NNGP and NTK, as in the
experiments of Novak et al., "Neural Tangents: Fast and easy infinite neural networks in Python",
ICLR 2020.

Run ``python -m benchmarks.compare_networks_on_cifar10 --data cifar10_small.npz --work FOLDER``. The
archive holds X_train, y_train, X_test and y_test; images are of shape (n, 32, 32, 3) with values
from 0 to 255. Kernels are computed in pieces of a few rows, and each piece is a file in the folder:
a run that was stopped goes on where it was, and ``--minutes`` stops it after a piece. When all
pieces are there, the table and the figure are written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.cifar10_study.accuracy import ALPHAS, hits
from benchmarks.cifar10_study.images import Images, load_images
from benchmarks.cifar10_study.pieces import KINDS, KernelPieces, compute_missing
from benchmarks.cifar10_study.report import accuracy_table, draw, gain_table
from skntk.architecture import ConvNet, FullyConnected, Layer, Myrtle, WideResNet

RESULTS = Path(__file__).parent / "results" / "networks_on_cifar10.md"
FIGURE = Path(__file__).parent.parent / "docs" / "figures" / "networks_on_cifar10.png"
SIZES = (10, 20, 40, 80, 160, 320, 400, 640, 1280)
BASELINE = "fully connected"
COMPARED = (BASELINE, "convolutional", "wide residual")
REGULARIZATIONS = {"alpha = 0.0001": (1e-4,), "alpha by leave-one-out": ALPHAS}
# Of the weights and biases of all layers, in all networks.
STDS = {"weight_std": 1.5, "bias_std": 0.5}


def networks(shape: tuple[int, ...], flip: bool) -> dict[str, Layer]:
    """Return the networks by name, in the order of the table, all of them for flat rows."""
    options = {"input_shape": shape, "horizontal_flip": flip, **STDS}
    return {
        "fully connected": FullyConnected(8, **STDS),
        "convolutional": ConvNet(16, **options),
        "wide residual": WideResNet(4, **options),
        "Myrtle-7": Myrtle(7, **options),
        "pooled": ConvNet(5, pooling="global", **options),
    }


def pieces_of(arguments: argparse.Namespace, images: Images) -> dict[str, KernelPieces]:
    """Return what is to be computed, by the name of the network."""
    chosen = networks(images.shape, arguments.flip)
    return {
        name: KernelPieces(
            arguments.work, name, chosen[name], images, arguments.dtype, arguments.rows
        )
        for name in arguments.networks
    }


def main() -> None:
    """Compute what is missing, and report when nothing is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="archive of images")
    parser.add_argument("--work", type=Path, required=True, help="folder for the pieces of kernels")
    parser.add_argument("--train", type=int, default=400, help="training images")
    parser.add_argument("--test", type=int, default=500, help="test images")
    parser.add_argument(
        "--pool", type=int, default=1, help="mean over so many pixels along an axis"
    )
    parser.add_argument("--whiten", type=float, help="strength of the regularization of ZCA")
    parser.add_argument(
        "--flip", action="store_true", help="average networks of images over mirror images"
    )
    parser.add_argument(
        "--networks", nargs="*", default=COMPARED, help="there are also Myrtle-7 and pooled"
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--rows", type=int, default=50, help="rows of a piece")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args()

    images = load_images(
        arguments.data, arguments.train, arguments.test, arguments.pool, arguments.whiten
    )
    pieces = pieces_of(arguments, images)
    if not compute_missing(pieces.values(), arguments.minutes):
        return
    sizes = [n for n in SIZES if n <= arguments.train]
    kernels = {
        (name, kind): network.assembled(kind) for name, network in pieces.items() for kind in KINDS
    }
    right = {
        title: {
            key: hits(*both, images.y_train, images.y_test, sizes, alphas)
            for key, both in kernels.items()
        }
        for title, alphas in REGULARIZATIONS.items()
    }
    sections = [images.description]
    for title, network_hits in right.items():
        sections += [
            f"Accuracy in percent by number of training images, {title}:",
            accuracy_table(network_hits, sizes),
        ]
        if BASELINE in pieces:
            sections += [
                f"Points above the {BASELINE} network:",
                gain_table(network_hits, sizes, BASELINE),
            ]
    report = "\n\n".join(sections)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(f"{report}\n")
    print(report)
    draw(right, sizes, arguments.figure)


if __name__ == "__main__":
    main()
