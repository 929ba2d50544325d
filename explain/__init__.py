"""For people who only have arrays: what reproduces a dump, and whose conventions those are."""
