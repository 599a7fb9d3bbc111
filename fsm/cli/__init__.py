"""The command line: parses what a person types, asks the engine, and says what came of it."""
