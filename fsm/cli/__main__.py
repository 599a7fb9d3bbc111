"""``python -m fsm.cli`` is ``cronfsm``."""

from fsm.cli.main import main

main()
