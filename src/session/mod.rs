//! One session's life as a state machine: events and time in, commands out.
//!
//! Knows no socket, no clock, no thread; the engine reads bytes and time and hands them down, and
//! applies the [`Commands`] afterwards. Invariants: a [`Session`] is 28 bytes (32 with its socket)
//! and everything it needs only for a while lives in a [`Spill`], of which none is left once it is
//! held or over; every started session ends in exactly one of completed, closed, failed and
//! abandoned.
//!
//! | phase | waits for | then | on timeout, close or a wrong answer |
//! |---|---|---|---|
//! | `Idle` | its planned instant | `Dialing` (or `DialingWs`) | – |
//! | `Dialing` | the HTTP connection, or its turn on a shared one | `Awaiting` | `Over`, failed in this HTTP step |
//! | `Awaiting` | the answer | next step: `Awaiting`, `Dialing`; after the last: `DialingWs` or `Over` | `Over`, failed in this HTTP step |
//! | `DialingWs` | the WebSocket's connection | `Upgrading` | `Over`, failed in `connect` |
//! | `Upgrading` | the 101 | `Opening` (or `Held`) | `Over`, failed in `connect` |
//! | `Opening` | what its step awaits | the next step; after the last: `Held` | `Over`, failed in this step |
//! | `Held` | replies, broadcasts, the end | `Closing` | `Over`, failed in `hold` |
//! | `Closing` | the peer's close, then its end of the connection | `Over`, closed | `Over`, closed |
//! | `Away` | the next attempt of the policy | `Dialing` (or `DialingWs`), again | – |
//! | `Over` | – | – | – |
//!
//! Where the scenario has a policy to reconnect, a session that was open once is `Away` instead of
//! `Over` when it fails, from whatever phase, until the policy gives it up.
//!
//! Where to look next: `http` for the steps before the ticket is in hand, `upgrade` for the way to
//! the 101, `steps` from there to open, `frames` and `messages` for what arrives, `every`,
//! `heartbeat` and `replies` for what an open session sends, `ending` for failures and closes,
//! `reconnect` for what comes after a failure.

mod age;
mod beside;
mod context;
mod draws;
mod ending;
mod every;
mod frames;
mod heartbeat;
mod http;
mod inflated;
mod joint;
mod lent;
mod messages;
mod mismatch;
mod reconnect;
mod records;
mod redirects;
mod replies;
mod request;
mod rhythm;
pub mod script;
mod secrets;
mod setup;
mod side;
mod slots;
mod steps;
mod timer;
mod upgrade;
mod values;
mod vault;
mod waits;

use frames::Partial;
use secrets::Kept;
use setup::Setup;
use slab::Slab;
use startline_os::tick::{Tick, Ticks};

use crate::fault::{Fault, TlsFault};
use crate::measure::CloseEnd;
use crate::measure::servers::ServerIndex;
use crate::scenario::StepIndex;
pub use beside::{Answered, Ask};
pub use context::{Commands, Context, Observer, PingFailed, Unmatched, Who};
pub use http::refusal;
pub use lent::{Instants, Lent};
pub use reconnect::{Dropped, GENERATIONS, Return};
pub use redirects::is_redirect;
pub use rhythm::{Rhythm, StepPlaces};
pub use script::{Endpoint, Script};
pub use side::Side;
pub use slots::Slots;
pub use timer::{Queues, Timer};
pub use vault::{PLACE_BYTES, Vault};
pub use waits::Waits;

/// Where a session is in its life; the table is at the top of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Phase {
    Idle,
    Dialing,
    Awaiting,
    DialingWs,
    Upgrading,
    Opening,
    Held,
    Closing,
    Away,
    Over,
}

/// The first heartbeat's message is on its way and its time is not over.
const PING_OUTSTANDING: u8 = 1;
/// While it opens: the step has begun, and what it awaits may come.
const STEP_SENT: u8 = PING_OUTSTANDING;
/// Of a request: it is another session's, beside that one's WebSocket.
const BESIDE: u8 = PING_OUTSTANDING;
/// The HTTP connection has carried an answer already.
const REUSED: u8 = 1 << 1;
/// Once the 101 is there: compressed messages may come.
const COMPRESSED: u8 = REUSED;
/// This step's request has been sent a second time.
const RETRIED: u8 = 1 << 2;
/// While it opens: the step's request has not been answered.
const ASKED: u8 = RETRIED;
/// The ticket was older than its lifetime when the upgrade was sent.
const TICKET_AGED: u8 = 1 << 3;

