// A Socket.IO 4 server: a token in the handshake, a room that members join, messages to the room
// with acknowledgements, a tick every second. Its books are kept by Engine.IO's packets, below
// everything that Socket.IO makes of them.

const http = require('http');
const { Server } = require('socket.io');
const { count, listen, settings } = require('./books.js');

const { ping_interval_ms, ping_timeout_ms, tick_ms, ticks_max } = settings({
  ping_interval_ms: 1500,
  ping_timeout_ms: 1000,
  tick_ms: 500,
  ticks_max: Infinity,
});
const server = http.createServer();
const io = new Server(server, { pingInterval: ping_interval_ms, pingTimeout: ping_timeout_ms });

// `message 42["said"`: an engine packet's type, and of a message what tells its kind.
function kind({ type, data }) {
  const event = typeof data === 'string' && data.match(/^(\d)\d*(?:\["([^"]+)")?/);
  return event ? [type, event[1], event[2]].filter(Boolean).join(' ') : type;
}

io.engine.on('connection', (socket) => {
  count('sessions', 'connected');
  count('transports', socket.transport.name);
  socket.on('upgrade', (transport) => count('transports', `upgraded to ${transport.name}`));
  socket.on('packet', (packet) => count('in', kind(packet)));
  socket.on('packetCreate', (packet) => count('out', kind(packet)));
  socket.on('close', (reason) => count('closes', reason));
});
server.on('upgrade', (_request, connection) => {
  // The close frame's code, which Socket.IO keeps to itself: of the WebSocket below it.
  connection.once('close', () => count('sessions', 'gone'));
});

io.use((socket, next) => {
  if (socket.handshake.auth.token === 'secret') return next();
  count('sessions', 'refused');
  next(new Error('unauthorized'));
});
io.on('connection', (socket) => {
  count('sessions', 'entered');
  socket.on('join', (room, acknowledge) => {
    count('sessions', 'joined');
    socket.join(room);
    socket.emit('joined', { room, id: socket.id });
    acknowledge?.({ ok: true });
  });
  socket.on('say', (message, acknowledge) => {
    io.to('lobby').emit('said', message);
    acknowledge?.({ ok: true });
  });
  socket.on('disconnect', (reason) => count('disconnects', reason));
});
// Those that somebody hears.
let ticks = 0;
setInterval(() => {
  if (ticks < ticks_max && io.sockets.adapter.rooms.has('lobby')) {
    ticks += 1;
    io.to('lobby').emit('tick', { ts: Date.now() });
  }
}, tick_ms);

listen(server, () => ({ open: io.engine.clientsCount }));
