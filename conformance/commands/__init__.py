"""Every module of this folder is a command; how one is written stands in `command_line.py`."""
