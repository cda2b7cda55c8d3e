//! One session and the connections that it is lent: what it asks of whoever drives it, command by command.

use std::sync::Arc;
use std::time::Duration;

use startline::engine::observe::Books;
use startline::fault::{Blame, Fault};
use startline::measure::ledger::{self, Board, Closing, Homes, Ledger, LedgerTotals, SessionSet};
use startline::measure::servers::ServerNames;
use startline::measure::{Counts, Layout, Recorder, Tally, Totals};
use startline::members::{MemberId, Members, Rows, SessionNumber};
use startline::scenario::outside::{Header, Outside};
use startline::scenario::presence::Told;
use startline::scenario::{MessageType, Scenario, StepIndex};
use startline::session::{
    Commands, Context, Phase, Script, Session, Side, Slots, Spills, Timer, Vault, Waits, Who,
};
use startline_os::tick::{Tick, Ticks};

use super::{script, script_of};

/// What its wall clock says.
const UNIX_MICROS: u64 = 1_700_000_000_000_000;

/// A session with everything that it needs, driven by hand.
pub struct Driven {
    pub script: Script,
    layout: Layout,
    session: Session,
    side: Side,
    spills: Spills,
    vault: Vault,
    books: Books,
    totals: Totals,
    now: Tick,
    /// When what it receives had been read, on the wall clock.
    pub heard_micros: u64,
    /// What its worker knows of waits.
    pub waits: Waits,
    /// When the first step is over.
    deadline: Tick,
    /// All timers that it has asked for and that have not come.
    armed: Vec<(Timer, Tick)>,
    number: u32,
    /// What it wanted sent last.
    pub out: Vec<u8>,
    /// What else it wanted last.
    pub commands: Commands,
}

fn compiled(source: &str) -> Scenario {
    Scenario::compile("x.toml", source, &[]).expect("it compiles")
}

impl Driven {
    /// Started, and told that no connection is free.
    pub fn waiting() -> Self {
        let mut driven = Self::started(script());
        driven.session.waits();
        driven
    }

    /// Of this scenario, with its first connection up.
    pub fn playing(source: &str) -> Self {
        let mut driven = Self::started(script_of(compiled(source)));
        driven.connect();
        driven
    }

    /// Of a scenario that may use a second host, `other`, and whose only member has this row.
    pub fn fed(source: &str, columns: &[&str], cells: &[&str]) -> Self {
        let header =
            Header { columns: columns.iter().map(|name| (*name).to_owned()).collect(), ..Header::default() };
        let outside = Outside { header: Some(header), ..Outside::default() };
        let scenario = Scenario::compile_with("x.toml", source, &[], &outside).expect("it compiles");
        let mut rows = Rows::new(&scenario.columns, None);
        rows.push(cells.iter().copied());
        let members = Members::range(MemberId(13), 1, 1).with_rows(Arc::new(rows.finish()));
        let script = Script {
            members: Arc::new(members),
            hosts: vec!["sim".into(), "other".into()],
            ..script_of(scenario)
        };
        let mut driven = Self::started(script);
        driven.connect();
        driven
    }

    /// The first of members whose ids are text, and who keeps a ledger of the others.
    pub fn among(source: &str, ids: &[&str]) -> Self {
        let mut rows = Rows::new(&[false, false], Some(0));
        ids.iter().for_each(|id| rows.push([*id]));
        let members = Members::range(MemberId(0), ids.len() as u32, 1).with_rows(Arc::new(rows.finish()));
        let (members, count) = (Arc::new(members), ids.len() as u32);
        let mut driven =
            Self::started(Script { members: Arc::clone(&members), ..script_of(compiled(source)) });
        driven.books.ledger = Some(Ledger::new(members, count, &[SessionNumber(0)], Board::new(count)));
        driven.connect();
        driven
    }

    /// What its ledger says if all these members were open.
    pub fn pairs(&mut self, members: u32) -> LedgerTotals {
        let mut open = SessionSet::new(members);
        (0..members).for_each(|member| _ = open.insert(SessionNumber(member)));
        let ledger = self.books.ledger.take().expect("it keeps one");
        ledger::close(
            &[ledger],
            &Closing { open: &open, homes: &Homes::default(), stalls: &[], told: Told::ALL },
        )
    }

