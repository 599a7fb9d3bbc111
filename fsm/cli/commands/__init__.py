"""One module a command, or a pair of them; each is imported when it is used."""
