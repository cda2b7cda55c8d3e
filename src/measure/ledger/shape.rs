//! The shape of a loss: which broadcasts reached only some of their receivers, whom they did not reach,
//! between which servers, and when.
//!
//! A broadcast is the announcement of one member's entering; its receivers are the observers that were
//! there before. Names no cause. Invariants: every missing pair is in one stage, or was to be listed; with
//! nothing missing nobody is looked at twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bits::is_set;
use super::blocks::{Heard, Observers, Place, places};
use super::board::{Board, CLOSE_TOGETHER};
use super::fan_out::{FanOut, Pattern};
use super::home::Homes;
use super::set::SessionSet;
use crate::measure::stalls::Stall;
use crate::members::SessionNumber;
use crate::scenario::presence::Told;

/// Slices of time, at most.
pub const SLICES_MAX: usize = 60;

/// How long before and after a stall of this machine a broadcast counts as made in it.
const STALL_MARGIN: Duration = Duration::from_secs(1);

/// What is known when accounts close.
#[derive(Clone, Copy, Debug)]
pub struct Closing<'a> {
    /// Sessions whose pairs are judged.
    pub open: &'a SessionSet,
    /// At which server each session is.
    pub homes: &'a Homes,
    /// When this machine did not run.
    pub stalls: &'a [Stall],
    /// Which messages members get about each other.
    pub told: Told,
}

/// Announcements owed to observers, and those of them that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Pairs.
    pub expected: u64,
    /// Of these, the ones not announced.
    pub missing: u64,
}

/// Broadcasts by how far they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// All that had a receiver.
    pub broadcasts: u64,
    /// Those that reached only some.
    pub cut: u64,
    /// Those that reached nobody.
    pub lost: u64,
    /// Their receivers.
    pub owed: Owed,
}

/// Broadcasts of one server's members to one server's receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Where the member entered: its place among [`Shape::servers`].
    pub from: Option<usize>,
    /// Where the receivers are.
    pub to: Option<usize>,
    /// How far they came.
    pub reach: Reach,
}

/// Broadcasts announced in a part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Seconds since the run began.
    pub from: u64,
    /// Up to, not including.
    pub to: u64,
    /// How far they came.
    pub reach: Reach,
}

/// Where something happened, among several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: u32,
    /// The one in the middle.
    pub median: u32,
    /// The greatest.
    pub max: u32,
}

/// What is missing, by where it was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// Broadcasts that reached nobody, and their pairs: lost before any server passed them on.
    pub everywhere: (u64, u64),
    /// One server passed on nothing of a broadcast that others did: legs, and their pairs.
    pub one_server: (u64, u64),
    /// A server passed it on to some of its receivers: legs, and their pairs.
    pub fan_out: (u64, u64),
}

/// Receivers of broadcasts that a server passed on to some only, in the order in which they opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receivers {
    /// Tenth by tenth of the receivers.
    pub tenths: [Owed; 10],
    /// The first one reached: 1 is the one that opened first.
    pub first: Option<Spread>,
    /// The last one reached.
    pub last: Option<Spread>,
    /// Legs and missing pairs by [`Pattern`].
    pub patterns: [(u64, u64); Pattern::ALL.len()],
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// All broadcasts.
    pub reach: Reach,
    /// Missing pairs of a member who was there before the observer: they should have been listed.
    pub unlisted: u64,
    /// The servers.
    pub servers: Vec<String>,
    /// By pair of servers, where there was a receiver.
    pub legs: Vec<Leg>,
    /// Where the missing ones were lost.
    pub stages: Stages,
    /// Whom broadcasts that were cut did not reach.
    pub receivers: Receivers,
    /// By when the announced member opened.
    pub over_time: Vec<Slice>,
    /// By this machine's workers, which no server knows.
    pub workers: Vec<Owed>,
    /// Broadcasts announced while this machine stalled.
    pub in_stalls: Reach,
}

/// A shape in the making.
#[derive(Debug)]
pub(super) struct Shaping<'a> {
    observers: &'a Observers<'a>,
    board: &'a Board,
    closing: Closing<'a>,
    /// By place: when the observer opened.
    opened: Vec<u32>,
    /// By server: its judged observers, and the order in which they opened.
    homes: Vec<(Vec<u64>, Vec<Place>)>,
    /// From and to.
    legs: Vec<Reach>,
    seconds: Vec<Reach>,
    first: Vec<u32>,
    last: Vec<u32>,
    room: Room,
    shape: Shape,
}

