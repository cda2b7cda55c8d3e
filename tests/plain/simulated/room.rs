//! A room of members who hear of each other, over a bus that loses, doubles, delays and overlaps as its seed says.
//!
//! Written from the protocol's words, not from the mock server. Invariant: it knows of each pair what was said to whom, which is what
//! the run's ledger has to find.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use startline::measure::acts::Deed;
use startline::measure::ledger::{Board, Ledger, LedgerTotals, SessionSet, observers};
use startline::measure::propagation::Propagated;
use startline::members::{MemberId, SessionNumber};
use startline::plan::members::Members;
use startline_os::tick::{Tick, Ticks};

use super::peer::text_frame;
use super::{Event, FIRST_MEMBER, Micros, World};

/// Who is in, and what was said.
#[derive(Default)]
pub struct Room {
    inside: Vec<usize>,
    /// Receiver and subject of what CONNECTED listed, and of what was announced.
    listed: HashSet<(usize, usize)>,
    announced: HashSet<(usize, usize)>,
    /// Announcements beyond the first of a pair.
    doubled: u64,
    /// Of the first of each pair: the subject, and when the last byte came to the receiver.
    arrived: Vec<(usize, Micros)>,
    pub closed: Option<LedgerTotals>,
    propagated: Propagated,
    /// Those that had come when accounts closed, and how long they had taken.
    delays: Vec<Ticks>,
}

impl World {
    /// `sessions` of good fate in one room.
    pub fn with_room(seed: u64, sessions: usize) -> Self {
        let mut world = Self::of_fate(seed, sessions, super::Fate::Good);
        let members = Arc::new(Members::range(MemberId(FIRST_MEMBER), sessions as u32, 38));
        world.witness.keep(Ledger::new(
            members,
            sessions as u32,
            &observers(sessions as u32, sessions as u32),
            Board::new(sessions as u32),
        ));
        world.witness.time_announcements(sessions as u32);
        world.room = Some(Room::default());
        for runner in &mut world.runners {
            runner.peer.leaves_opening_to_the_room();
        }
        let at = world.now + super::HOLD - super::SECOND;
        world.push(at, Event::Accounts);
        world
    }