/// The first heartbeat's last message was answered while an older one's reply was expected: one
/// more reply before the next is late.
const OLDER_PONG_DUE: u8 = 1 << 4;

/// While it opens: what the step awaits has come, and its request has not been answered.
const CAME: u8 = OLDER_PONG_DUE;

/// TCP is up and the TLS handshake is under way.
const SECURING: u8 = 1 << 5;

/// All connections that sessions share for HTTP are lent: it waits for one.
const WAITING: u8 = 1 << 6;

/// The close frames have been exchanged: what is left is the end of the connection, which is the
/// server's to begin (RFC 6455, 7.1.1), so that TIME_WAIT is there and not here.
const PEER_CLOSED: u8 = 1 << 7;
/// While it is set up: it was open before, and dropped.
const AGAIN: u8 = PEER_CLOSED;

/// No spill.
const NO_SPILL: u32 = u32::MAX;
/// No error message seen.
const NO_ERROR: u8 = u8::MAX;

/// One session, as dense as it is while it holds.
#[derive(Clone, Debug)]
pub struct Session {
    /// When the current wait is over: a step's, a pause's or the close's deadline. Timers that say
    /// otherwise are stale.
    deadline: Tick,
    /// When the current step, or the first heartbeat's last message, was due.
    due: Tick,
    /// When it was in fact sent.
    sent: Tick,
    /// When the session opened, less the epochs that it has been open ([`age`]); while it opens, when
    /// the 101 came; before that, when the last HTTP answer did.
    opened: Tick,
    /// Key of the spill, or `NO_SPILL`.
    spill: u32,
    phase: Phase,
    /// Index of the HTTP step; while it opens, of the step after the upgrade. Of an open session: epochs
    /// since it opened.
    step: StepIndex,
    flags: u8,
    /// Of the first heartbeat: messages that timed out and whose replies are still to come. While
    /// it opens: records that came since the step began.
    late_pongs: u8,
    /// Of the first heartbeat: messages that fell due while the outstanding one was. While it
    /// opens: records of a known kind among those that came.
    missed: u8,
    /// Index into `Scenario::error_names` of the last error message, or `NO_ERROR`: a close that
    /// follows is its.
    last_error: u8,
    /// Where it was sent to.
    server: ServerIndex,
    /// For the engine: marks that belong beside it and fit into its padding.
    pub shell_marks: u8,
}

/// What a session keeps only for a while.
#[derive(Debug)]
pub enum Spill {
    /// Until the 101: taken values, the answer being read, the upgrade's key.
    Setup(Box<Setup>),
    /// From there until it is open, if some of them are secret: taken values.
    Kept(Box<Kept>),
    /// While a frame or message is incomplete: where its parsers stand.
    Partial(Box<Partial>),
}

