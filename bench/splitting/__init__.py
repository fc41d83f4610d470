"""Making split files: which conditions a task holds out, from a table of conditions and their cells."""
