"""The command line: one module a verb, parsing and printing only. Imports happen when a verb runs."""
