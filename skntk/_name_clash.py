"""Find out whether the unrelated distribution that shares our import name is installed too."""

from importlib.metadata import PackageNotFoundError, distribution

OTHER_DISTRIBUTION = "scikit-ntk"


def refuse_name_clash() -> None:
    """Stop the import of skntk if scikit-ntk is installed in the same environment.

    The distributions skntk and scikit-ntk are unrelated, but both install an import package called
    ``skntk``: the one installed last overwrites files of the other, and removing either takes
    shared files away from the one that stays. What would be imported is a mixture of both.
    """
    try:
        distribution(OTHER_DISTRIBUTION)
    except PackageNotFoundError:
        return
    raise ImportError(
        "The distributions skntk and scikit-ntk are both installed. They are unrelated, but both "
        "own the import name 'skntk' and overwrite each other's files. Remove both, then install "
        "the one you want:\n"
        "    pip uninstall --yes scikit-ntk skntk\n"
        "    pip install skntk\n"
        "skntk has the kernel of scikit-ntk, with its parameters and values: NeuralTangentKernel.",
        name="skntk",
    )
