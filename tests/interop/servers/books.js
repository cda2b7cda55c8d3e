// What every server of this folder written for Node has in common: counters by name, a line that
// says where it listens, the books for each line on standard input, an end with its input's end.

const readline = require('readline');

// Counters by name; `count('in', 'ping')` adds one to books.in.ping.
const books = {};

function count(section, name, by = 1) {
  books[section] ??= {};
  books[section][name] = (books[section][name] ?? 0) + by;
}

// Listens on a free port of the loopback, or this one. `now` adds what is only known when it is asked for.
function listen(server, now = () => ({}), port = 0) {
  server.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
  readline
    .createInterface({ input: process.stdin })
    .on('line', () => console.log(JSON.stringify({ ...books, ...now() })))
    .on('close', () => process.exit(0));
}

// The test's own settings over these.
function settings(defaults) {
  return { ...defaults, ...JSON.parse(process.argv[2] ?? '{}') };
}

module.exports = { count, listen, settings };
