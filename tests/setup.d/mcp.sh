# Sourced by tests/setup: the client of tests/agent, the Model Context Protocol's own SDK for Python.
venv "$cache/mcp-client" tests/support/mcp/requirements.txt
