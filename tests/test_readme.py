"""What the README shows works as it is written."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.DOTALL | re.MULTILINE)


def test_has_an_example():
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example, capsys):
    exec(compile(example, str(README), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    scores = re.fullmatch(r"R2 = (0\.\d\d), 95 % intervals cover (\d+)%\n", printed)
    assert scores is not None
    assert float(scores[1]) > 0.3
    assert 88 <= int(scores[2]) <= 98
    assert f"This prints `{printed.strip()}`" in README.read_text()