/// The sets of one broadcast.
#[derive(Debug, Default)]
struct Room {
    reached: Vec<u64>,
    missing: Vec<u64>,
}

impl Owed {
    pub(super) fn add(&mut self, expected: u64, missing: u64) {
        self.expected += expected;
        self.missing += missing;
    }
}

impl Reach {
    /// Counts a broadcast with this many receivers.
    fn count(&mut self, expected: u64, missing: u64) {
        self.broadcasts += 1;
        self.cut += u64::from(missing > 0 && missing < expected);
        self.lost += u64::from(missing == expected);
        self.owed.add(expected, missing);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.broadcasts += other.broadcasts;
        self.cut += other.cut;
        self.lost += other.lost;
        self.owed.add(other.owed.expected, other.owed.missing);
    }
}

impl Spread {
    fn of(mut all: Vec<u32>) -> Option<Self> {
        all.sort_unstable();
        Some(Self { min: *all.first()?, median: all[all.len() / 2], max: *all.last()? })
    }
}

impl<'a> Shaping<'a> {
    pub(super) fn new(observers: &'a Observers<'a>, board: &'a Board, closing: &Closing<'a>) -> Self {
        let servers = closing.homes.names().len();
        let everyone = observers.everyone();
        let mut homes = vec![(vec![0; observers.words()], Vec::new()); servers + 1];
        let mut opened = vec![0; observers.words() * 64];
        for place in places(&everyone) {
            let session = observers.session(place);
            opened[place.0 as usize] = board.opened(session).unwrap_or(0);
            let (judged, order) = &mut homes[closing.homes.of(session).unwrap_or(servers)];
            judged[place.0 as usize / 64] |= 1u64 << (place.0 % 64);
            order.push(place);
        }
        for (_, order) in &mut homes {
            order.sort_by_key(|place| (opened[place.0 as usize], observers.session(*place)));
        }
        let workers = vec![Owed::default(); observers.workers.last().map_or(0, |last| last + 1)];
        Self {
            observers,
            board,
            closing: *closing,
            opened,
            homes,
            legs: vec![Reach::default(); (servers + 1) * (servers + 1)],
            seconds: Vec::new(),
            first: Vec::new(),
            last: Vec::new(),
            room: Room::default(),
            shape: Shape { workers, servers: closing.homes.names().to_vec(), ..Shape::default() },
        }
    }

    /// Adds the broadcast that announced this member.
    pub(super) fn add(&mut self, member: SessionNumber, heard: &Heard<'_>) {
        let opened = self.board.opened(member).unwrap_or(0);
        let reached =
            heard.expected.iter().zip(heard.announced).map(|(expected, announced)| expected & announced);
        self.room.reached.clear();
        self.room.reached.extend(reached);
        self.room.missing.clear();
        self.room.missing.extend(heard.missing());
        self.leave_out_the_unlisted(member, opened);
        let (expected, missing) = self.by_worker();
        if expected == 0 {
            return;
        }
        self.shape.reach.count(expected, missing);
        self.second(opened).count(expected, missing);
        if self.is_in_a_stall(opened) {
            self.shape.in_stalls.count(expected, missing);
        }
        if missing == expected {
            add_to(&mut self.shape.stages.everywhere, missing);
        }
        self.by_server(member, missing == expected);
    }

    pub(super) fn finish(mut self) -> Shape {
        let servers = self.shape.servers.len();
        let known = |k: usize| (k < servers).then_some(k);
        let legs = self.legs.iter().enumerate().filter(|(_, reach)| reach.broadcasts > 0);
        self.shape.legs = legs
            .map(|(k, reach)| Leg {
                from: known(k / (servers + 1)),
                to: known(k % (servers + 1)),
                reach: *reach,
            })
            .collect();
        self.shape.receivers.first = Spread::of(self.first);
        self.shape.receivers.last = Spread::of(self.last);
        self.shape.over_time = slices(&self.seconds);
        self.shape
    }

    /// Whoever opened after the member was to find it in the list.
    fn leave_out_the_unlisted(&mut self, member: SessionNumber, opened: u32) {
        let close_together = Board::number(CLOSE_TOGETHER);
        for k in 0..self.room.missing.len() {
            if self.room.missing[k] == 0 {
                continue;
            }
            for place in places(&[self.room.missing[k]]).map(|place| Place(place.0 + 64 * k as u32)) {
                let session = self.observers.session(place);
                let theirs = self.opened[place.0 as usize];
                let by_lists = (theirs.abs_diff(opened) < close_together)
                    .then(|| self.was_first(session, member))
                    .flatten();
                if !by_lists.unwrap_or((theirs, session) < (opened, member)) {
                    self.shape.unlisted += 1;
                    place.take_out_of(&mut self.room.missing);
                }
            }
        }
    }

