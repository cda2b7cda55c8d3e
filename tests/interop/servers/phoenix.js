// A server that speaks the channel protocol of Phoenix 1.8 (version 2.0.0 of its serializer), for
// machines on which Phoenix itself cannot be installed: one socket with a token, rooms, a tick. It
// reads and writes messages with the serializer of Phoenix's own client (npm `phoenix`), and
// phoenix_client.js proves that this client is content with it.

const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');
const { Serializer } = require('phoenix');
const { count, listen, settings } = require('./books.js');

// Phoenix closes a socket that has been silent for a minute.
const { silence_ms, tick_ms } = settings({ silence_ms: 60000, tick_ms: 500 });

const ok = (response = {}) => ({ status: 'ok', response });
const refused = (reason) => ({ status: 'error', response: { reason } });

class Session {
  constructor(socket) {
    this.socket = socket;
    // What a channel was joined with, by topic.
    this.joined = new Map();
    this.timer = setTimeout(() => socket.close(1000), silence_ms);
  }

  send(join_ref, ref, topic, event, payload) {
    // What is sent to a socket that closes is not sent.
    if (this.socket.readyState !== WebSocket.OPEN) return;
    const status = event === 'phx_reply' ? ` ${payload.status}` : '';
    count('out', event + status);
    Serializer.encode({ join_ref, ref, topic, event, payload }, (text) => this.socket.send(text));
  }

  hear({ join_ref, ref, topic, event, payload }) {
    count('in', event);
    this.timer.refresh();
    const reply = (body) => this.send(join_ref, ref, topic, 'phx_reply', body);
    if (topic === 'phoenix') return reply(ok());
    if (event === 'phx_join') return this.join(join_ref, topic, reply);
    if (!this.joined.has(topic)) return reply(refused('unmatched topic'));
    if (event === 'phx_leave') {
      this.joined.delete(topic);
      reply(ok());
      return this.send(join_ref, ref, topic, 'phx_close', {});
    }
    broadcast(topic, event, payload);
    return reply(ok());
  }

  join(join_ref, topic, reply) {
    if (!topic.startsWith('room:')) return reply(refused('unmatched topic'));
    // Joining again closes the channel that was there.
    if (this.joined.has(topic)) {
      const before = this.joined.get(topic);
      this.send(before, before, topic, 'phx_close', {});
    }
    this.joined.set(topic, join_ref);
    count('sessions', 'joined');
    return reply(ok());
  }
}

const sessions = new Set();

function broadcast(topic, event, payload) {
  for (const session of sessions) {
    if (session.joined.has(topic)) session.send(null, null, topic, event, payload);
  }
}

const server = http.createServer();
const wss = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, connection, head) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const welcome = pathname === '/socket/websocket' && searchParams.get('token') === 'secret';
  if (!welcome || searchParams.get('vsn') !== '2.0.0') {
    count('sessions', 'refused');
    return connection.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  }
  return wss.handleUpgrade(request, connection, head, (socket) => {
    count('sessions', 'connected');
    const session = new Session(socket);
    sessions.add(session);
    socket.on('message', (data, isBinary) => {
      if (isBinary) return socket.close(1003);
      return Serializer.decode(data.toString(), (message) => session.hear(message));
    });
    socket.on('close', (code) => {
      clearTimeout(session.timer);
      sessions.delete(session);
      count('closes', code);
    });
  });
});
setInterval(() => broadcast('room:lobby', 'tick', { ts: Date.now() }), tick_ms);

listen(server, () => ({ open: sessions.size }));