/// The spills of one worker.
pub type Spills = Slab<Spill>;

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session that has not begun.
    pub fn new() -> Self {
        Self {
            deadline: Tick::default(),
            due: Tick::default(),
            sent: Tick::default(),
            opened: Tick::default(),
            spill: NO_SPILL,
            phase: Phase::Idle,
            step: StepIndex(0),
            flags: 0,
            late_pongs: 0,
            missed: 0,
            last_error: NO_ERROR,
            server: ServerIndex::NONE,
            shell_marks: 0,
        }
    }

    /// Where it is in its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it is open: its last step is done and neither side has closed.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Held
    }

    /// Whether it has opened, completed or ended once: nothing of its set-up is outstanding.
    pub fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Closing | Phase::Away | Phase::Over) || self.is_again()
    }

    /// Whether it waits for a connection to come up.
    pub fn is_dialing(&self) -> bool {
        matches!(self.phase, Phase::Dialing | Phase::DialingWs)
    }

    /// Begins the first step, which was due at `due`.
    pub fn start<O: Observer>(&mut self, due: Tick, ctx: &mut Context<'_, O>) {
        debug_assert_eq!(self.phase, Phase::Idle);
        self.due = due;
        self.opened = due;
        self.put_setup(Box::new(Setup::new(ctx.script)), ctx);
        self.begin_steps_before(due, ctx);
    }

    /// Begins the step at hand of those before the 101, which was due at `due`.
    fn begin_steps_before<O: Observer>(&mut self, due: Tick, ctx: &mut Context<'_, O>) {
        if self.step.index() < ctx.script.scenario.http.len() {
            return self.dial_http(false, ctx);
        }
        self.dial_websocket(ctx);
        // The plan's instant, not this turn's: the first step answers for our own lag.
        self.due = due;
    }

    /// TCP is up, and the TLS handshake begins: what goes wrong from here on is TLS's.
    pub fn securing(&mut self) {
        debug_assert!(self.is_dialing(), "securing in {:?}", self.phase);
        self.set_flag(SECURING, true);
    }

    /// The connection asked for is up, and secure if it has to be.
    pub fn connected<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.set_flag(SECURING, false);
        match self.phase {
            Phase::Dialing => self.send_request(ctx),
            Phase::DialingWs => self.send_upgrade(ctx),
            _ => debug_assert!(false, "connected in {:?}", self.phase),
        }
    }

    /// All connections that sessions share for HTTP are lent: it waits for one, and its step's time
    /// goes on.
    pub fn waits(&mut self) {
        debug_assert_eq!(self.phase, Phase::Dialing);
        self.set_flag(WAITING, true);
    }

    /// It gets a connection now, or is about to; returns how long it waited. What it sends is sent
    /// from here on: the wait was this machine's, not the server's.
    pub fn served(&mut self, now: Tick) -> Ticks {
        debug_assert!(self.flag(WAITING), "served without waiting");
        self.set_flag(WAITING, false);
        let waited = now.since(self.sent);
        self.sent = now;
        waited
    }

    /// It has the use of a connection that has carried answers before, others' among them: as
    /// [`Session::connected`], but a close before any byte of the answer is what may happen to any
    /// kept-alive connection.
    pub fn lent<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        self.set_flag(REUSED, true);
        self.connected(ctx);
    }

    /// Bytes came. They are used up, whatever they are.
    pub fn received<O: Observer>(&mut self, bytes: &[u8], ctx: &mut Context<'_, O>) {
        match self.phase {
            Phase::Awaiting => self.read_answer(bytes, ctx),
            Phase::Upgrading => self.read_upgrade(bytes, ctx),
            Phase::Opening | Phase::Held | Phase::Closing => self.read_frames(bytes, ctx),
            // Before a request is out a server has nothing to say, and after the end nobody
            // listens.
            Phase::Idle | Phase::Dialing | Phase::DialingWs | Phase::Away | Phase::Over => {}
        }
    }

    /// TLS failed: in its handshake, or by a record that has to end the connection.
    pub fn insecure<O: Observer>(&mut self, fault: TlsFault, evidence: &[u8], ctx: &mut Context<'_, O>) {
        match self.phase {
            Phase::Idle | Phase::Away | Phase::Over => {}
            Phase::Closing => self.close_ended(CloseEnd::Cut, ctx),
            _ => self.fail(Fault::Tls(fault), evidence, ctx),
        }
    }

    /// The connection is gone: the peer closed it (`None`), or a socket call failed.
    pub fn disconnected<O: Observer>(&mut self, fault: Option<Fault>, ctx: &mut Context<'_, O>) {
        if self.flag(SECURING) {
            self.set_flag(SECURING, false);
            let fault = match fault {
                None => Fault::Tls(TlsFault::HandshakeClosed),
                Some(Fault::Reset) => Fault::Tls(TlsFault::HandshakeReset),
                Some(other) => other,
            };
            return self.fail(fault, &[], ctx);
        }
        match self.phase {
            Phase::Awaiting => self.answer_cut(fault, ctx),
            Phase::Dialing | Phase::DialingWs | Phase::Upgrading => {
                self.fail(fault.unwrap_or(Fault::ClosedEarly), &[], ctx);
            }
            Phase::Opening | Phase::Held => {
                let fault = match fault {
                    None | Some(Fault::Reset) => self.named_close(Fault::Cut, ctx.script),
                    Some(other) => other,
                };
                self.fail(fault, &[], ctx);
            }
            Phase::Closing => self.close_ended(CloseEnd::Cut, ctx),
            Phase::Idle | Phase::Away | Phase::Over => {}
        }
    }

    /// A timer armed for `due` has come.
    pub fn timer<O: Observer>(&mut self, timer: Timer, due: Tick, ctx: &mut Context<'_, O>) {
        match (timer, self.phase) {
            (Timer::First(every) | Timer::Next(every), Phase::Held) => self.every_due(every, due, ctx),
            (Timer::Reply(every), Phase::Held) => self.reply_timer(every, due, ctx),
            (Timer::Step(step), Phase::Dialing | Phase::Awaiting)
                if step == self.step && due == self.deadline =>
            {
                self.fail_with_partial_answer(self.step_timeout(ctx.script), ctx);
            }
            (Timer::Connect, Phase::DialingWs | Phase::Upgrading) if due == self.deadline => {
                self.fail(self.timeout(), &[], ctx);
            }
            (Timer::Pause(step), Phase::Opening) if self.is_in(step, due, false) => self.paused(ctx),
            (Timer::Await(step), Phase::Opening) if self.is_in(step, due, true) => self.awaited_in_vain(ctx),
            (Timer::Reconnect, Phase::Away) if due == self.deadline => self.reconnect_due(ctx),
            (Timer::Close, Phase::Closing) if due == self.deadline => {
                self.close_ended(CloseEnd::TimedOut, ctx);
            }
            _ => {}
        }
    }

    /// As [`Session::timeout`], for a step that may have waited for its connection: whoever was
    /// left less than half of the step's time to answer is not the one who was slow.
    fn step_timeout(&self, script: &Script) -> Fault {
        let whole = script.request_timeout(self.step);
        let left = self.deadline.since(self.sent);
        if self.flag(WAITING) || left.raw() < whole.raw() / 2 {
            return Fault::HttpConnectionsBusy;
        }
        self.timeout()
    }

    /// What a timer finds that ends the current step.
    fn timeout(&self) -> Fault {
        match self.phase {
            _ if self.flag(SECURING) => Fault::Tls(TlsFault::HandshakeTimeout),
            Phase::Dialing | Phase::DialingWs => Fault::ConnectTimeout,
            _ => Fault::StepTimeout,
        }
    }

    /// Whether a timer for `due` is that of the step after the upgrade that is under way.
    fn is_in(&self, step: u8, due: Tick, sent: bool) -> bool {
        self.step == StepIndex(step) && self.deadline == due && self.flag(STEP_SENT) == sent
    }

    /// Index into the step names of what the session is doing.
    pub fn step_index(&self, script: &Script) -> StepIndex {
        match self.phase {
            Phase::DialingWs | Phase::Upgrading => script.places.connect(),
            Phase::Opening => script.places.after(self.step.0),
            Phase::Held | Phase::Closing => script.places.hold(),
            _ => self.step,
        }
    }

    fn flag(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn set_flag(&mut self, flag: u8, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    fn put_setup<O>(&mut self, setup: Box<Setup>, ctx: &mut Context<'_, O>) {
        debug_assert_eq!(self.spill, NO_SPILL);
        self.spill = ctx.spills.insert(Spill::Setup(setup)) as u32;
    }

    fn take_setup<O>(&mut self, ctx: &mut Context<'_, O>) -> Option<Box<Setup>> {
        match self.take_spill(ctx)? {
            Spill::Setup(setup) => Some(setup),
            Spill::Kept(_) | Spill::Partial(_) => None,
        }
    }

    fn put_partial<O>(&mut self, mut partial: Box<Partial>, ctx: &mut Context<'_, O>) {
        partial.kept = self.take_kept(ctx);
        debug_assert_eq!(self.spill, NO_SPILL);
        self.spill = ctx.spills.insert(Spill::Partial(partial)) as u32;
    }

    /// What it kept beside the partial message stays where evidence is made.
    fn take_partial<O>(&mut self, ctx: &mut Context<'_, O>) -> Option<Box<Partial>> {
        match self.take_spill(ctx)? {
            Spill::Partial(mut partial) => {
                if let Some(kept) = partial.kept.take() {
                    self.put_kept(kept, ctx);
                }
                Some(partial)
            }
            Spill::Kept(kept) => {
                self.put_kept(kept, ctx);
                None
            }
            Spill::Setup(_) => None,
        }
    }

    fn take_spill<O>(&mut self, ctx: &mut Context<'_, O>) -> Option<Spill> {
        if self.spill == NO_SPILL {
            return None;
        }
        let key = std::mem::replace(&mut self.spill, NO_SPILL);
        Some(ctx.spills.remove(key as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_28_bytes() {
        assert_eq!(size_of::<Session>(), 28);
    }
}
