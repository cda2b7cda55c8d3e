// Rooms: a page, a login by form and one by JSON, tickets, and a WebSocket over which sessions talk. It is what the
// plans and recordings in tests/fixtures/import were made of, and what their imports are played against. It checks all
// that it is sent: what is wrong is refused, and counted.

const crypto = require('crypto');
const http = require('http');
const { WebSocketServer } = require('ws');
const { count, listen, settings } = require('./books.js');

const { port, tick_ms } = settings({ port: 0, tick_ms: 0 });

const CSRF = 'c5rf-7f3a91';
const ROOMS = [{ id: 41, name: 'lobby' }];
// Who is logged in by which value, and which tickets are unspent.
const logins = new Map();
const tickets = new Set();
let seats = 100;

const PAGE = `<!doctype html><title>Rooms</title><link rel="stylesheet" href="/style.css">
<main></main><script src="/app.js"></script>`;
const APP = `
const post = (path, body, headers = {}) => fetch(path, {
  method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body),
}).then((answer) => answer.json());
(async () => {
  const login = await post('/api/login', { user: 'ann', password: 'correct horse' });
  const bearer = { authorization: 'Bearer ' + login.data.accessToken };
  const rooms = await (await fetch('/rooms?name=lobby', { headers: bearer })).json();
  const ticket = await post('/api/tickets', { roomId: rooms.rooms[0].roomId, at: Date.now() }, bearer);
  const socket = new WebSocket(ticket.socketUrl + '?ticket=' + encodeURIComponent(ticket.ticket), 'rooms.v1');
  const send = (message) => socket.send(JSON.stringify(message));
  let n = 0, beat, seat;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.op === 'hello') send({ op: 'join', room: rooms.rooms[0].roomId, as: message.sessionId });
    if (message.op === 'alive?') send({ op: 'alive' });
    if (message.op === 'joined') {
      seat = message.seat;
      setTimeout(() => send({ op: 'say', seat, text: 'hello {you}' }), 700);
      beat = setInterval(() => {
        if (n === 5) { clearInterval(beat); socket.close(1000); document.title = 'done'; return; }
        send({ op: 'ping', n: n++, at: Date.now() });
      }, 1000);
    }
  };
})();`;

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript', json: 'application/json' };

function send(response, status, type, body, headers = {}) {
  count('answers', status);
  response.writeHead(status, { 'Content-Type': TYPES[type], ...headers });
  response.end(type === 'json' ? JSON.stringify(body) : body);
}

function cookieOf(request) {
  return /(?:^|; )sid=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
}

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => answer(request, response, body));
});

function answer(request, response, body) {
  const url = new URL(request.url, 'http://rooms');
  const bearer = request.headers.authorization?.replace('Bearer ', '');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return send(response, 200, 'html', PAGE);
    case 'GET /style.css':
      return send(response, 200, 'css', 'main { color: teal }');
    case 'GET /app.js':
      return send(response, 200, 'js', APP);
    case 'GET /login': {
      const sid = crypto.randomUUID();
      logins.set(sid, null);
      const form = `<form method="post"><input type="hidden" name="csrf" value="${CSRF}"></form>`;
      return send(response, 200, 'html', form, { 'Set-Cookie': `sid=${sid}; HttpOnly` });
    }
    case 'POST /login': {
      const form = new URLSearchParams(body);
      const sid = cookieOf(request);
      if (form.get('csrf') !== CSRF || !form.get('user') || !logins.has(sid)) {
        return send(response, 403, 'json', { error: 'csrf' });
      }
      const session = crypto.randomUUID();
      logins.set(session, form.get('user'));
      logins.set(sid, form.get('user'));
      return send(response, 200, 'html', 'welcome', { 'X-Session': session });
    }
    case 'POST /api/login': {
      const { user, password } = JSON.parse(body);
      if (!user || password !== 'correct horse') return send(response, 401, 'json', { error: 'password' });
      const accessToken = crypto.randomBytes(24).toString('base64url');
      logins.set(accessToken, user);
      return send(response, 200, 'json', { data: { accessToken, user } });
    }
    case 'GET /rooms': {
      if (!logins.get(bearer ?? cookieOf(request)) || url.searchParams.get('name') !== 'lobby') {
        return send(response, 403, 'json', { error: 'login' });
      }
      return send(response, 200, 'json', { rooms: ROOMS.map(({ id, name }) => ({ id, roomId: id, name })) });
    }
    case 'POST /api/tickets': {
      const { roomId, at } = JSON.parse(body);
      if (!logins.get(bearer) || roomId !== 41 || Math.abs(Date.now() - at) > 60000) {
        return send(response, 403, 'json', { error: 'ticket' });
      }
      const ticket = `${crypto.randomBytes(9).toString('base64')}/x=`;
      tickets.add(ticket);
      return send(response, 201, 'json', { ticket, socketUrl: `ws://${request.headers.host}/ws` });
    }
    default:
      return send(response, 404, 'json', { error: 'no such place' });
  }
}

const wss = new WebSocketServer({ noServer: true, handleProtocols: (all) => (all.has('rooms.v1') ? 'rooms.v1' : false) });
server.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://rooms');
  const [ticket, session] = ['ticket', 'session'].map((name) => url.searchParams.get(name));
  if (url.pathname !== '/ws' || !(tickets.delete(ticket) || logins.get(session))) {
    count('upgrades', 'refused');
    return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  }
  wss.handleUpgrade(request, socket, head, (ws) => play(ws, ticket !== null));
});

function tell(ws, message) {
  count('out', message.op);
  ws.send(JSON.stringify(message));
}

function play(ws, greets) {
  count('sessions', 'connected');
  const [sessionId, seat] = [crypto.randomUUID(), seats++];
  let joined = false;
  const others = () => [...wss.clients].filter((other) => other.joined && other !== ws);
  const timers = [];
  if (greets) {
    tell(ws, { op: 'hello', sessionId });
    // Asks now and then whether the page is there: a page that does not answer is put out.
    let missed = 0;
    timers.push(setInterval(() => (missed++ > 2 ? ws.close(4002) : tell(ws, { op: 'alive?' })), 1300));
    ws.on('message', (data) => JSON.parse(data).op === 'alive' && (missed = 0));
  }
  if (tick_ms) timers.push(setInterval(() => tell(ws, { op: 'tick', load: 0.5 }), tick_ms));
  ws.on('message', (data) => {
    const message = JSON.parse(data);
    count('in', message.op);
    const wrong = (why) => (count('wrong', why), ws.close(4001, why));
    switch (message.op) {
      case 'join':
        if (message.room !== 41 || (greets && message.as !== sessionId)) return wrong('room');
        joined = ws.joined = true;
        others().forEach((other) => tell(other, { op: 'entered', seat }));
        return tell(ws, { op: 'joined', room: message.room, seat });
      case 'say':
        if (!joined || message.seat !== seat || message.text !== 'hello {you}') return wrong('seat');
        return [ws, ...others()].forEach((one) => tell(one, { op: 'said', seat, text: message.text }));
      case 'ping':
        if (Math.abs(Date.now() - message.at) > 60000) return wrong('time');
        return tell(ws, { op: 'pong', n: message.n });
      case 'alive':
      case 'leave':
        return undefined;
      default:
        return wrong('op');
    }
  });
  ws.on('ping', () => count('in', 'ping-frame'));
  ws.on('close', (code) => {
    timers.forEach(clearInterval);
    count('closes', code);
  });
}

listen(server, () => ({ open: wss.clients.size }), port);
