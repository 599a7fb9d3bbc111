"""Telling people of ends: what is to be told (`lanes`), kept (`ledger`), delivered (`deliver`, `post`), and when
(`notifier`)."""
