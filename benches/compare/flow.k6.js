// The flow of benches/compare/run for k6: log in, enter, connect with the ticket, await CONNECTED, then a
// PING every PING_S seconds, each awaiting its PONG.
import http from 'k6/http';
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';

const sessions = +__ENV.SESSIONS;
const [ramp, hold, interval] = [+__ENV.RAMP_S, +__ENV.HOLD_S, +__ENV.PING_S];
const target = __ENV.TARGET;
export const options = {
  scenarios: { sessions: { executor: 'per-vu-iterations', vus: sessions, iterations: 1, maxDuration: '300s' } },
};
const pong = new Trend('pong_ms', true);
const failed = new Counter('failed');
const announced = new Counter('announced');

export default function () {
  const member = exec.vu.idInTest;
  sleep(((member - 1) / sessions) * ramp);
  const login = http.post(`${target}/api/v1/auth/test-login?memberId=${member}`);
  const token = login.json('data.accessToken');
  const enter = http.post(`${target}/api/v1/challenges/1/enter`, '', { headers: { Authorization: `Bearer ${token}` } });
  const ws = new WebSocket(`${enter.json('data.wsUrl')}?ticket=${enter.json('data.ticket')}`);
  let sent;
  let pings;
  let closing = false;
  ws.onmessage = (message) => {
    const { type } = JSON.parse(message.data);
    if (type === 'CONNECTED') {
      pings = setInterval(() => {
        sent = Date.now();
        ws.send(`{"type":"PING","timestamp":${sent}}`);
      }, interval * 1000);
      setTimeout(() => {
        closing = true;
        clearInterval(pings);
        ws.close(1000);
      }, (hold + ramp) * 1000 - ((member - 1) / sessions) * ramp * 1000);
    } else if (type === 'PONG') {
      pong.add(Date.now() - sent);
    } else {
      announced.add(1);
    }
  };
  ws.onclose = () => {
    clearInterval(pings);
    if (!closing) failed.add(1);
  };
}
