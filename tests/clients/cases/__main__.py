"""Runs every case and prints a table of them. The first argument, if any, is a part of the names to run."""

import importlib.metadata
import logging
import sys
import unittest

from . import kserve_rest, triton_http

MODULES = (triton_http, kserve_rest)


class Table(unittest.TestResult):
    """Prints a row a case as it ends, and all faults at the end."""

    def __init__(self):
        super().__init__()
        self.rows = 0

    def row(self, test, result):
        """Prints how a case ended."""
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
    """The cases of a suite, one after the other."""
    for part in suite:
        if isinstance(part, unittest.TestCase):
            yield part
        else:
            yield from cases(part)


def main():
    """Ends with how many have failed, as a process says it."""
    # The harness runs asyncio so that it reports whatever is slow; nothing here is about that.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("tritonclient", "kserve")]
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
        print(f"real clients: no case has '{only}' in its name")
    return 1 if faults or not table.rows else 0


sys.exit(main())
