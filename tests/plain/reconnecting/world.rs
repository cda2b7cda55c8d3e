//! Sessions and their servers in virtual time: a heap of events, and servers of a few lines that
//! are down, busy or forgetful for a while.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use startline::engine::observe::{Absences, Books};
use startline::fault::Fault;
use startline::measure::servers::ServerNames;
use startline::measure::{Layout, Reconnects, Recorder, Totals};
use startline::members::{MemberId, SessionNumber};
use startline::scenario::Scenario;
use startline::session::{Commands, Context, Instants, Lent, Phase, Script, Session, Side, Slots, Who};
use startline_os::tick::Tick;
use tungstenite::handshake::derive_accept_key;

use crate::simulated::script_of;

pub type Micros = u64;
pub const SECOND: Micros = 1_000_000;

/// Log in, enter, connect; a heartbeat a second. `POLICY` is the reconnect table's.
const SCENARIO: &str = r#"name = "x"
[[errors]]
name = "NOT_YET"
status = 409
[[http]]
name = "login"
method = "POST"
path = "/login"
take = { token = "header:X-Token" }
[[http]]
name = "enter"
method = "POST"
path = "/enter?t={token}"
take = { url = "header:X-Url" }
[websocket]
url = "{url}"
[websocket.messages]
pong = { is = "pong" }
[[websocket.every]]
name = "ping"
send = "ping {sequence}"
reply = "pong"
interval = "1s"
timeout = "500ms"
[reconnect]
POLICY
"#;

/// What the servers do.
#[derive(Clone, Copy, Default)]
pub struct Servers {
    /// Down between these instants: connections are refused, and all that there are cut as it
    /// begins.
    pub down: (Micros, Micros),
    /// So long after its drop a session is refused with 409 at /enter.
    pub notices_after: Micros,
    /// Until this instant /login is answered 503 with `Retry-After` of as many seconds as are left.
    pub busy_until: Micros,
    /// This answer to every /enter with a token from before this instant.
    pub forgets_tokens_at: Micros,
    /// Each connection lives so long at most once it is open; 0: for good.
    pub cuts_after: Micros,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start,
    Connected(u32),
    Bytes(u32, Vec<u8>),
    Cut(u32),
    Timer { queue: usize, due: u32, generation: u8 },
    End,
}

#[derive(Default)]
pub struct Runner {
    session: Session,
    /// Counts up with each connection.
    connection: u32,
    is_up: bool,
    is_upgraded: bool,
    pub dropped_at: Option<Micros>,
    /// When attempts began, each with how many there were since its drop.
    pub attempts: Vec<(Micros, u32, Micros)>,
    since_drop: u32,
    /// PINGs, by connection, with their numbers.
    pub pings: Vec<(u32, Micros, u32)>,
    pub requests: Vec<(Micros, String)>,
}

pub struct World {
    seed: u64,
    script: Script,
    servers: Servers,
    pub runners: Vec<Runner>,
    lent: Lent,
    books: Books,
    pub totals: Totals,
    heap: BinaryHeap<Reverse<(Micros, u64, usize, Event)>>,
    sequence: u64,
    now: Micros,
    rng: fastrand::Rng,
}

impl World {
    pub fn new(seed: u64, sessions: usize, policy: &str, servers: Servers) -> Self {
        let scenario = Scenario::compile("x.toml", &SCENARIO.replace("POLICY", policy), &[]);
        let scenario = scenario.expect("it compiles");
        let rate = scenario.reconnect.as_ref().and_then(|policy| policy.rate_max);
        let script = Script { seed, ..script_of(scenario) };
        let layout = Layout::of(&script.scenario);
        let books = Books {
            members: std::sync::Arc::clone(&script.members),
            recorder: Recorder::new(&layout),
            servers: ServerNames::default(),
            ledger: None,
            propagation: None,
            updates: None,
            heard: None,
            at: Duration::ZERO,
            finished: 0,
            absences: Absences::default(),
            members_return: false,
            from: None,
            unmatched: None,
            places: script.places,
            heartbeats: layout.every.iter().map(|every| every.step).collect(),
        };
        let mut lent = Lent::new(Slots::new(7), fastrand::Rng::with_seed(seed));
        lent.side = Side::new(&script, sessions).with_rate(rate);
        let mut world = Self {
            seed,
            servers,
            runners: (0..sessions).map(|_| Runner::default()).collect(),
            lent,
            books,
            totals: Totals::new(&layout),
            script,
            heap: BinaryHeap::new(),
            sequence: 0,
            // Every run crosses the wrap of the tick counter.
            now: u64::from(u32::MAX) * 16 - 20 * SECOND,
            rng: fastrand::Rng::with_seed(seed),
        };
        world.servers.down = (world.now + servers.down.0, world.now + servers.down.1);
        world.servers.busy_until += world.now;
        world.servers.forgets_tokens_at += world.now;
        let begin = world.now;
        for session in 0..sessions {
            world.push(begin + session as u64 * SECOND / 1_000, session, Event::Start);
            if servers.down.1 > 0 {
                world.push(begin + servers.down.0, session, Event::Cut(u32::MAX));
            }
        }
        world
    }

