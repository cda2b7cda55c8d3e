"""What every server of this folder written in Python has in common: counters by name, a line that
says where it listens, the books for each line on standard input, an end with its input's end."""

import asyncio
import collections
import json
import sys

BOOKS = collections.defaultdict(collections.Counter)


def count(section, name, by=1):
    """Adds to one counter."""
    BOOKS[section][str(name)] += by


def settings(**defaults):
    """The test's own settings over these."""
    return {**defaults, **json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}")}


async def until_input_ends(server):
    """Announces the server's port, and answers for as long as somebody asks."""
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(BOOKS), flush=True)
