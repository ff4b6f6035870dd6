"""Recall and precision of redaction on the corpus of the tests, by class."""

from __future__ import annotations

import argparse
from collections import Counter

from tests.lib.planted_corpus import kept, planted


def main() -> int:
    """Prints the tables; returns 1 when something leaked or was touched that must stay."""
    parser = argparse.ArgumentParser(prog="scripts/redaction-score", description=__doc__)
    parser.add_argument("--cases", action="store_true", help="show the texts that went wrong")
    show = parser.parse_args().cases
    secrets, leaked = Counter[str](), Counter[str]()
    for case in planted():
        secrets[case.label] += len(case.secrets)
        missed = case.leaks()
        leaked[case.label] += len(missed)
        if missed and show:
            print(f"leaked   {case.id} in {case.carrier}: {case.text!r}")
    stays, touched = Counter[str](), Counter[str]()
    for case in kept():
        stays[case.label] += 1
        if case.changed():
            touched[case.label] += 1
            if show:
                print(f"touched  {case.id} in {case.carrier}: {case.text!r}")
    _table("planted secrets", "recall", secrets, leaked)
    _table("what must stay", "untouched", stays, touched)
    hidden = secrets.total() - leaked.total()
    print(f"precision over both: {hidden / (hidden + touched.total()):.4f}")
    return 1 if leaked.total() or touched.total() else 0


def _table(title: str, measure: str, cases: Counter[str], wrong: Counter[str]) -> None:
    print(f"{title:18}{'cases':>8}{'wrong':>8}{measure:>12}")
    for label in (*sorted(cases), "all"):
        count, bad = (cases.total(), wrong.total()) if label == "all" else (cases[label], wrong[label])
        print(f"  {label:16}{count:>8}{bad:>8}{1 - bad / count:>12.4f}")
    print()


if __name__ == "__main__":
    raise SystemExit(main())
