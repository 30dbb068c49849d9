"""Measure how long `import skntk` takes beyond `import jax, sklearn`.

Run it with ``python tools/import_time.py``; the exit status is 1 if the limit is passed. Each
repetition is a new process, and the shortest one counts: everything else on the machine only adds.
"""

import argparse
import subprocess
import sys

STOPWATCH = """
import time
start = time.perf_counter()
import jax, sklearn
middle = time.perf_counter()
import skntk
print(middle - start, time.perf_counter() - middle)
"""


def measure() -> tuple[float, float]:
    """Return the seconds of `import jax, sklearn` and those that `import skntk` adds."""
    command = [sys.executable, "-c", STOPWATCH]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    base, added = map(float, printed.split())
    return base, added


def main() -> None:
    """Measure several times, print the shortest times and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--limit", type=float, default=0.3, help="seconds (default: %(default)s)")
    arguments = parser.parse_args()

    times = [measure() for _ in range(arguments.repetitions)]
    base = min(base for base, _ in times)
    added = min(added for _, added in times)
    print(f"import jax, sklearn: {base:.3f} s; import skntk adds {added:.3f} s")
    if added > arguments.limit:
        sys.exit(f"More than the limit of {arguments.limit:g} s.")


if __name__ == "__main__":
    main()
