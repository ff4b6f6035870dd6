"""What the outputs of backup tools mean: parsers over bytes into one model. Nothing here does I/O."""
