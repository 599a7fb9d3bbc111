"""From an error's words to its class. Only error texts are looked at, never an answer."""

from __future__ import annotations

from fsm.model.states import ErrorClass

_MOST = 4096  # characters: an error is a sentence; what is longer has a dump behind it

_STATUS: dict[str, ErrorClass] = {
    "401": ErrorClass.AUTH,
    "403": ErrorClass.AUTH,
    "408": ErrorClass.NETWORK,
    "429": ErrorClass.RATE_LIMITED,
    "500": ErrorClass.OVERLOADED,
    "502": ErrorClass.OVERLOADED,
    "503": ErrorClass.OVERLOADED,
    "504": ErrorClass.OVERLOADED,
    "529": ErrorClass.OVERLOADED,
}

_WORDS: tuple[tuple[ErrorClass, tuple[str, ...]], ...] = (
    (ErrorClass.MAX_TURNS, ("max turns", "max_turns", "maximum number of turns", "max-turns")),
    (
        ErrorClass.RATE_LIMITED,
        (
            "rate limit",
            "rate_limit",
            "rate-limit",
            "ratelimit",
            "too many requests",
            "hit your limit",
            "hit your usage limit",
            "usage limit",
            "session limit",
            "weekly limit",
            "quota",
            "resource_exhausted",
        ),
    ),
    (ErrorClass.OVERLOADED, ("overloaded", "service unavailable", "at capacity", "internal server error")),
    (
        ErrorClass.AUTH,
        (
            "unauthorized",
            "unauthenticated",
            "authentication",
            "api key",
            "api_key",
            "not logged in",
            "/login",
            "oauth",
            "forbidden",
        ),
    ),
    (
        ErrorClass.PERMISSION_DENIED,
        ("permission denied", "permission_denied", "exec denied", "system_run_denied", "approval"),
    ),
    (
        ErrorClass.NETWORK,
        (
            "econnrefused",
            "econnreset",
            "enotfound",
            "etimedout",
            "eai_again",
            "connection error",
            "connection refused",
            "connection reset",
            "connection closed",
            "network",
            "fetch failed",
            "socket hang up",
            "stream disconnected",
            "getaddrinfo",
            "request timed out",
        ),
    ),
)

_DECLINED = (
    "usage policy",
    "usage policies",
    "content policy",
    "content_policy",
    "content_filter",
    "content filter",
    "safety_refusal",
    "responsible ai",
)

_NOT_DIGITS = {code: " " for code in range(128) if not chr(code).isdigit()}


def by_status(status: object) -> ErrorClass | None:
    """The class of an HTTP status."""
    return _STATUS.get(str(status)) if type(status) is int else None


def by_text(text: str) -> ErrorClass:
    """The class of what an error says: by its words first, then by an HTTP status in it."""
    text = text[:_MOST].lower()
    for error_class, words in _WORDS:
        if any(known in text for known in words):
            return error_class
    for number in text.translate(_NOT_DIGITS).split():
        if number in _STATUS:
            return _STATUS[number]
    return ErrorClass.OTHER


def declined(text: str) -> bool:
    """Whether an error says that a policy forbids the work: asking again in the same words gets the same answer."""
    text = text[:_MOST].lower()
    return any(known in text for known in _DECLINED)
