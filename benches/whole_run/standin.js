// The servers of three built-in scenarios, as far as a session that holds needs them: chat (a form
// login and a room), STOMP and Centrifugo. They know no rooms: nobody speaks while memory is measured.
// First line on standard output: {"port":…}. Needs npm `ws`.

const http = require('http');
const { WebSocketServer } = require('ws');

const { system } = JSON.parse(process.argv[2]);

// Of each system: the subprotocol, what a new connection is, and the replies to a message.
const systems = {
  chat: {
    protocol: 'chat.v1',
    replies: () => [JSON.stringify({ type: 'welcome', users: [] })],
  },
  stomp: {
    protocol: 'v12.stomp',
    replies(text) {
      if (text.startsWith('CONNECT')) return ['CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0'];
      const receipt = /^receipt:(.*)$/m.exec(text);
      return receipt ? [`RECEIPT\nreceipt-id:${receipt[1]}\n\n\0`] : [];
    },
  },
  centrifugo: {
    replies(text) {
      const commands = text.split('\n').filter((line) => line && line !== '{}').map((line) => JSON.parse(line));
      const replies = commands.filter(({ id }) => id).map(({ id, connect, subscribe }) => {
        if (connect) return { id, connect: { client: 'c', version: '0', ping: 25, pong: true } };
        return subscribe ? { id, subscribe: {} } : { id, publish: {} };
      });
      return replies.map((reply) => JSON.stringify(reply));
    },
  },
};
const { protocol, replies } = systems[system];

const server = http.createServer((request, response) => {
  request.resume();
  response.writeHead(204, { 'X-CSRF-Token': 'token', 'Set-Cookie': 'sid=1; HttpOnly' }).end();
});
const handleProtocols = (offered) => (offered.has(protocol) ? protocol : false);
const wss = new WebSocketServer({ server, handleProtocols });
wss.on('connection', (socket) => {
  socket.on('message', (data) => replies(data.toString()).forEach((reply) => socket.send(reply)));
});

// The bench ends us by closing our input, at the latest.
process.stdin.on('end', () => process.exit(0)).resume();
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
