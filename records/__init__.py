"""The contract: what a run writes down, and what its words mean. Writers and readers share it."""