    /// Those whose upgrade has just been answered are told who is in, and all others of them.
    pub(super) fn enter_room(&mut self, newcomer: usize) {
        if !self.runners[newcomer].peer.takes_its_place() {
            return;
        }
        let Some(mut room) = self.room.take() else { return };
        let listed: Vec<String> = room.inside.iter().map(|member| person(*member)).collect();
        room.listed.extend(room.inside.iter().map(|member| (newcomer, *member)));
        let connected = format!(r#"{{"type":"CONNECTED","userId":1,"participants":[{}]}}"#, listed.join(","));
        // After the 101, which the same call sends.
        self.tell(newcomer, &connected, 60_000);
        for receiver in room.inside.clone() {
            self.announce(&mut room, receiver, newcomer);
        }
        // The real servers' race: someone was announced while the list was being made.
        if let Some(member) = self.rng.choice(room.inside.clone()).filter(|_| self.rng.u8(..4) == 0) {
            self.announce(&mut room, newcomer, member);
        }
        room.inside.push(newcomer);
        self.room = Some(room);
    }

    fn announce(&mut self, room: &mut Room, receiver: usize, subject: usize) {
        let times = match self.rng.u8(..50) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        let entered = format!(r#"{{"type":"USER_ENTERED",{}"#, &person(subject)[1..]);
        for _ in 0..times {
            let is_first = room.announced.insert((receiver, subject));
            let after = 100_000 + self.rng.u64(..400_000);
            let arrives = self.tell(receiver, &entered, after);
            match is_first {
                true => room.arrived.push((subject, arrives)),
                false => room.doubled += 1,
            }
        }
    }

    /// A message to a session, at once or in two pieces; returns when it is there. Messages to one receiver do not
    /// overtake each other.
    fn tell(&mut self, receiver: usize, text: &str, after: Micros) -> Micros {
        let bytes = text_frame(text);
        let connection = self.runners[receiver].connection;
        let at = self.runners[receiver].told_after.max(self.now + after);
        let cut = if self.rng.bool() { self.rng.usize(..=bytes.len()) } else { bytes.len() };
        for (k, piece) in [&bytes[..cut], &bytes[cut..]].into_iter().enumerate() {
            if !piece.is_empty() {
                let bytes = piece.to_vec();
                self.push(at + k as Micros, Event::Bytes { session: receiver, connection, bytes });
            }
        }
        self.runners[receiver].told_after = at + 2;
        at + Micros::from(cut < bytes.len())
    }

    pub(super) fn close_accounts(&mut self) {
        let mut open = SessionSet::new(self.runners.len() as u32);
        for index in 0..self.runners.len() {
            if self.runners[index].session.is_open() {
                open.insert(SessionNumber(index as u32));
                self.drive(index, |session, ctx| session.close_accounts(ctx));
            }
        }
        let closed = self.witness.close_ledger(&open);
        if let Some(room) = &mut self.room {
            room.closed = closed;
            room.propagated = self.witness.close_propagation();
            let arrived = room.arrived.iter().filter(|(_, at)| *at <= self.now);
            let delay = |(subject, at): &(usize, Micros)| {
                Tick::from_micros(*at).since(self.witness.entered_at(*subject))
            };
            room.delays = arrived.map(delay).collect();
        }
    }

    /// From the upgrade to each receiver of USER_ENTERED, first announcements alone.
    #[track_caller]
    pub fn check_propagation(&self) {
        let (seed, room) = (self.seed, self.room.as_ref().expect("a room"));
        let entered = room.propagated.of(Deed::ENTER).expect("some were timed");
        let measured = entered.all();
        let sum: u64 = room.delays.iter().map(|delay| delay.as_micros()).sum();
        let ends = (room.delays.iter().min(), room.delays.iter().max());
        let ends = (ends.0.map(|delay| delay.as_duration()), ends.1.map(|delay| delay.as_duration()));
        assert_eq!(
            (measured.count(), measured.sum().as_micros() as u64),
            (room.delays.len() as u64, sum),
            "seed {seed}"
        );
        assert_eq!((measured.min(), measured.max()), ends, "seed {seed}");
        assert_eq!((entered.early, entered.unmatched, entered.stalled), (0, 0, 0), "seed {seed}");
        assert!(measured.min() >= Some(Duration::from_millis(100)), "seed {seed}: announced no sooner");
        assert!(entered.last.count() > 0 && entered.last.min() >= entered.first.min(), "seed {seed}");
    }

    /// The ledger found what the room did.
    #[track_caller]
    pub fn check_ledger(&self) {
        let seed = self.seed;
        let room = self.room.as_ref().expect("a room");
        let ledger = room.closed.as_ref().expect("accounts were closed");
        let everyone = room.inside.len() as u64;
        let known: HashSet<_> = room.listed.union(&room.announced).collect();
        let found = (
            ledger.observers,
            ledger.expected,
            ledger.seen,
            ledger.missing,
            ledger.overlap,
            ledger.counts.duplicate,
        );
        let expected = everyone * (everyone - 1);
        let overlap = room.listed.intersection(&room.announced).count() as u64;
        let seen = known.len() as u64;
        assert_eq!(found, (everyone, expected, seen, expected - seen, overlap, room.doubled), "seed {seed}");
        assert_eq!((ledger.counts.own, ledger.counts.strangers), (0, 0), "seed {seed}");
        assert!(
            ledger.missing > 0 && ledger.counts.duplicate > 0 && ledger.overlap > 0,
            "seed {seed}: {ledger:?}"
        );
    }
}

fn person(session: usize) -> String {
    format!(
        r#"{{"userId":{},"nickname":"테스트유저{session}","distance":0.0}}"#,
        FIRST_MEMBER + session as u64
    )
}
