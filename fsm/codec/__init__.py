"""Values to JSON and TOML, and back: jobs files, stored jobs, entries of the journal."""
