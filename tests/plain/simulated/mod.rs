//! The simulated world: a heap of events in virtual time between sessions and their peers.

pub mod lent;
mod peer;
mod room;
mod witness;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use startline::fault::Fault;
use startline::members::{MemberId, Members, SessionNumber};
use startline::scenario::Scenario;
use startline::session::script::Delays;
use startline::session::{
    Commands, Context, Phase, Rhythm, Script, Session, Side, Slots, Spills, StepPlaces, Vault, Waits, Who,
};
use startline_os::tick::{TICK_MICROS, Tick, Ticks};

pub use peer::Fate;
use peer::Peer;
use room::Room;
pub use witness::Tally;
use witness::Witness;

/// Virtual microseconds.
type Micros = u64;

const SECOND: Micros = 1_000_000;
const FIRST_MEMBER: u64 = 13;
const HOLD: Micros = 200 * SECOND;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start(usize),
    Connected {
        session: usize,
        connection: u32,
    },
    Bytes {
        session: usize,
        connection: u32,
        bytes: Vec<u8>,
    },
    Gone {
        session: usize,
        connection: u32,
        errno: i32,
    },
    Timer {
        session: usize,
        queue: usize,
        due: u32,
    },
    End(usize),
    /// The network takes whatever connection there is.
    Cut(usize),
    /// This machine does nothing for so long.
    Stall(Micros),
    /// Accounts close.
    Accounts,
}

struct Runner {
    session: Session,
    peer: Peer,
    /// Counts up with each connection, so that what was on its way to a dropped one is dropped.
    connection: u32,
    connected: bool,
    ended: bool,
    /// Nothing overtakes: the next piece arrives no earlier than this.
    arrives_after: Micros,
    /// The same for what the room says, which comes when it comes.
    told_after: Micros,
}

/// What all sessions do: Runnity's scenario at a host that is nowhere.
fn script() -> Script {
    script_of(Scenario::runnity())
}

/// What all sessions do: this scenario, at the same host.
pub fn script_of(scenario: Scenario) -> Script {
    let scenario = Arc::new(scenario);
    Script {
        authority: "sim:8080".into(),
        hosts: vec!["sim".into()],
        port: 8080,
        secure: false,
        ws_map: Vec::new(),
        seed: 7,
        rhythm: Rhythm::of(&scenario, 7),
        places: StepPlaces::of(&scenario),
        sends_cookies: scenario.sends_cookies(),
        quit: false,
        delays: Delays::of(&scenario),
        cuts: false,
        scenario,
        members: Arc::new(Members::range(MemberId(FIRST_MEMBER), u32::MAX, 38)),
    }
}

/// Sessions, peers, and what lies between them.
pub struct World {
    seed: u64,
    now: Micros,
    script: Script,
    runners: Vec<Runner>,
    side: Side,
    spills: Spills,
    vault: Vault,
    heap: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    sequence: u64,
    rng: fastrand::Rng,
    witness: Witness,
    /// Where members hear of each other, in worlds that have one.
    room: Option<Room>,
    /// Until when this machine does nothing, while events pile up.
    stalled_until: Micros,
    waits: Waits,
    started: u64,
    stopped_early: bool,
}

impl World {
    /// `sessions` with fates drawn from the seed.
    pub fn new(seed: u64, sessions: usize) -> Self {
        Self::with(seed, sessions, |rng| Fate::ALL[rng.usize(..Fate::ALL.len())])
    }

    /// `sessions` that all share one fate.
    pub fn of_fate(seed: u64, sessions: usize, fate: Fate) -> Self {
        Self::with(seed, sessions, |_| fate)
    }

