"""The files of an OpenClaw gateway: read in a stream, understood, and repaired without touching what is not a cron
run's."""
