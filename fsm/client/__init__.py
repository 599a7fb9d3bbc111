"""What a program, or the command line, does to a journal: define jobs, ask for runs, end them, read."""
