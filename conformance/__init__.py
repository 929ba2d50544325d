"""The front door: one command with subcommands, `python -m conformance`. Nothing imports it."""