    fn started(script: Script) -> Self {
        let layout = Layout::of(&script.scenario);
        let books = Books {
            members: Arc::clone(&script.members),
            members_return: false,
            recorder: Recorder::new(&layout),
            servers: ServerNames::default(),
            propagation: None,
            updates: None,
            heard: None,
            finished: 0,
            absences: Default::default(),
            ledger: None,
            at: Duration::ZERO,
            from: None,
            unmatched: None,
            places: script.places,
            heartbeats: Vec::new(),
        };
        let side = Side::new(&script, 1);
        let mut driven = Self {
            script,
            totals: Totals::new(&layout),
            layout,
            session: Session::new(),
            side,
            spills: Spills::new(),
            vault: Vault::default(),
            books,
            now: Tick::from_raw(u32::MAX - 100),
            heard_micros: UNIX_MICROS,
            waits: Waits::default(),
            deadline: Tick::default(),
            armed: Vec::new(),
            number: 0,
            out: Vec::new(),
            commands: Commands::default(),
        };
        let due = driven.now;
        driven.drive(|session, ctx| session.start(due, ctx));
        assert!(driven.commands.connect.is_some(), "it asks for a connection");
        driven.deadline = driven.commands.timers[0].1;
        driven
    }

    /// The same of a scenario without requests, for this session of the run, upgraded.
    pub fn upgraded(source: &str, number: u32) -> Self {
        let mut driven = Self::started(script_of(compiled(source)));
        driven.number = number;
        driven.connect();
        let answer = driven.switching("Upgrade: websocket\r\nConnection: upgrade");
        driven.receive(answer);
        driven
    }

    /// This many milliseconds pass with every timer that comes in them, in order; what is sent
    /// meanwhile: when, the opcode and the payload.
    pub fn play(&mut self, millis: u64) -> Vec<(u64, u8, String)> {
        let began = self.now;
        let end = began + Ticks::from_duration(Duration::from_millis(millis));
        let mut sent = Vec::new();
        loop {
            let next = self.armed.iter().enumerate().filter(|(_, (_, due))| end.reached(*due));
            let Some((at, _)) = next.min_by_key(|(_, (_, due))| due.since(began)) else { break };
            let (timer, due) = self.armed.remove(at);
            self.now = if due.reached(self.now) { due } else { self.now };
            self.drive(|session, ctx| session.timer(timer, due, ctx));
            let at = self.now.since(began).as_micros() / 1_000;
            sent.extend(self.frames().into_iter().map(|(opcode, payload)| (at, opcode, payload)));
        }
        self.now = end;
        sent
    }

    /// The frames that it sent last, with their opcodes.
    pub fn frames(&self) -> Vec<(u8, String)> {
        let (mut rest, mut frames) = (&self.out[..], Vec::new());
        while let [first, length, after @ ..] = rest {
            let length = usize::from(length & 0x7f);
            assert!(length < 126, "a short frame");
            let (mask, after) = after.split_at(4);
            let (payload, after) = after.split_at(length);
            let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            frames.push((first & 0x0f, String::from_utf8(payload).expect("UTF-8")));
            rest = after;
        }
        frames
    }

    /// What was measured so far.
    pub fn totals(&mut self) -> &Totals {
        self.totals.add(&self.books.recorder.take());
        &self.totals
    }

    /// Time passes.
    pub fn pass(&mut self, share_of_step: f64) {
        let whole = self.script.delays.steps[0].raw();
        self.now = self.now + Ticks::from_raw((f64::from(whole) * share_of_step) as u32);
    }

    /// The worker did not run for so long, until now.
    pub fn stall(&mut self, span: Duration) {
        self.waits.stalled(self.now, Ticks::from_duration(span));
    }

    /// Waits no longer, and has a connection that others have used.
    pub fn lend(&mut self) -> Ticks {
        let waited = self.session.served(self.now);
        self.drive(|session, ctx| session.lent(ctx));
        waited
    }

    /// A connection of its own making is up.
    pub fn connect(&mut self) {
        self.drive(|session, ctx| session.connected(ctx));
    }

