// An echo server of npm `ws`. With "compression" it compresses what it echoes, where the client
// offers permessage-deflate; with "takeover" it keeps its window from message to message.

const http = require('http');
const zlib = require('zlib');
const { WebSocketServer } = require('ws');
const { count, listen, settings } = require('./books.js');

const { compression, takeover, push_ms, push_bytes } = settings({
  compression: false,
  takeover: false,
  push_ms: 0,
  push_bytes: 0,
});

const server = http.createServer();
const perMessageDeflate = compression && { serverNoContextTakeover: !takeover, threshold: 0 };
const wss = new WebSocketServer({ server, perMessageDeflate });
wss.on('connection', (socket) => {
  count('sessions', 'connected');
  count('extensions', socket.extensions || 'none');
  socket.on('message', (data, isBinary) => {
    count('in', isBinary ? 'binary' : 'text');
    count('in', 'bytes', data.length);
    count('out', isBinary ? 'binary' : 'text');
    socket.send(data, { binary: isBinary });
  });
  socket.on('ping', () => count('in', 'ping'));
  socket.on('close', (code) => count('closes', code));
});
if (push_ms) {
  const text = 'the quick brown fox '.repeat(Math.ceil(push_bytes / 20)).slice(0, push_bytes);
  // What every push is compressed to, as RFC 7692, 7.2.1, says.
  const deflated = zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  count('pushed_bytes', 'compressed', deflated.length - 4);
  setInterval(() => {
    for (const socket of wss.clients) {
      count('out', 'pushed');
      socket.send(text);
    }
  }, push_ms);
}

listen(server, () => ({ open: wss.clients.size }));
