// What flow.artillery.yml does in code, since Artillery's WebSocket engine has no step for it.

const api = `${process.env.TARGET}/api/v1`;

async function post(path, headers) {
  const response = await fetch(api + path, { method: 'POST', headers });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()).data;
}

async function ticket(member) {
  const { accessToken } = await post(`/auth/test-login?memberId=${member}`);
  return post('/challenges/1/enter', { Authorization: `Bearer ${accessToken}` });
}

// Logs in and enters, and says where to connect.
export function enter(connection, context, done) {
  ticket(context.vars.memberId).then((place) => {
    connection.target = `${place.wsUrl}?ticket=${place.ticket}`;
    done();
  }, done);
}

// Sets the time that the next PING carries.
export async function now(context) {
  context.vars.now = Date.now();
}
