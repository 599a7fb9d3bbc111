"""A class of tests for each adapter that has a fault (broken_journals.py, broken_launchers.py).

No file of the suite: test_contracts_can_fail.py runs these and demands that the tests fail which `kept_by` names.
"""

from __future__ import annotations

from broken_journals import Broken, Forgets, ForNow, PrunedComesBack
from broken_launchers import Elsewhere
from outsider_launcher import TableLauncher


def _suites() -> dict[str, type]:
    found: dict[str, type] = {"Forgets": Forgets, "PrunedComesBack": PrunedComesBack}
    for base, suite in ((Broken, ForNow), (TableLauncher, Elsewhere)):
        for made in base.__subclasses__():
            found[made.__name__] = type(made.__name__, (suite,), {"made": made, "kept_by": made.kept_by})
    return found


SUITES = _suites()
"""By the name of the fault."""

globals().update({f"Test{name}": suite for name, suite in SUITES.items()})
