//! How long announcements take: from the instant at which a session acts to that at which another one
//! receives the announcement, both on this machine's clock.
//!
//! Knows no message; [`super::acts`] has the acts. A worker's [`Propagation`] records what its sessions
//! receive and, of its own sessions' acts, the first and the last receiver of all workers. Invariants:
//! an announcement that belongs to no act at hand, or in whose time this machine stood still, is
//! counted and not timed; only the owner of a row of [`Receivers`] writes it; recording takes memory
//! only for the first announcement of a pair of servers.

mod delays;
mod receivers;
mod tally;

use std::sync::Arc;

use startline_os::tick::{Tick, Ticks};

use super::Latencies;
use super::acts::{Act, Acts, Announced, Deed};
use super::ledger::SessionSet;
use super::servers::{ServerIndex, ServerNames};
use crate::members::{MemberId, Members, SessionNumber};
use delays::Delays;
pub use receivers::{Receivers, bytes};
pub use tally::{Echo, Propagated};

/// Servers that pairs are told apart by; further ones are one.
pub const SERVERS_MAX: usize = 8;
/// With those beyond.
const PLACES: usize = SERVERS_MAX + 1;
/// The name of those beyond, and of sessions whose server is not known.
pub const OTHER_SERVER: &str = "other";

/// What all workers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What sessions did.
    pub acts: Arc<Acts>,
    /// The sessions whose receipts count; `None`: all.
    pub observers: Option<Arc<SessionSet>>,
    /// When each member's last act was received, if all sessions observe.
    pub receivers: Option<Arc<Receivers>>,
}

impl Shared {
    /// Of `sessions`, of which these observe, on this many workers.
    pub fn new(acts: Arc<Acts>, sessions: u32, observers: &[SessionNumber], workers: usize) -> Self {
        if observers.len() == sessions as usize {
            return Self { acts, observers: None, receivers: Some(Receivers::new(sessions, workers)) };
        }
        let mut set = SessionSet::new(sessions);
        observers.iter().for_each(|session| {
            set.insert(*session);
        });
        Self { acts, observers: Some(Arc::new(set)), receivers: None }
    }
}

/// One worker's part. See the module's documentation.
#[derive(Debug)]
pub struct Propagation {
    shared: Shared,
    members: Arc<Members>,
    sessions: u32,
    worker: usize,
    deeds: Vec<Heard>,
}

/// What was received of one deed since the last hand-over.
#[derive(Debug, Default)]
struct Heard {
    /// By the acting session's server, then the observer's; made for the first announcement.
    pairs: Vec<Option<Box<Delays>>>,
    first: Latencies,
    last: Latencies,
    /// Announcements in whose time this machine stood still.
    stalled: u64,
    /// Those of members that have not acted yet.
    early: u64,
    /// Those of no act at hand: of an earlier one, or of one that nobody here did.
    unmatched: u64,
    /// Acts of which an announcement was stalled.
    acts_stalled: u64,
}

impl Propagation {
    /// Of one worker. `None` where sessions share members: an announcement is then of any of them.
    pub fn new(shared: Shared, members: Arc<Members>, sessions: u32, worker: usize) -> Option<Self> {
        let is_one_each = members.len() >= sessions as usize;
        let deeds = (0..Deed::COUNT).map(|_| Heard::default()).collect();
        is_one_each.then_some(Self { shared, members, sessions, worker, deeds })
    }

    /// One of the worker's sessions acts: what was received of its last act is all that counts of it.
    pub fn acted(&mut self, session: SessionNumber, act: Act) {
        self.fold(session);
        self.shared.acts.note(session, act);
    }

    /// An announcement came to one of the worker's sessions, which is on this server.
    #[inline]
    pub fn received(&mut self, observer: SessionNumber, server: ServerIndex, told: Announced) {
        let Some(member) = self.peer(observer, told.member_id) else { return };
        let act = self.shared.acts.of(member);
        let Some(heard) = self.deeds.get_mut(told.deed.index()) else { return };
        if act.deed != told.deed || act.key != told.key.short() {
            *(if act.deed == Deed::NONE { &mut heard.early } else { &mut heard.unmatched }) += 1;
            return;
        }
        let delay = told.at.since(act.at);
        let is_stalled = self.shared.acts.stalled_between(act.at, told.at);
        if is_stalled {
            heard.stalled += 1;
        } else {
            heard.pair(act.server, server).record(delay);
        }
        if let Some(receivers) = &self.shared.receivers {
            receivers.note(self.worker, member, act, Some(delay).filter(|_| !is_stalled));
        }
    }

