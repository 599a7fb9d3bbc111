"""The command line of an agent job, and what it finds in its environment."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from fsm.model.agent import Agent, AgentKind

_SESSIONS = ("--session-id", "--resume", "-r", "--continue", "-c", "--no-session-persistence")
"""Options by which a job says itself what session claude is to use."""


def command_line(agent: Agent, session_key: str, nonce: str) -> tuple[str, ...]:
    """The words to execute. `nonce` names the arming: no two executions anywhere share it, or a session."""
    return _BUILDERS[agent.kind](agent, session_key, nonce)


def environment(agent: Agent) -> tuple[tuple[str, str], ...]:
    """What a program of kind `command` is told besides; the CLIs have it all on their command lines."""
    if agent.kind is not AgentKind.COMMAND:
        return ()
    told = (("CRONFSM_AGENT_MESSAGE", agent.message), ("CRONFSM_AGENT_MODEL", agent.model))
    return tuple((name, text) for name, text in told if text is not None)


def session_id(session_key: str, nonce: str) -> str:
    """A session key as the UUID that claude takes for one."""
    return str(uuid5(NAMESPACE_URL, f"{session_key}#{nonce}"))


def _claude(agent: Agent, session_key: str, nonce: str) -> tuple[str, ...]:
    words = [agent.program or "claude", "-p", "--output-format", "json"]
    if not any(word.partition("=")[0] in _SESSIONS for word in agent.args):
        words += ["--session-id", session_id(session_key, nonce)]
    return (*words, *_model(agent), *agent.args, "--", agent.message or "")


def _codex(agent: Agent, session_key: str, nonce: str) -> tuple[str, ...]:
    return (agent.program or "codex", "exec", "--json", *_model(agent), *agent.args, "--", agent.message or "")


def _openclaw(agent: Agent, session_key: str, nonce: str) -> tuple[str, ...]:
    words = [agent.program or "openclaw", "agent", "--json", "--session-key", session_key]
    return (*words, *_model(agent), *agent.args, "--message", agent.message or "")


def _command(agent: Agent, session_key: str, nonce: str) -> tuple[str, ...]:
    return (agent.program or "", *agent.args)


def _model(agent: Agent) -> tuple[str, ...]:
    return () if agent.model is None else ("--model", agent.model)


_BUILDERS = {
    AgentKind.CLAUDE: _claude,
    AgentKind.CODEX: _codex,
    AgentKind.OPENCLAW: _openclaw,
    AgentKind.COMMAND: _command,
}
