"""HTTP to anything but the API server: the one place that sends it, and how Errbit's answers are read."""
