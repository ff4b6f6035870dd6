"""A recorded cluster behind a real API on loopback: the demo's and the tests' stand-in for a cluster."""
