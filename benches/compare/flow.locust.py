"""The flow of benches/compare/run for Locust: log in, enter, connect with the ticket, await CONNECTED, then
a PING every PING_S seconds, each awaiting its PONG. Needs websocket-client beside locust."""
import json
import os
import time

import websocket
from locust import HttpUser, constant, task
from locust.exception import StopUser

TARGET, PING_S, PINGS = os.environ['TARGET'], float(os.environ['PING_S']), int(os.environ['PINGS'])
MEMBERS = iter(range(1, int(os.environ['SESSIONS']) + 1))


class Member(HttpUser):
    host = TARGET
    wait_time = constant(0)

    def on_start(self):
        self.member = next(MEMBERS)
        login = self.client.post(f'/api/v1/auth/test-login?memberId={self.member}', name='login')
        bearer = {'Authorization': 'Bearer ' + login.json()['data']['accessToken']}
        place = self.client.post('/api/v1/challenges/1/enter', headers=bearer, name='enter').json()['data']
        self.socket = websocket.create_connection(f"{place['wsUrl']}?ticket={place['ticket']}", suppress_origin=True)
        self.until('CONNECTED')
        self.due = time.monotonic() + PING_S
        self.left = PINGS

    def until(self, kind):
        while json.loads(self.socket.recv())['type'] != kind:
            pass

    @task
    def ping(self):
        # What comes until then waits in the socket.
        time.sleep(max(0, self.due - time.monotonic()))
        self.due += PING_S
        begin = time.perf_counter()
        self.socket.send(json.dumps({'type': 'PING', 'timestamp': int(time.time() * 1000)}))
        self.until('PONG')
        self.environment.events.request.fire(request_type='WS', name='ping', response_time=(time.perf_counter() - begin) * 1000,
                                             response_length=0, exception=None, context={})
        self.left -= 1
        if not self.left:
            raise StopUser()

    def on_stop(self):
        self.socket.close()
