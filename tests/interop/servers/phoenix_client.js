// Phoenix's own client against phoenix.js on the port given: connects, joins, says something, hears
// it, has a heartbeat answered, and leaves. Prints what happened as JSON.

const { WebSocket } = require('ws');
const { Socket } = require('phoenix');

const seen = {};
const socket = new Socket(`ws://127.0.0.1:${process.argv[2]}/socket`, {
  transport: WebSocket,
  params: { token: 'secret' },
  heartbeatIntervalMs: 200,
});

function report() {
  console.log(JSON.stringify(seen));
  process.exit(0);
}

// An answer is expected of each request, or this is where it ends.
function push(what, request) {
  return new Promise((resolve) => {
    for (const status of ['ok', 'error', 'timeout']) {
      request.receive(status, () => {
        seen[what] = status;
        resolve();
      });
    }
  });
}

async function play() {
  const room = socket.channel('room:lobby', {});
  const heard = new Promise((resolve) => room.on('new_msg', resolve));
  await push('join', room.join());
  await push('push', room.push('new_msg', { body: 'hello' }));
  seen.heard = (await heard).body;
  // The client drops the reference of a heartbeat that was answered.
  await new Promise((resolve) => {
    const sent = setInterval(() => socket.pendingHeartbeatRef && (clearInterval(sent), resolve()), 5);
  });
  await new Promise((resolve) => {
    const answered = setInterval(() => !socket.pendingHeartbeatRef && (clearInterval(answered), resolve()), 5);
  });
  seen.heartbeat = 'ok';
  await push('elsewhere', socket.channel('elsewhere', {}).join());
  await push('leave', room.leave());
  report();
}

socket.connect();
play();
setTimeout(report, 10000);
