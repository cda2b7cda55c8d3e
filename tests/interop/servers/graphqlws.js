// A graphql-ws server: a token in connection_init, and a subscription that ticks with a number and
// a time. Its books are kept by the messages on the wire.

const http = require('http');
const { WebSocketServer } = require('ws');
const { useServer } = require('graphql-ws/use/ws');
const { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } = require('graphql');
const { count, listen, settings } = require('./books.js');

const { tick_ms, keep_alive_ms } = settings({ tick_ms: 500, keep_alive_ms: 1000 });

async function* ticks() {
  count('subscriptions', 'begun');
  try {
    for (let n = 0; ; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, tick_ms));
      yield { tick: { n, ts: String(Date.now()) } };
    }
  } finally {
    count('subscriptions', 'ended');
  }
}

const tick = new GraphQLObjectType({
  name: 'Tick',
  fields: { n: { type: GraphQLInt }, ts: { type: GraphQLString } },
});
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { hello: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: { tick: { type: tick, subscribe: ticks } },
  }),
});

const server = http.createServer();
const wss = new WebSocketServer({ server, path: '/graphql' });
wss.on('connection', (socket) => {
  count('sessions', 'connected');
  const { send, ping } = socket;
  socket.send = function (data, ...rest) {
    // What is sent to a socket that closes is not sent.
    if (this.readyState === this.OPEN) count('out', JSON.parse(data).type);
    return send.call(this, data, ...rest);
  };
  socket.ping = function (...rest) {
    count('keep_alive', 'pings');
    return ping.call(this, ...rest);
  };
  socket.on('pong', () => count('keep_alive', 'pongs'));
  socket.on('message', (data) => count('in', JSON.parse(data).type));
  socket.on('close', (code) => count('closes', code));
});
useServer(
  {
    schema,
    onConnect({ connectionParams }) {
      const welcome = connectionParams?.token === 'secret';
      count('sessions', welcome ? 'entered' : 'refused');
      return welcome;
    },
  },
  wss,
  keep_alive_ms,
);

listen(server, () => ({ open: wss.clients.size }));
