"""How fast, how large, how close to the goal: every module here measures one thing."""
