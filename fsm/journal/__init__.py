"""The journal: streams of entries, and the projection that is kept with them. In memory, and in SQLite."""
