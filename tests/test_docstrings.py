"""Every example in a docstring of the package is run, those in compiled modules too."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import portdip

MODULES = [module.name for module in pkgutil.walk_packages(portdip.__path__, "portdip.")]


def examples(name: str) -> list[doctest.DocTest]:
    # Cython lists the examples of compiled functions in the module's __test__, where doctest looks.
    return [test for test in doctest.DocTestFinder().find(import_module(name), name) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    runner = doctest.DocTestRunner()
    report: list[str] = []
    for test in examples(name):
        runner.run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", ["portdip.number", "portdip.lookup._digits"])
def test_examples_are_found_in_plain_and_in_compiled_modules(name):
    assert any(".parse" in test.name for test in examples(name))
