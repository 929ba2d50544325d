"""Importing an adapter file, in the framework's own process."""

import importlib.util
import os
import sys


def load(path):
    """Import the adapter at `path`; AttributeError where it lacks one of its three functions."""
    name = "adapter_" + os.path.splitext(os.path.basename(path))[0].replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for function in ("hello", "conventions", "run"):
        if not callable(getattr(module, function, None)):
            raise AttributeError(f"the adapter {path} has no function {function}()")
    return module
