"""What the paper reports, run and typeset by one command."""
