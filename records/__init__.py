"""What a run leaves behind: the records, their file, and the words of their verdicts."""
