// A SocketCluster server: a handshake, a procedure that logs in, one that echoes, a channel with a
// message every half second. Its books are kept below SocketCluster, by what a message begins with.

const http = require('http');
const socketcluster = require('socketcluster-server');
const { count, listen, settings } = require('./books.js');

const { ping_interval_ms, ping_timeout_ms, news_max } = settings({
  ping_interval_ms: 1300,
  ping_timeout_ms: 3000,
  news_max: 6,
});
const server = http.createServer();
const cluster = socketcluster.attach(server, {
  authKey: 'a key of the tests',
  pingInterval: ping_interval_ms,
  pingTimeout: ping_timeout_ms,
});

// `ping`, `reply`, or an event's name.
function kind(text) {
  if (text === '') return 'empty';
  const { event, rid } = JSON.parse(text);
  return rid ? 'reply' : event;
}

async function each(listener, then) {
  for await (const event of listener) then(event);
}

// Before the first message goes out.
each(cluster.listener('handshake'), ({ socket }) => {
  const { socket: raw } = socket;
  const send = raw.send.bind(raw);
  raw.send = (data, ...rest) => {
    count('out', kind(data.toString()));
    send(data, ...rest);
  };
  raw.on('message', (data) => count('in', kind(data.toString())));
  raw.on('close', (code) => count('closes', code));
});
each(cluster.listener('connection'), ({ socket }) => {
  count('sessions', 'connected');
  each(socket.procedure('login'), (request) => {
    if (request.data.password !== 'secret') {
      const error = new Error('wrong password');
      error.name = 'LoginError';
      return request.error(error);
    }
    count('sessions', 'entered');
    return request.end({ as: request.data.user });
  });
  each(socket.procedure('echo'), (request) => {
    count('calls', 'echo');
    request.end(request.data);
  });
});
each(cluster.listener('subscription'), () => count('sessions', 'subscribed'));

let news = 0;
setInterval(() => {
  // Those that somebody hears.
  if (news < news_max && cluster.clientsCount > 0) {
    news += 1;
    cluster.exchange.transmitPublish('news', { number: news, ts: Date.now() });
  }
}, 500);

listen(server, () => ({ open: cluster.clientsCount }));
