//! What a session borrows for an event, what it wants done after it, and who is told.
//!
//! Types alone. Invariant: whatever a session needs of the world comes through its [`Context`].

use std::collections::VecDeque;
use std::time::Duration;

use startline_os::tick::{Tick, Ticks};

use super::reconnect::{Dropped, Return};
use super::{Answered, Ask, Endpoint, Script, Side, Slots, Spills, Timer, Vault, Waits};
use crate::fault::Fault;
use crate::measure::acts::{Act, Announced};
use crate::measure::servers::ServerIndex;
use crate::measure::{CloseEnd, PingEvent, Timed, Unread};
use crate::members::{MemberId, SessionNumber};
use crate::scenario::every::EveryIndex;
use crate::scenario::template::{Scope, Template};
use crate::scenario::{MessageType, StepIndex};

/// The identity of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// Its number in the run.
    pub session: SessionNumber,
    /// Its member's id.
    pub member_id: MemberId,
    /// Its member's challenge.
    pub challenge_id: u64,
}

/// What a session wants done after an event, in this order: timers armed, `out` sent, the
/// connection dropped, a new one made.
#[derive(Debug, Default)]
pub struct Commands {
    /// Timers to arm.
    pub timers: VecDeque<(Timer, Tick)>,
    /// Whether to drop the connection, unsent bytes with it unless they fit the kernel's buffer.
    pub disconnect: bool,
    /// Nothing follows what is sent now, which TLS says at once; the connection stays until the peer ends
    /// it.
    pub finish: bool,
    /// Of a connection to be dropped: the last answer on it was read to its end, and leaves it fit
    /// for another's request.
    pub reusable: bool,
    /// Where to connect.
    pub connect: Option<Endpoint>,
    /// The connection at hand will do for that if nothing waits to be read on it: an answer that nobody
    /// asked for would be taken for the next request's. The session is then lent it.
    pub keep: bool,
    /// A request to make beside its WebSocket, on a connection of its own.
    pub ask: Option<Box<Ask>>,
    /// Of such a request: how it has ended.
    pub answered: Option<Box<Answered>>,
}

/// A record that fits no kind of the scenario's.
#[derive(Clone, Copy, Debug)]
pub enum Unmatched<'b> {
    /// Text; its first bytes if it came in pieces.
    Text(&'b [u8]),
    /// Of a binary message.
    Binary(&'b [u8]),
}

/// A heartbeat's cycle that failed.
#[derive(Clone, Copy, Debug)]
pub struct PingFailed<'c> {
    /// How.
    pub fault: Fault,
    /// Since the outstanding message was due and sent.
    pub waited: Timed,
    /// A record of the reply's kind that is not the reply, and why not; without secrets.
    pub came: Option<&'c str>,
}