    /// Whether a session was there before the member, by what the member had: in its list, or announced
    /// to it later. `None` when it does not observe, or had neither.
    fn was_first(&self, session: SessionNumber, member: SessionNumber) -> Option<bool> {
        let (ledger, row) = self.observers.row(self.observers.place(member)?);
        if is_set(&ledger.listed, ledger.listed_place(row, session)) {
            return Some(true);
        }
        is_set(&ledger.announced, ledger.announced_place(row, session)).then_some(false)
    }

    /// Counts receivers by this machine's workers; all together.
    fn by_worker(&mut self) -> (u64, u64) {
        let (mut expected, mut missing) = (0, 0);
        let sets = self.room.reached.iter().zip(&self.room.missing);
        for ((reached, lost), worker) in sets.zip(&self.observers.workers) {
            let (reached, lost) = (u64::from(reached.count_ones()), u64::from(lost.count_ones()));
            self.shape.workers[*worker].add(reached + lost, lost);
            expected += reached + lost;
            missing += lost;
        }
        (expected, missing)
    }

    fn by_server(&mut self, member: SessionNumber, is_lost_everywhere: bool) {
        let servers = self.homes.len();
        let from = self.closing.homes.of(member).unwrap_or(servers - 1);
        for to in 0..servers {
            let (expected, missing) = self.room.at(&self.homes[to].0);
            if expected == 0 {
                continue;
            }
            self.legs[from * servers + to].count(expected, missing);
            if missing == 0 || is_lost_everywhere {
                continue;
            }
            if missing == expected {
                add_to(&mut self.shape.stages.one_server, missing);
            } else {
                add_to(&mut self.shape.stages.fan_out, missing);
                self.fan_out(to, expected, missing);
            }
        }
    }

    /// Whom a server that passed a broadcast on to some did not reach.
    fn fan_out(&mut self, server: usize, expected: u64, missing: u64) {
        let mut fan_out = FanOut::default();
        for place in &self.homes[server].1 {
            let is_missing = place.is_in(&self.room.missing);
            if !is_missing && !place.is_in(&self.room.reached) {
                continue;
            }
            let tenth = u64::from(fan_out.receivers()) * 10 / expected;
            self.shape.receivers.tenths[tenth as usize].add(1, u64::from(is_missing));
            fan_out.next(!is_missing);
            if u64::from(fan_out.receivers()) == expected {
                break;
            }
        }
        add_to(&mut self.shape.receivers.patterns[fan_out.pattern() as usize], missing);
        self.first.extend(fan_out.first_reached());
        self.last.extend(fan_out.last_reached());
    }

    fn second(&mut self, opened: u32) -> &mut Reach {
        let second = Board::at(opened).as_secs() as usize;
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, Reach::default());
        }
        &mut self.seconds[second]
    }

    fn is_in_a_stall(&self, opened: u32) -> bool {
        let at = Board::at(opened);
        let covers = |stall: &Stall| at + STALL_MARGIN >= stall.from && at <= stall.to + STALL_MARGIN;
        self.closing.stalls.iter().any(covers)
    }
}

impl Room {
    /// Receivers of this set, and those not reached.
    fn at(&self, set: &[u64]) -> (u64, u64) {
        let sets = self.reached.iter().zip(&self.missing).zip(set);
        sets.fold((0, 0), |(expected, missing), ((reached, lost), set)| {
            let lost = u64::from((lost & set).count_ones());
            (expected + u64::from((reached & set).count_ones()) + lost, missing + lost)
        })
    }
}

fn add_to((count, pairs): &mut (u64, u64), missing: u64) {
    *count += 1;
    *pairs += missing;
}

/// Whole seconds in at most [`SLICES_MAX`] slices of one length, from the first broadcast on.
fn slices(seconds: &[Reach]) -> Vec<Slice> {
    let Some(first) = seconds.iter().position(|reach| reach.broadcasts > 0) else { return Vec::new() };
    let seconds = &seconds[first..];
    let length = seconds.len().div_ceil(SLICES_MAX).max(1);
    let slice = |(k, chunk): (usize, &[Reach])| {
        let mut reach = Reach::default();
        chunk.iter().for_each(|one| reach.add(one));
        let from = first + k * length;
        Slice { from: from as u64, to: (from + chunk.len()) as u64, reach }
    };
    seconds.chunks(length).enumerate().map(slice).collect()
}

#[cfg(test)]
mod tests;