    /// The acts of these sessions of the worker's are over, if they are from before this instant:
    /// accounts close.
    pub fn close(&mut self, sessions: impl Iterator<Item = SessionNumber>, before: Tick) {
        for session in sessions {
            let act = self.shared.acts.of(session);
            if act.deed != Deed::NONE && before.reached(act.at) {
                self.fold(session);
                self.shared.acts.note(session, Act { deed: Deed::NONE, ..act });
            }
        }
    }

    /// A worker did not run between these instants.
    pub fn stalled(&self, from: Tick, to: Tick) {
        self.shared.acts.stalled(from, to);
    }

    /// Everything since the last call, with the servers' names; leaves nothing.
    pub fn take(&mut self, servers: &ServerNames) -> Propagated {
        let name = |place: usize| {
            let name = servers.name(ServerIndex(place as u8)).filter(|_| place < SERVERS_MAX);
            name.unwrap_or(OTHER_SERVER).to_owned()
        };
        let echoes = self.deeds.iter_mut().map(|heard| {
            let mut echo = Echo {
                first: std::mem::take(&mut heard.first),
                last: std::mem::take(&mut heard.last),
                stalled: std::mem::take(&mut heard.stalled),
                early: std::mem::take(&mut heard.early),
                unmatched: std::mem::take(&mut heard.unmatched),
                acts_stalled: std::mem::take(&mut heard.acts_stalled),
                ..Echo::default()
            };
            for (k, pair) in heard.pairs.iter_mut().enumerate() {
                let Some(delays) = pair.as_mut().and_then(|pair| pair.take()) else { continue };
                let of_pair = echo.pairs.entry((name(k / PLACES), name(k % PLACES))).or_default();
                of_pair.add(&delays);
            }
            echo
        });
        Propagated { echoes: echoes.collect() }
    }

    /// The session of a member, if its acts are announced to this observer.
    #[inline]
    fn peer(&self, observer: SessionNumber, id: MemberId) -> Option<SessionNumber> {
        let member = self.members.index_of(id).filter(|member| member.0 < self.sessions)?;
        let observes = self.shared.observers.as_ref().is_none_or(|observers| observers.contains(observer));
        let is_peer = member != observer
            && (self.members.only_challenge().is_some()
                || self.members.challenge(observer) == self.members.challenge(member));
        (observes && is_peer).then_some(member)
    }

    /// Records the first and the last receiver of a session's last act.
    fn fold(&mut self, session: SessionNumber) {
        let Some(receivers) = &self.shared.receivers else { return };
        let act = self.shared.acts.of(session);
        let Some(heard) = self.deeds.get_mut(act.deed.index()).filter(|_| act.deed != Deed::NONE) else {
            return;
        };
        match receivers.of(session, act) {
            None => {}
            Some(None) => heard.acts_stalled += 1,
            Some(Some((first, last))) => {
                heard.first.record(first);
                heard.last.record(last);
            }
        }
    }
}

impl Heard {
    #[inline]
    fn pair(&mut self, from: ServerIndex, to: ServerIndex) -> &mut Delays {
        if self.pairs.is_empty() {
            self.pairs.resize_with(PLACES * PLACES, || None);
        }
        let place = |server: ServerIndex| usize::from(server.0).min(SERVERS_MAX);
        self.pairs[place(from) * PLACES + place(to)].get_or_insert_default()
    }
}

/// Ticks of a delay that is told apart at most: 134 s.
const DELAY_TICKS_MAX: u32 = (1 << 23) - 1;

fn capped(delay: Ticks) -> u32 {
    delay.raw().min(DELAY_TICKS_MAX)
}

#[cfg(test)]
mod tests;