/// Receives what happens in sessions.
pub trait Observer {
    /// A step succeeded, in this time.
    fn step_ok(&mut self, step: StepIndex, timed: Timed);
    /// This value, by its index into the scenario's names, was taken from an answer.
    fn took(&mut self, _value: u8, _text: &str) {}
    /// A message is sent: rendered from this.
    fn sends(&mut self, _message: &Template, _scope: &Scope<'_>) {}
    /// An HTTP request goes out; `reused`: on a connection that has carried an answer before.
    fn requested(&mut self, reused: bool);
    /// An answer sets a cookie, and nothing in the scenario sends cookies.
    fn cookie_unkept(&mut self) {}
    /// The HTTP connection was gone before any byte of the answer, and the request may be sent twice: it
    /// is.
    fn reconnected(&mut self, who: Who);
    /// This session goes to the WebSocket server of this URL: scheme, host and port, with the path
    /// where a server returned it. Returns the number under which the session keeps it.
    fn routed(&mut self, who: Who, url: &str) -> ServerIndex;
    /// The upgrade goes out, this long after the last HTTP answer, which gave the ticket. Of scenarios that
    /// have one.
    fn ticket_sent(&mut self, _age: Ticks) {}
    /// The session is open, on this server.
    fn opened(&mut self, who: Who, server: ServerIndex);
    /// A whole message came, `bytes` of payload.
    fn message(&mut self, bytes: u64);
    /// The server agreed upon compression.
    fn compression_agreed(&mut self);
    /// A whole message came compressed, in this many bytes, and inflated to this many.
    fn inflated(&mut self, compressed: u64, inflated: u64);
    /// A record of this kind came: a message, or a part of one between separators.
    fn record(&mut self, kind: MessageType);
    /// A record of this kind was answered.
    fn answered(&mut self, kind: MessageType);
    /// A record of this kind came so long after its server says that it was sent; before, if the two
    /// clocks differ by more.
    fn aged(&mut self, kind: MessageType, server: ServerIndex, micros: i64);
    /// A record's number does not follow the last one of its kind: this many are `missing` between
    /// them, or it came `again`, or late.
    fn numbered(&mut self, kind: MessageType, missing: u64, again: bool);
    /// Where a record of this kind says when it was sent, or its number, there is none that can be read.
    fn unread(&mut self, kind: MessageType, what: Unread);
    /// A message has another JSON text behind its first, which alone is read.
    fn joined(&mut self);
    /// A message listed this member.
    fn listed(&mut self, who: Who, member_id: MemberId);
    /// The session does what its server announces to the others.
    fn acted(&mut self, _who: Who, _act: Act) {}
    /// A member's act was announced to this session, which is on this server.
    fn announced(&mut self, who: Who, server: ServerIndex, told: Announced);
    /// An error message came and the session stays open.
    fn error_message(&mut self, who: Who, server: ServerIndex, fault: Fault, evidence: &[u8]);
    /// Something happened to a periodic message.
    fn ping(&mut self, who: Who, every: EveryIndex, event: PingEvent);
    /// A heartbeat's cycle failed at this server, besides its event.
    fn ping_failed(&mut self, who: Who, every: EveryIndex, server: ServerIndex, failed: PingFailed<'_>);
    /// Whether the next message that fits no kind of the scenario's is to be reported.
    fn wants_unmatched(&self) -> bool;
    /// A message came that fits no kind of the scenario's.
    fn unmatched(&mut self, who: Who, message: Unmatched<'_>);
    /// An open session is open no longer, for whatever reason.
    fn closed(&mut self, who: Who, server: ServerIndex, held: Duration);
    /// It has ended by plan: its close frame is on its way.
    fn left_in_order(&mut self, _who: Who) {}
    /// A session that was open, and is no longer, has done what it is there for.
    fn finished(&mut self, _who: Who) {}
    /// The closing handshake that a session began has ended so.
    fn close_ended(&mut self, end: CloseEnd);
    /// A session without a WebSocket has done all its steps.
    fn completed(&mut self, who: Who);
    /// The session failed in this step, at this server or on the way there.
    fn failed(&mut self, who: Who, server: ServerIndex, step: StepIndex, fault: Fault, evidence: &[u8]);
    /// A session that was open has dropped, and comes back or may. Returns a number by which the
    /// end of its absence names the cause.
    fn dropped(&mut self, _who: Who, _dropped: Dropped<'_>) -> u8 {
        0
    }
    /// An attempt to come back begins; `is_new_life`: the servers may have announced its member since the
    /// last beginning, so that this one is of another life.
    fn attempt_began(&mut self, _who: Who, _is_new_life: bool) {}
    /// A step of an attempt succeeded, in this time.
    fn step_again(&mut self, _step: StepIndex, _timed: Timed) {}
    /// As [`Observer::routed`], of an attempt.
    fn rerouted(&mut self, who: Who, url: &str) -> ServerIndex {
        self.routed(who, url)
    }
    /// An attempt failed in this step, at this server or on the way there.
    fn attempt_failed(
        &mut self,
        _who: Who,
        _server: ServerIndex,
        _step: StepIndex,
        _fault: Fault,
        _evidence: &[u8],
    ) {
    }
    /// What [`Observer::dropped`] began has ended.
    fn absence_ended(&mut self, _who: Who, _return: Return) {}
    /// A session is open again, on this server.
    fn reopened(&mut self, who: Who, server: ServerIndex) {
        self.opened(who, server);
    }
    /// The run ended while the session was being set up; `asked`: the HTTP step whose request was
    /// out and not answered.
    fn abandoned(&mut self, who: Who, asked: Option<StepIndex>);
}

/// What a session may use while it handles an event.
#[derive(Debug)]
pub struct Context<'a, O> {
    /// The instant of the event.
    pub now: Tick,
    /// The same on the wall clock, in Unix microseconds: exactly that of the tick `now`.
    pub unix_micros: u64,
    /// When the bytes at hand had been read, at the latest: for ages. By a turn's own instant, which is
    /// before its reads, messages would come before they were sent.
    pub heard_micros: u64,
    /// The session's identity.
    pub who: Who,
    /// Its row among its worker's sessions.
    pub row: u32,
    /// What sessions do.
    pub script: &'a Script,
    /// The worker's side arrays.
    pub side: &'a mut Side,
    /// The worker's spills.
    pub spills: &'a mut Spills,
    /// What the worker's open sessions keep of the values they took.
    pub vault: &'a mut Vault,
    /// When the worker's heartbeats begin.
    pub slots: Slots,
    /// What the worker knows of waits.
    pub waits: &'a mut Waits,
    /// The worker's random numbers.
    pub rng: &'a mut fastrand::Rng,
    /// Bytes to send; empty when the event begins.
    pub out: &'a mut Vec<u8>,
    /// Room for rendering; its contents mean nothing between events.
    pub scratch: &'a mut Vec<u8>,
    /// What else to do.
    pub commands: &'a mut Commands,
    /// Receives what happens.
    pub observer: &'a mut O,
}

impl<O> Context<'_, O> {
    /// The session's number in the whole plan: what it draws depends on it, wherever it is played.
    pub(super) fn number(&self) -> u32 {
        self.script.members.number(self.who.session).0
    }

    /// Whether the worker stalled at some time since `since`.
    pub(super) fn stalled_since(&self, since: Tick) -> bool {
        self.waits.stalled_since(since, self.now)
    }

    /// The time of something that was due and sent at these instants and ends now.
    pub(super) fn timed(&self, due: Tick, sent: Tick) -> Timed {
        Timed {
            from_due: self.now.since(due),
            from_sent: self.now.since(sent),
            stalled: self.stalled_since(due),
        }
    }
}
