import pytest

from .problems import make_problem


@pytest.fixture(params=[None, 1, 3], ids=["one target", "one column", "three outputs"])
def problem(request):
    return make_problem(n_outputs=request.param)
