"""``policy explain|show|lint|test``: why a finding is treated as it is, and what a change would do."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from collector.cli.parser import Parser
from collector.cli.windowflags import add_window_flags, as_of_day
from collector.core.errors import ExitStatus, PolicyError, UsageError
from collector.core.text import counted
from collector.findings import JudgedFinding, Report

_LEAST, _MOST = 40, 100
_SHOWN = 10


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Explains, shows, checks and tests the support policy. Needs no cluster.",
        examples=(
            f"{prog} explain BUNDLE.tar.zst CND-APP-001",
            f"{prog} show C2d",
            f"{prog} lint our-policy.yaml",
            f"{prog} test our-cases.yaml --policy our-policy.yaml",
        ),
    )
    verbs = made.add_subparsers(
        dest="action", required=True, metavar="explain|show|lint|test", parser_class=Parser
    )
    _add_explain(verbs.add_parser("explain", help="how one finding of a bundle is judged, row by row"))
    show = verbs.add_parser("show", help="the documents, or one clause, row or topic")
    show.add_argument("name", nargs="?", default="", help="id of a clause or row, or a topic")
    _add_policy(show)
    lint = verbs.add_parser("lint", help="what is wrong with a policy, and what is worth a look")
    lint.add_argument("file", nargs="?", type=Path, help="policy file; the shipped one if left out")
    test = verbs.add_parser("test", help="hold a policy to cases: facts in, classification out")
    test.add_argument("file", type=Path, help="YAML file of cases")
    _add_policy(test)
    return made


def _add_explain(explain: Parser) -> None:
    explain.add_argument("bundle", type=Path, help="bundle file")
    explain.add_argument("finding", help="its rule, fingerprint (or the beginning), or subject's name")
    _add_policy(explain)
    add_window_flags(explain)


def _add_policy(sub: Parser) -> None:
    sub.option("--policy", "policy file instead of the shipped one", default="", metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    actions = {"explain": _explain, "show": _show, "lint": _lint, "test": _test}
    return actions[arguments.action](arguments)


def _width() -> int:
    return max(min(shutil.get_terminal_size((80, 24)).columns, _MOST), _LEAST)


def _policy_path(arguments: argparse.Namespace) -> Path | None:
    return Path(arguments.policy) if arguments.policy else None


def _explain(arguments: argparse.Namespace) -> int:
    from collector.cli.policy_text import explained
    from collector.pipeline.reopen import reopen
    from collector.support import explain, load_policy

    path = _policy_path(arguments)
    policy = load_policy(path)
    report = reopen(arguments.bundle, path, as_of=as_of_day(arguments), current=arguments.current_ga)
    findings = [judged.finding for judged in report.findings]
    for number, judged in enumerate(_wanted(report, arguments.finding)):
        print("\n" if number else "", end="")
        explanation = explain(judged.finding, findings, report.facts, policy)
        print(explained(explanation, report.facts, width=_width()), end="")
    return ExitStatus.OK


def _wanted(report: Report, name: str) -> list[JudgedFinding]:
    """Returns the findings that a name means: one fingerprint, else all of a rule or subject."""
    by_fingerprint = [j for j in report.findings if j.finding.fingerprint.startswith(name.lower())]
    by_name = [j for j in report.findings if name in (j.finding.rule, j.finding.subject.name)]
    found = by_name or by_fingerprint
    if found:
        return found[:_SHOWN]
    rules = sorted({judged.finding.rule for judged in report.findings})
    raise UsageError(
        f"the bundle has no finding {name!r}",
        why=f"it has findings of: {', '.join(rules) or 'no rule'}",
        hint="try: conductor-diag analyze BUNDLE, which lists them",
    )


def _show(arguments: argparse.Namespace) -> int:
    from collector.cli.policy_text import shown
    from collector.support import load_policy

    policy = load_policy(_policy_path(arguments))
    text = shown(policy, arguments.name, width=_width())
    if not text:
        raise UsageError(
            f"the policy has no clause, row or topic {arguments.name!r}",
            hint="try: conductor-diag policy show, which lists the clauses",
        )
    print(text, end="")
    return ExitStatus.OK


def _lint(arguments: argparse.Namespace) -> int:
    from collector.analysis import load_rule_texts
    from collector.cli.policy_text import linted
    from collector.support import lint, load_unseen, read_policy_file

    path, content = read_policy_file(arguments.file)
    topics = {text.topic for text in load_rule_texts().values()}
    remarks = list(lint(content, topics, load_unseen().topics))
    print(linted(content, remarks, width=_width()), end="")
    problems = sum(remark.problem for remark in remarks)
    if problems:
        raise PolicyError(
            f"{path} has {counted(problems, 'problem')}", hint="correct the lines that begin with PROBLEM"
        )
    return ExitStatus.OK


def _test(arguments: argparse.Namespace) -> int:
    from collector.cli.policy_text import tested
    from collector.support import disagreements, load_cases, load_policy

    policy = load_policy(_policy_path(arguments))
    cases = load_cases(arguments.file)
    results = [(case.name, list(disagreements(case, policy))) for case in cases]
    print(tested(results, width=_width()), end="")
    failed = sum(bool(lines) for _, lines in results)
    if failed:
        raise PolicyError(
            f"of {counted(len(results), 'case')}, {failed} came out otherwise than {arguments.file} says",
            hint="correct the case, or the row that it names",
        )
    return ExitStatus.OK
