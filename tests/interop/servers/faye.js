// A Bayeux server, Faye's own: a token for subscriptions, a room, a tick every half second. Its books
// are kept by channel, in an extension that sees each message.

const http = require('http');
const faye = require('faye');
const { count, listen, settings } = require('./books.js');

const { timeout_s, ticks_max } = settings({ timeout_s: 2, ticks_max: 6 });
const server = http.createServer();
const bayeux = new faye.NodeAdapter({ mount: '/bayeux', timeout: timeout_s });
let open = 0;
bayeux.addExtension({
  incoming(message, request, callback) {
    // Of the server's own client there is none.
    if (request) count('in', message.channel);
    if (message.channel === '/meta/subscribe' && request && message.ext?.token !== 'secret') {
      message.error = '403::unknown token';
    }
    callback(message);
  },
  outgoing(message, request, callback) {
    const isReply = message.successful !== undefined;
    if (request) count('out', isReply ? `${message.channel} replied` : message.channel);
    callback(message);
  },
});
bayeux.attach(server);
server.on('upgrade', (_request, connection) => {
  open += 1;
  count('sessions', 'connected');
  connection.once('close', () => {
    open -= 1;
    count('closes', 'connection');
  });
});

let ticks = 0;
setInterval(() => {
  // Those that somebody hears.
  if (ticks < ticks_max && open > 0) {
    ticks += 1;
    bayeux.getClient().publish('/tick', { ts: Date.now() });
  }
}, 500);

listen(server, () => ({ open }));
