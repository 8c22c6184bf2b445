"""Runs the cases and prints a table. The optional argument selects the cases whose names contain it."""

import importlib.metadata
import logging
import sys
import unittest

from . import kserve_rest, openai_api, openai_generation, triton_http

MODULES = (triton_http, kserve_rest, openai_api, openai_generation)


class Table(unittest.TestResult):
    """Prints a row per case, and all failures at the end."""

    def __init__(self):
        super().__init__()
        self.rows = 0

    def row(self, test, result):
        """Prints the outcome of a case."""
        self.rows += 1
        print(f"{test.client:<20} {test.shortDescription():<88} {result}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.row(test, "passed")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.row(test, "FAILED")

    def addError(self, test, error):
        super().addError(test, error)
        self.row(test, "FAILED")


def cases(suite):
    """Yields the cases of a suite."""
    for part in suite:
        if isinstance(part, unittest.TestCase):
            yield part
        else:
            yield from cases(part)


def main():
    """Runs the cases and returns the exit code: 1 if a case failed or none was selected."""
    # The harness runs asyncio in debug mode, which reports slow callbacks; these are not relevant here.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("tritonclient", "kserve", "openai", "langchain-openai")]
    print(f"real clients: {', '.join(versions)}, Python {sys.version.split()[0]}\n", flush=True)
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    table = Table()
    for module in MODULES:
        found = cases(unittest.defaultTestLoader.loadTestsFromModule(module))
        unittest.TestSuite(case for case in found if only in case.id()).run(table)
    faults = table.failures + table.errors
    for test, trace in faults:
        print(f"\n-- {test.client}: {test.shortDescription()} ({test.id()})\n{trace}")
    failed = len({test.id() for test, _ in faults})
    print(f"\nreal clients: {table.rows - failed} passed, {failed} failed")
    if not table.rows:
        print(f"real clients: no case matches '{only}'")
    return 1 if faults or not table.rows else 0


sys.exit(main())
