"""Measures redaction: its speed on synthetic data, its recall and precision on the corpus of the tests."""