    fn with(seed: u64, sessions: usize, mut fate: impl FnMut(&mut fastrand::Rng) -> Fate) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let script = script();
        let runners = (0..sessions)
            .map(|_| Runner {
                session: Session::new(),
                peer: Peer::new(fate(&mut rng), &script.scenario),
                connection: 0,
                connected: false,
                ended: false,
                arrives_after: 0,
                told_after: 0,
            })
            .collect();
        let mut world = Self {
            seed,
            // Close to the wrap of the tick counter, so that every run crosses it.
            now: u64::from(u32::MAX) * 16 - 60 * SECOND,
            side: Side::new(&script, sessions),
            script,
            runners,
            spills: Spills::new(),
            vault: Vault::default(),
            heap: BinaryHeap::new(),
            sequence: 0,
            rng,
            witness: Witness::default(),
            room: None,
            stalled_until: 0,
            waits: Waits::default(),
            started: 0,
            stopped_early: false,
        };
        for session in 0..sessions {
            let begin = world.now + session as u64 * SECOND / 50;
            world.push(begin, Event::Start(session));
            let spread = world.rng.u64(..SECOND);
            world.push(world.now + HOLD + spread, Event::End(session));
        }
        world
    }

    /// Ends every session at one random moment, wherever it stands.
    pub fn stop_at_random(&mut self) {
        self.stopped_early = true;
        let at = self.now + self.rng.u64(..60 * SECOND);
        for session in 0..self.runners.len() {
            self.push(at, Event::End(session));
        }
    }

    /// Connections cut at any moment, pauses of this machine in which everything piles up, timers that nobody armed.
    pub fn storm(&mut self) {
        for session in 0..self.runners.len() {
            if self.rng.u8(..3) == 0 {
                let at = self.now + self.rng.u64(..HOLD);
                self.push(at, Event::Cut(session));
            }
            let at = self.now + self.rng.u64(..HOLD);
            let queues = self.script.rhythm.queues().count();
            let (queue, due) = (self.rng.usize(..queues), self.rng.u32(..));
            self.push(at, Event::Timer { session, queue, due });
        }
        for _ in 0..20 {
            let at = self.now + self.rng.u64(..HOLD);
            let span = self.rng.u64(..7 * SECOND);
            self.push(at, Event::Stall(span));
        }
    }

    /// Plays until nothing is left to happen.
    pub fn play(&mut self) {
        while let Some(Reverse((at, _, event))) = self.heap.pop() {
            self.now = at.max(self.stalled_until);
            self.happen(event);
        }
    }

    /// What all sessions told.
    pub fn tally(&self) -> &Tally {
        &self.witness.tally
    }

    /// PONGs that peers did not send, and those that they sent too late.
    pub fn lost_and_delayed(&self) -> (u64, u64) {
        self.runners
            .iter()
            .fold((0, 0), |(lost, delayed), runner| (lost + runner.peer.lost, delayed + runner.peer.delayed))
    }

    /// Every session ended as its peer's fate says, and the accounts close.
    #[track_caller]
    pub fn check(&mut self) {
        self.check_conservation();
        for (index, runner) in self.runners.iter().enumerate() {
            let fate = runner.peer.fate();
            let failure = self.witness.tally.failures.iter().find(|(session, ..)| *session == index as u32);
            let found = failure.map(|(_, step, fault)| (*step, *fault));
            assert_eq!(
                found,
                fate.expected(&self.script.scenario),
                "seed {}: session {index} of fate {fate:?}",
                self.seed
            );
        }
    }

    /// What came in went out again.
    #[track_caller]
    pub fn check_conservation(&mut self) {
        self.witness.check(self.seed, self.started);
        let (seed, tally) = (self.seed, &self.witness.tally);
        let failed = tally.failures.len() as u64;
        let failed_open = tally.failures.iter().filter(|(_, step, _)| *step == 5).count() as u64;
        assert_eq!(tally.opened, tally.closed, "seed {seed}: opened = closed");
        let closes: u64 = tally.closes.iter().sum();
        assert_eq!(
            closes,
            tally.closed - failed_open,
            "seed {seed}: each close that a session began ended in one way"
        );
        let ended = tally.closed - failed_open + failed + tally.abandoned + tally.completed;
        assert_eq!(self.started, ended, "seed {seed}: started = ended in one way each: {tally:?}");
        assert_eq!(tally.due, tally.sent + tally.missed, "seed {seed}: due = sent + missed");
        assert_eq!(
            tally.sent,
            tally.answered + tally.timed_out + tally.pending,
            "seed {seed}: sent = answered + timed out + pending"
        );
        assert!(tally.late <= tally.timed_out, "seed {seed}: a late PONG belongs to a PING that timed out");
        assert!(self.spills.is_empty(), "seed {seed}: {} spills left", self.spills.len());
        for (index, runner) in self.runners.iter().enumerate() {
            let phase = runner.session.phase();
            let unstarted = self.stopped_early && phase == Phase::Idle;
            assert!(phase == Phase::Over || unstarted, "seed {seed}: session {index} is left in {phase:?}");
        }
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, event)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start(index) if !self.is_stopped(index) => {
                self.started += 1;
                self.witness.started();
                // Planned a little before: this machine is sometimes late.
                let due = Tick::from_micros(self.now - self.rng.u64(..5_000));
                self.drive(index, |session, ctx| session.start(due, ctx));
            }
            Event::Connected { session, connection } if self.is_current(session, connection) => {
                if self.runners[session].peer.refuses_connection() {
                    self.drop_connection(session);
                    let fault = Fault::from_errno(111);
                    return self.drive(session, |session, ctx| session.disconnected(Some(fault), ctx));
                }
                self.runners[session].connected = true;
                self.drive(session, |session, ctx| session.connected(ctx));
            }
            Event::Bytes { session, connection, bytes } if self.is_current(session, connection) => {
                self.drive(session, |session, ctx| session.received(&bytes, ctx));
            }
            Event::Gone { session, connection, errno } if self.is_current(session, connection) => {
                self.drop_connection(session);
                let fault = (errno != 0).then(|| Fault::from_errno(errno));
                self.drive(session, |session, ctx| session.disconnected(fault, ctx));
            }
            Event::Timer { session, queue, due } => {
                let timer = self.script.rhythm.queues().timer(queue);
                self.drive(session, |session, ctx| session.timer(timer, Tick::from_raw(due), ctx));
            }
            Event::End(session) => {
                self.runners[session].ended = true;
                self.drive(session, |session, ctx| session.end(ctx));
            }
            Event::Cut(session) if self.runners[session].connected => {
                self.drop_connection(session);
                let fault = [None, Some(Fault::Reset), Some(Fault::KernelTimeout)][self.rng.usize(..3)];
                self.drive(session, |session, ctx| session.disconnected(fault, ctx));
            }
            Event::Stall(span) => {
                self.stalled_until = self.now + span;
                self.waits.stalled(
                    Tick::from_micros(self.stalled_until),
                    Ticks::from_raw((span / TICK_MICROS) as u32),
                );
            }
            Event::Accounts => self.close_accounts(),
            _ => {}
        }
    }

    /// Whether this session was ended before it could start.
    fn is_stopped(&self, index: usize) -> bool {
        self.runners[index].session.phase() != Phase::Idle || self.runners[index].ended
    }

    fn is_current(&self, session: usize, connection: u32) -> bool {
        self.runners[session].connection == connection
    }

    fn drop_connection(&mut self, session: usize) {
        let runner = &mut self.runners[session];
        runner.connection += 1;
        runner.connected = false;
    }

    fn drive(&mut self, index: usize, event: impl FnOnce(&mut Session, &mut Context<'_, Witness>)) {
        let (mut out, mut scratch, mut commands) = (Vec::new(), Vec::new(), Commands::default());
        let mut ctx = Context {
            now: Tick::from_micros(self.now),
            unix_micros: 1_700_000_000_000_000 + self.now / TICK_MICROS * TICK_MICROS,
            heard_micros: 1_700_000_000_000_000 + self.now,
            who: Who {
                session: SessionNumber(index as u32),
                member_id: MemberId(FIRST_MEMBER + index as u64),
                challenge_id: 38,
            },
            row: index as u32,
            script: &self.script,
            side: &mut self.side,
            spills: &mut self.spills,
            vault: &mut self.vault,
            slots: Slots::new(77),
            waits: &mut self.waits,
            rng: &mut self.rng,
            out: &mut out,
            scratch: &mut scratch,
            commands: &mut commands,
            observer: &mut self.witness,
        };
        event(&mut self.runners[index].session, &mut ctx);
        self.apply(index, &out, commands);
    }

    fn apply(&mut self, index: usize, out: &[u8], commands: Commands) {
        for (timer, due) in commands.timers {
            let wait = due.since(Tick::from_micros(self.now)).as_micros();
            // Timers come a little late, never early.
            let late = self.rng.u64(..2_000);
            let at = self.now + wait + 16 + late;
            self.push(
                at,
                Event::Timer { session: index, queue: self.script.rhythm.queues().of(timer), due: due.raw() },
            );
        }
        if !out.is_empty() && self.runners[index].connected {
            self.answer(index, out);
        }
        if commands.disconnect {
            self.drop_connection(index);
        }
        if commands.keep && !self.is_anything_due(index) {
            return self.drive(index, |session, ctx| session.lent(ctx));
        }
        if commands.keep {
            self.drop_connection(index);
        }
        if commands.connect.is_some() {
            assert!(!self.runners[index].connected, "seed {}: one connection a session", self.seed);
            self.runners[index].connection += 1;
            self.runners[index].peer.new_connection();
            self.runners[index].arrives_after = self.now;
            let connection = self.runners[index].connection;
            let at = self.now + self.rng.u64(100..20_000);
            self.push(at, Event::Connected { session: index, connection });
        }
    }

    /// Whether something is about to come on the session's connection: bytes, or its end.
    fn is_anything_due(&self, index: usize) -> bool {
        self.heap.iter().any(|Reverse((_, _, event))| match event {
            Event::Bytes { session, connection, .. } | Event::Gone { session, connection, .. } => {
                *session == index && self.is_current(index, *connection)
            }
            _ => false,
        })
    }

    /// Gives the peer what the session sent, and the session, in pieces and later, what the peer answers.
    fn answer(&mut self, index: usize, sent: &[u8]) {
        let replies = self.runners[index].peer.received(sent, &mut self.rng);
        let connection = self.runners[index].connection;
        self.enter_room(index);
        for reply in replies {
            let mut at =
                self.runners[index].arrives_after.max(self.now + reply.after) + self.rng.u64(..10_000);
            let mut rest = &reply.bytes[..];
            while !rest.is_empty() {
                let piece = if self.rng.u8(..4) == 0 { self.rng.usize(1..=rest.len()) } else { rest.len() };
                let bytes = rest[..piece].to_vec();
                rest = &rest[piece..];
                self.push(at, Event::Bytes { session: index, connection, bytes });
                at += self.rng.u64(..3_000);
            }
            self.runners[index].arrives_after = at;
            if let Some(errno) = reply.then_gone {
                self.push(at, Event::Gone { session: index, connection, errno });
            }
        }
    }
}
