"""The redactor as the command line wants it: shipped rules, the spec's own and its profiles."""

from __future__ import annotations

import argparse
from pathlib import Path

from collector.cli.parser import Parser
from collector.redaction import Redactor, load_rules, parse_customer_rules, with_customer_rules, with_profiles
from collector.spec import Redaction, Spec, load_spec


def make_redactor(spec: Spec) -> Redactor:
    """Returns the redactor of a run. Raises SpecError for rules or profiles that are not right."""
    wishes: Redaction = spec.redaction
    rules = with_customer_rules(load_rules(), parse_customer_rules(wishes.rules))
    return Redactor(with_profiles(rules, wishes.profiles), configmap_values=wishes.config_map_values)


def add_rule_flags(made: Parser) -> None:
    """Adds the flag that names a spec, whose redaction rules are used."""
    made.option("--spec", "file whose redaction rules and profiles to use", default="", metavar="FILE")


def redactor_of(arguments: argparse.Namespace) -> Redactor:
    """Returns the redactor for --spec, or for the shipped spec."""
    return make_redactor(load_spec(Path(arguments.spec) if arguments.spec else None))
