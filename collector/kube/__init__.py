"""The only code that talks to the Kubernetes API server: configuration, transport, discovery, lists, logs."""
