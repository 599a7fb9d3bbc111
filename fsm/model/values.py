"""See `fsm.values`."""

from fsm.values import value

__all__ = ["value"]
