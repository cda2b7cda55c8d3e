// A small chat server to load: login over HTTP, a WebSocket, rooms, broadcasts and pings.
// It is the server of docs/tutorial.md and of the how-to pages.
//
//   npm install ws && PORT=7000 node rooms.js
//
// A user logs in with the password "secret", in one of four ways, and gets a token:
//   POST /login        {"user":"anna","password":"secret"}   -> {"token":"…"}
//   POST /login-cookie the same                              -> Set-Cookie: sid=…
//   POST /login-form   user=anna&password=secret&csrf=…      -> Set-Cookie: sid=…, a redirect to /
//                      (the csrf token stands in GET /login-form)
// The WebSocket /socket takes the token as ?token=…, as "Authorization: Bearer …", as the cookie, or
// user and password by Basic authentication.
// GET /books says what the server has seen.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');
const { WebSocketServer } = require('ws');

const SLOW_MS = Number(process.env.SLOW_MS || 0); // how long a login takes
const tokens = new Map(); // token -> user
const rooms = new Map(); // room -> set of sockets
const books = { logins: 0, refused: 0, opened: 0, joined: 0, said: 0, pings: 0, closed: 0 };

function login(user) {
  const token = crypto.randomBytes(12).toString('hex');
  tokens.set(token, user);
  books.logins += 1;
  return token;
}

function reply(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function answer(request, response, body) {
  const where = `${request.method} ${request.url}`;
  if (where === 'GET /books') return reply(response, 200, books);
  if (where === 'GET /') return reply(response, 200, { hello: 'rooms' });
  if (where === 'GET /login-form') {
    const page = `<form method="post"><input name="csrf" value="${csrf}"></form>`;
    return reply(response, 200, page, { 'Content-Type': 'text/html' });
  }
  const isForm = where === 'POST /login-form';
  if (!isForm && !where.startsWith('POST /login')) return reply(response, 404, { error: 'NO_SUCH_PATH' });
  let asked;
  try {
    asked = isForm ? Object.fromEntries(new URLSearchParams(body)) : JSON.parse(body);
  } catch {
    return reply(response, 400, { error: 'NOT_JSON' });
  }
  if (asked.password !== 'secret' || (isForm && asked.csrf !== csrf)) {
    books.refused += 1;
    return reply(response, 401, { error: 'WRONG_PASSWORD' });
  }
  const token = login(asked.user);
  const cookie = { 'Set-Cookie': `sid=${token}; HttpOnly` };
  if (isForm) return reply(response, 303, '', { ...cookie, Location: '/' });
  if (where === 'POST /login-cookie') return reply(response, 200, {}, cookie);
  return reply(response, 200, { token });
}
const csrf = crypto.randomBytes(8).toString('hex');

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => setTimeout(() => answer(request, response, body), SLOW_MS));
});

// Who asks for a WebSocket, however they say it.
function userOf(request) {
  const [, basic] = /^Basic (.*)$/.exec(request.headers.authorization || '') || [];
  if (basic) {
    const [user, password] = Buffer.from(basic, 'base64').toString().split(':');
    return password === 'secret' ? user : undefined;
  }
  const query = new URL(request.url, 'http://x').searchParams.get('token');
  const [, bearer] = /^Bearer (.*)$/.exec(request.headers.authorization || '') || [];
  const [, cookie] = /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie || '') || [];
  return tokens.get(query || bearer || cookie);
}

function tell(room, message, except) {
  const text = JSON.stringify(message);
  for (const other of rooms.get(room) || []) if (other !== except) other.send(text);
}

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  const user = request.url.startsWith('/socket') && userOf(request);
  if (!user) {
    books.refused += 1;
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => open(ws, user));
});

function open(ws, user) {
  books.opened += 1;
  let room;
  ws.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.type === 'ping') {
      books.pings += 1;
      ws.send(JSON.stringify({ type: 'pong', n: message.n }));
    } else if (message.type === 'join') {
      room = message.room;
      if (!rooms.has(room)) rooms.set(room, new Set());
      const members = [...rooms.get(room)].map((other) => other.user);
      rooms.get(room).add(ws);
      ws.user = user;
      books.joined += 1;
      ws.send(JSON.stringify({ type: 'joined', room, members }));
      tell(room, { type: 'entered', user }, ws);
    } else if (message.type === 'say' && room) {
      books.said += 1;
      tell(room, { type: 'said', user, id: message.id, text: message.text, at: Date.now() }, ws);
    } else {
      ws.send(JSON.stringify({ type: 'error', code: 'NOT_UNDERSTOOD' }));
    }
  });
  ws.on('close', () => {
    books.closed += 1;
    if (room && rooms.get(room).delete(ws)) tell(room, { type: 'left', user });
  });
}

server.listen(Number(process.env.PORT || 7000), '127.0.0.1', () => {
  console.log(`rooms: http://127.0.0.1:${server.address().port}`);
});
