"""Calls the tools of an MCP server with the protocol's own SDK and prints the answers as JSON.

    client.py stdio CALLS COMMAND [ARGUMENT...]
    client.py http CALLS URL

CALLS is a JSON list of [tool, arguments].
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def talk(read, write, calls):
    async with ClientSession(read, write) as session:
        hello = await session.initialize()
        tools = (await session.list_tools()).tools
        answers = []
        for tool, arguments in calls:
            answer = await session.call_tool(tool, arguments)
            text = "".join(part.text for part in answer.content if part.type == "text")
            answers.append({"tool": tool, "error": bool(answer.isError), "text": text, "value": answer.structuredContent})
        return {
            "server": hello.serverInfo.name,
            "instructions": hello.instructions,
            "tools": [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "schema": tool.inputSchema,
                    "read_only": tool.annotations.readOnlyHint,
                }
                for tool in tools
            ],
            "answers": answers,
        }


async def main():
    transport, calls, target = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    if transport == "stdio":
        server = StdioServerParameters(command=target[0], args=target[1:])
        async with stdio_client(server) as (read, write):
            found = await talk(read, write, calls)
    else:
        async with streamablehttp_client(target[0]) as (read, write, _):
            found = await talk(read, write, calls)
    json.dump(found, sys.stdout)


asyncio.run(main())
