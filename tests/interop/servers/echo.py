"""An echo server of PyPI's `websockets`. With "compression" it compresses what it echoes, where the
client offers permessage-deflate."""

import asyncio

from books import count, settings, until_input_ends
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

SETTINGS = settings(compression=False)


async def echo(socket):
    count("sessions", "connected")
    extensions = [extension.name for extension in socket.protocol.extensions]
    count("extensions", ", ".join(extensions) or "none")
    try:
        async for message in socket:
            kind = "text" if isinstance(message, str) else "binary"
            count("in", kind)
            count("in", "bytes", len(message.encode() if kind == "text" else message))
            await socket.send(message)
            count("out", kind)
    except ConnectionClosed:
        pass
    finally:
        count("closes", socket.close_code)


async def main():
    compression = "deflate" if SETTINGS["compression"] else None
    async with serve(echo, "127.0.0.1", 0, compression=compression, ping_interval=1) as server:
        await until_input_ends(server)


asyncio.run(main())