    pub fn end_all_at(mut self, after: Micros) -> Self {
        let at = self.now + after;
        (0..self.runners.len()).for_each(|session| self.push(at, session, Event::End));
        self
    }

    fn push(&mut self, at: Micros, session: usize, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, session, event)));
    }

    /// Plays until nothing is left to happen, and closes the sums.
    pub fn play(mut self) -> Self {
        while let Some(Reverse((at, _, session, event))) = self.heap.pop() {
            self.now = at;
            self.happen(session, event);
        }
        self.totals.add(&self.books.recorder.take());
        let seed = self.seed;
        self.totals.check().unwrap_or_else(|sum| panic!("seed {seed}: {sum}"));
        assert_eq!((self.books.absences.away, self.books.absences.cut), (0, 0), "seed {seed}");
        assert!(self.lent.spills.is_empty() && self.lent.vault.is_empty(), "seed {seed}: something is left");
        for (session, runner) in self.runners.iter().enumerate() {
            assert_eq!(runner.session.phase(), Phase::Over, "seed {seed}: session {session}");
            // Whatever was armed before: of each connection a PING a second, and no more.
            for pair in runner.pings.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                let apart = pair[1].1 - pair[0].1;
                assert!(apart.abs_diff(SECOND) < SECOND / 50, "seed {seed}: session {session}: {apart} µs");
            }
        }
        self
    }

    pub fn reconnects(&self) -> &Reconnects {
        &self.totals.tally().reconnects
    }

    fn is_down(&self) -> bool {
        (self.servers.down.0..self.servers.down.1).contains(&self.now)
    }

    fn happen(&mut self, session: usize, event: Event) {
        let is_current = |world: &Self, connection: u32| world.runners[session].connection == connection;
        match event {
            Event::Start => {
                self.books.recorder.session_started(Default::default());
                let due = Tick::from_micros(self.now);
                self.drive(session, |session, ctx| session.start(due, ctx));
            }
            Event::Connected(connection) if is_current(self, connection) => {
                if self.is_down() {
                    self.hang_up(session);
                    let fault = Some(Fault::ConnectRefused);
                    return self.drive(session, |session, ctx| session.disconnected(fault, ctx));
                }
                self.runners[session].is_up = true;
                self.drive(session, |session, ctx| session.connected(ctx));
            }
            Event::Bytes(connection, bytes) if is_current(self, connection) => {
                self.drive(session, |session, ctx| session.received(&bytes, ctx));
            }
            Event::Cut(connection) if connection == u32::MAX || is_current(self, connection) => {
                if self.runners[session].is_up {
                    self.hang_up(session);
                    self.drive(session, |session, ctx| session.disconnected(None, ctx));
                }
            }
            Event::Timer { queue, due, generation } => {
                // As the engine does.
                if generation == self.lent.side.generation(session as u32) {
                    let timer = self.script.rhythm.queues().timer(queue);
                    self.drive(session, |session, ctx| session.timer(timer, Tick::from_raw(due), ctx));
                }
            }
            Event::End => self.drive(session, |session, ctx| session.end(ctx)),
            Event::Connected(_) | Event::Bytes(..) | Event::Cut(_) => {}
        }
    }

    fn hang_up(&mut self, session: usize) {
        let runner = &mut self.runners[session];
        runner.connection += 1;
        (runner.is_up, runner.is_upgraded) = (false, false);
    }

    fn drive(&mut self, index: usize, event: impl FnOnce(&mut Session, &mut Context<'_, Books>)) {
        let at = Instants {
            now: Tick::from_micros(self.now),
            unix_micros: 1_700_000_000_000_000 + self.now / 16 * 16,
            heard_micros: 0,
        };
        let who = Who {
            session: SessionNumber(index as u32),
            member_id: MemberId(13 + index as u64),
            challenge_id: 38,
        };
        let was = self.runners[index].session.phase();
        let mut ctx = self.lent.context(at, (who, index as u32), &self.script, &mut self.books);
        event(&mut self.runners[index].session, &mut ctx);
        let is = self.runners[index].session.phase();
        self.note(index, was, is);
        self.apply(index);
    }

    /// What the policy is held against.
    fn note(&mut self, index: usize, was: Phase, is: Phase) {
        let (now, runner) = (self.now, &mut self.runners[index]);
        if was == Phase::Held && is != Phase::Held {
            (runner.dropped_at, runner.since_drop) = (Some(now), 0);
        }
        if was == Phase::Away && is != Phase::Away && is != Phase::Over {
            let since = runner.attempts.last().map_or(0, |last| last.0);
            let from = if runner.since_drop == 0 { runner.dropped_at.unwrap_or(0) } else { since };
            runner.attempts.push((now, runner.since_drop, now - from));
            runner.since_drop += 1;
        }
    }

    fn apply(&mut self, index: usize) {
        let Commands { timers, disconnect, connect, keep, .. } = std::mem::take(&mut self.lent.commands);
        let generation = self.lent.side.generation(index as u32);
        for (timer, due) in timers {
            let wait = due.since(Tick::from_micros(self.now)).as_micros();
            let queue = self.script.rhythm.queues().of(timer);
            let late = 16 + self.rng.u64(..500);
            self.push(self.now + wait + late, index, Event::Timer { queue, due: due.raw(), generation });
        }
        let sent = std::mem::take(&mut self.lent.out);
        if !sent.is_empty() && self.runners[index].is_up {
            self.answer(index, &sent);
        }
        if disconnect {
            self.hang_up(index);
        }
        if keep {
            return self.drive(index, |session, ctx| session.lent(ctx));
        }
        if connect.is_some() {
            self.runners[index].connection += 1;
            let connection = self.runners[index].connection;
            let at = self.now + self.rng.u64(100..3_000);
            self.push(at, index, Event::Connected(connection));
        }
    }

    fn answer(&mut self, index: usize, sent: &[u8]) {
        let connection = self.runners[index].connection;
        let at = self.now + self.rng.u64(200..5_000);
        if self.runners[index].is_upgraded {
            let is_close = sent[0] & 0x0f == 8;
            if !is_close {
                let number = ping_number(sent);
                self.runners[index].pings.push((connection, self.now, number));
                return self.push(at, index, Event::Bytes(connection, b"\x81\x04pong".to_vec()));
            }
            self.push(at, index, Event::Bytes(connection, b"\x88\x02\x03\xe8".to_vec()));
            return self.push(at + 1, index, Event::Cut(connection));
        }
        let request = String::from_utf8_lossy(sent).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        self.runners[index].requests.push((self.now, path.clone()));
        let bytes = self.http(index, &path, &request);
        if bytes.starts_with(b"HTTP/1.1 101") {
            self.runners[index].is_upgraded = true;
            if self.servers.cuts_after > 0 {
                let lives = self.rng.u64(..self.servers.cuts_after);
                self.push(at + lives, index, Event::Cut(connection));
            }
        }
        self.push(at, index, Event::Bytes(connection, bytes));
    }

    fn http(&self, index: usize, path: &str, request: &str) -> Vec<u8> {
        let answer = |status: u16, fields: &str| {
            format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes()
        };
        let is_again = self.runners[index].dropped_at.is_some();
        if path == "/login" && is_again && self.now < self.servers.busy_until {
            let left = (self.servers.busy_until - self.now).div_ceil(SECOND);
            return answer(503, &format!("Retry-After: {left}\r\n"));
        }
        if path == "/login" {
            return answer(200, &format!("X-Token: {}\r\n", self.now));
        }
        if let Some(token) = path.strip_prefix("/enter?t=") {
            let taken: Micros = token.parse().expect("its own");
            let is_noticed = (self.runners[index].dropped_at)
                .is_none_or(|dropped| self.now >= dropped + self.servers.notices_after);
            return match () {
                () if self.now > self.servers.forgets_tokens_at && taken < self.servers.forgets_tokens_at => {
                    answer(403, "")
                }
                () if !is_noticed => answer(409, ""),
                () => answer(200, "X-Url: /ws\r\n"),
            };
        }
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
        let accept = derive_accept_key(key.as_bytes());
        format!("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
            .into_bytes()
    }

    /// Every attempt waited as long as the policy says, and no longer than this beyond it.
    pub fn check_waits(&self, first: Micros, factor: f64, longest: Micros, jitter: f64) {
        for (session, runner) in self.runners.iter().enumerate() {
            for &(_, k, waited) in &runner.attempts {
                let most = ((first as f64) * factor.powi(k as i32)).min(longest as f64);
                // What came before the failure of the attempt before is in it: at most some
                // milliseconds here.
                let (least, most) = (most * (1.0 - jitter), most + 60_000.0);
                let fits = (least..=most).contains(&(waited as f64));
                let seed = self.seed;
                assert!(fits, "seed {seed}: session {session}, attempt {k}: {waited} of {least} to {most}");
            }
        }
    }
}

/// The number in a client's short text frame.
fn ping_number(frame: &[u8]) -> u32 {
    let (mask, payload) = frame[2..].split_at(4);
    let text: Vec<u8> = payload.iter().enumerate().map(|(k, byte)| byte ^ mask[k % 4]).collect();
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.strip_prefix("ping "));
    number.and_then(|number| number.parse().ok()).expect("a PING")
}
