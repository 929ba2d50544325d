"""What the benchmarks share: a figure, the runs that are timed, the machine, and the page."""