    pub fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.drive(|session, ctx| session.received(bytes.as_ref(), ctx));
        // Nothing waits on its connection.
        if self.commands.keep {
            self.drive(|session, ctx| session.lent(ctx));
        }
    }

    /// The socket call for what it wanted sent has failed.
    pub fn fail_to_send(&mut self) {
        self.drive(|session, ctx| session.unsent(Fault::Reset, ctx));
    }

    /// The 101 that its upgrade asks for, with more fields.
    pub fn switching(&self, more: &str) -> String {
        let request = String::from_utf8_lossy(&self.out);
        let key = request.split("Sec-WebSocket-Key: ").nth(1).and_then(|rest| rest.lines().next());
        let accept = tungstenite::handshake::derive_accept_key(key.expect("an upgrade").as_bytes());
        format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n\r\n")
    }

    /// The session is to end.
    pub fn end(&mut self) {
        self.drive(|session, ctx| session.end(ctx));
    }

    /// The time for a close handshake is over.
    pub fn time_out_close(&mut self) {
        let due = self.deadline;
        self.drive(|session, ctx| session.timer(Timer::Close, due, ctx));
    }

    pub fn phase(&self) -> Phase {
        self.session.phase()
    }

    pub fn counts(&mut self) -> Counts {
        self.totals.add(&self.books.recorder.take());
        self.totals.tally().counts.clone()
    }

    /// Messages since this was last asked, of the listed types and of others.
    pub fn messages(&mut self) -> (Vec<u64>, u64) {
        let mut totals = Totals::new(&self.layout);
        totals.add(&self.books.recorder.take());
        let count = self.layout.messages.len();
        let listed = (0..count).map(|k| totals.tally().messages_of(MessageType(k as u8))).collect();
        (listed, totals.tally().messages_other(count))
    }

    /// What was measured since this was last asked.
    pub fn measured(&mut self) -> Tally {
        self.books.recorder.take().tally().clone()
    }

    /// The first record that fits no kind.
    pub fn stranger(&self) -> Option<&str> {
        self.books.unmatched.as_deref()
    }

    /// The server has closed the connection.
    pub fn close(&mut self) {
        self.drive(|session, ctx| session.disconnected(None, ctx));
    }

    /// The step's timer comes.
    pub fn time_out(&mut self) {
        let due = self.deadline;
        self.drive(|session, ctx| session.timer(Timer::Step(StepIndex(0)), due, ctx));
    }

    fn drive(&mut self, event: impl FnOnce(&mut Session, &mut Context<'_, Books>)) {
        self.out.clear();
        self.commands = Commands::default();
        let mut ctx = Context {
            now: self.now,
            unix_micros: UNIX_MICROS,
            heard_micros: self.heard_micros,
            who: Who { session: SessionNumber(self.number), member_id: MemberId(13), challenge_id: 38 },
            row: 0,
            script: &self.script,
            side: &mut self.side,
            spills: &mut self.spills,
            vault: &mut self.vault,
            slots: Slots::new(7),
            waits: &mut self.waits,
            rng: &mut fastrand::Rng::with_seed(7),
            out: &mut self.out,
            scratch: &mut Vec::new(),
            commands: &mut self.commands,
            observer: &mut self.books,
        };
        event(&mut self.session, &mut ctx);
        self.armed.extend(self.commands.timers.iter().copied());
        if let Some((_, due)) = self.commands.timers.back() {
            self.deadline = *due;
        }
    }

    /// The server that it was sent to, as results name it.
    pub fn server(mut self) -> String {
        let interval = self.books.recorder.take();
        interval.tally().routing.servers().first().map(|server| server.url.clone()).unwrap_or_default()
    }

    /// The evidence of its failure.
    pub fn evidence(mut self) -> String {
        let interval = self.books.recorder.take();
        interval.samples().first().map(|sample| sample.evidence.clone()).unwrap_or_default()
    }

    /// Bytes of taken values that it keeps while it is open.
    pub fn kept_bytes(&self) -> usize {
        self.vault.bytes_of(0)
    }

    /// What it keeps for a while, as of a message that is not whole.
    pub fn spills(&self) -> usize {
        self.spills.len()
    }

    /// Its first PING falls due.
    pub fn first_ping(&mut self) {
        let (timer, due) = self.commands.timers.pop_back().expect("a timer");
        assert!(matches!(timer, Timer::First(_)), "{timer:?}");
        self.now = due;
        self.drive(|session, ctx| session.timer(timer, due, ctx));
    }

    /// How it failed; nothing is left of it.
    #[track_caller]
    pub fn failure(mut self) -> (String, Blame) {
        assert_eq!(self.session.phase(), Phase::Over);
        assert!(self.commands.disconnect && self.spills.is_empty() && self.vault.is_empty());
        self.totals.add(&self.books.recorder.take());
        let failures: Vec<Fault> = self.totals.tally().failures.iter().map(|(_, fault, _)| fault).collect();
        let [fault] = failures[..] else { panic!("one failure, not {failures:?}") };
        (fault.key(&*self.script.scenario), fault.blame())
    }
}
