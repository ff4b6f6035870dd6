"""The bundle: its paths, its container format, the one writer and the reader that trusts nothing."""
