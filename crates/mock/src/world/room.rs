//! The runners connected in a challenge, and the list of them that a newcomer receives.
//!
//! Each runner's entry of the list is kept as rendered, so that a list of 6,000 is some half a
//! megabyte of copying and no rendering. Knows no socket: a seat only says where the connection
//! lives. Where announcements travel through Redis, a runner is seated here and listed once that is
//! heard, and runners of other servers are listed and have no seat. Invariant: a runner has at most
//! one seat and one entry, and `listed_bytes` is the length of the list.

use super::event_log::EventLog;
use crate::ids::{Runner, Seat};

/// No place among the seated.
const NOWHERE: u32 = u32::MAX;

/// Garbage among the fragments that is put up with.
const GARBAGE_BYTES_MAX: usize = 64 << 10;

/// A runner who is connected here, or listed, or both.
#[derive(Clone, Copy, Debug)]
struct Seated {
    runner: Runner,
    seat: Option<Seat>,
    is_listed: bool,
    /// Where its entry of the list is.
    start: u32,
    len: u16,
    /// Kilometres so far: the list is in descending order.
    km: f32,
}

/// The connected runners of one challenge.
#[derive(Debug)]
pub struct Room {
    /// Lists nobody and announces nothing: see `--no-broadcast`.
    quiet: bool,
    seated: Vec<Seated>,
    /// By runner: its index in `seated`.
    places: Vec<u32>,
    /// Rendered entries with holes where an entry was replaced or its runner left.
    fragments: Vec<u8>,
    garbage_bytes: usize,
    listed: usize,
    listed_bytes: usize,
    log: EventLog,
}

impl Room {
    /// An empty room.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            seated: Vec::new(),
            places: Vec::new(),
            fragments: Vec::new(),
            garbage_bytes: 0,
            listed: 0,
            listed_bytes: 0,
            log: EventLog::default(),
        }
    }

    /// Whether it lists nobody and announces nothing.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How many are connected here, or listed.
    pub fn len(&self) -> usize {
        self.seated.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.seated.is_empty()
    }

    /// The runner's seat.
    pub fn seat(&self, runner: Runner) -> Option<Seat> {
        self.place(runner).and_then(|place| self.seated[place].seat)
    }

    /// Everyone connected here.
    pub fn runners(&self) -> impl Iterator<Item = Runner> {
        self.seated.iter().filter(|seated| seated.seat.is_some()).map(|seated| seated.runner)
    }

    /// Everyone connected here but this one, each with its server, in the order in which they came.
    pub fn receivers(&self, actor: Runner) -> Vec<(Runner, u16)> {
        let seats = self.seated.iter().filter(|it| it.runner != actor);
        let mut seats: Vec<(Runner, Seat)> = seats.filter_map(|it| Some((it.runner, it.seat?))).collect();
        seats.sort_by_key(|(_, seat)| seat.session);
        seats.into_iter().map(|(runner, seat)| (runner, seat.server)).collect()
    }

    /// Seats a runner, with its entry of the list; gives back the seat that this one replaces.
    pub fn enter(&mut self, runner: Runner, seat: Seat, km: f64, fragment: &[u8]) -> Option<Seat> {
        let replaced = self.seat(runner);
        self.remove(runner);
        self.take_seat(runner, seat);
        self.show(runner, km, fragment);
        replaced
    }

    /// Seats a runner without an entry of the list, unless there is one; gives back the seat that
    /// this one replaces.
    pub fn take_seat(&mut self, runner: Runner, seat: Seat) -> Option<Seat> {
        self.log.attach(seat.worker);
        let place = self.place_or_new(runner);
        self.seated[place].seat.replace(seat)
    }

    /// Lists a runner, seated here or not.
    pub fn show(&mut self, runner: Runner, km: f64, fragment: &[u8]) {
        let place = self.place_or_new(runner);
        self.listed += usize::from(!self.seated[place].is_listed);
        self.seated[place].is_listed = true;
        self.update(runner, km, fragment);
    }

    /// Takes the seat of a runner if that session has it; the entry of the list stays.
    pub fn unseat(&mut self, runner: Runner, session: u32) -> bool {
        let Some(place) = self.place(runner) else { return false };
        if self.seated[place].seat.is_none_or(|seat| seat.session != session) {
            return false;
        }
        self.seated[place].seat = None;
        if !self.seated[place].is_listed {
            self.remove(runner);
        }
        true
    }

    /// Takes a runner's seat, whichever session has it.
    pub fn give_up_seat(&mut self, runner: Runner) -> Option<Seat> {
        let seat = self.seat(runner)?;
        self.unseat(runner, seat.session).then_some(seat)
    }

    /// Takes a runner out of the list; a seat stays.
    pub fn hide(&mut self, runner: Runner) {
        let Some(place) = self.place(runner) else { return };
        if self.seated[place].seat.is_none() {
            return self.remove(runner);
        }
        let seated = &mut self.seated[place];
        self.listed -= usize::from(std::mem::take(&mut seated.is_listed));
        let len = std::mem::take(&mut seated.len);
        self.discard(len);
        self.compact();
    }

    /// Takes a runner out if that session has the seat; `false` if it has not (any more).
    pub fn leave(&mut self, runner: Runner, session: u32) -> bool {
        let has_the_seat = self.seat(runner).is_some_and(|seat| seat.session == session);
        if has_the_seat {
            self.remove(runner);
        }
        has_the_seat
    }

    /// Takes everyone out.
    pub fn clear(&mut self) {
        self.seated = Vec::new();
        self.places = Vec::new();
        self.fragments = Vec::new();
        self.garbage_bytes = 0;
        self.listed = 0;
        self.listed_bytes = 0;
    }

    /// Replaces a runner's entry of the list, if there is one.
    pub fn update(&mut self, runner: Runner, km: f64, fragment: &[u8]) {
        let Some(place) = self.place(runner).filter(|place| self.seated[*place].is_listed) else { return };
        self.discard(self.seated[place].len);
        let (start, len) = self.store(fragment);
        let seated = &mut self.seated[place];
        (seated.start, seated.len, seated.km) = (start, len, km as f32);
        self.compact();
    }

    /// The length of what [`Room::list`] appends.
    pub fn list_bytes(&self, reader: Runner) -> usize {
        if self.quiet {
            return 0;
        }
        let own = self.place(reader).map_or(0, |place| usize::from(self.seated[place].len));
        let entries = self.listed - usize::from(own > 0);
        self.listed_bytes - own + entries.saturating_sub(1)
    }

    /// Appends everyone's entries but the reader's, separated by commas. (The reader has one when
    /// it comes back before its previous connection is gone.)
    pub fn list(&self, reader: Runner, out: &mut Vec<u8>) {
        if self.quiet {
            return;
        }
        out.reserve(self.list_bytes(reader));
        let mut others: Vec<&Seated> =
            self.seated.iter().filter(|it| it.is_listed && it.runner != reader).collect();
        // Stable, and little work for as long as nobody has recorded anything.
        others.sort_by(|left, right| right.km.total_cmp(&left.km));
        let mut first = true;
        for seated in others {
            if !first {
                out.push(b',');
            }
            first = false;
            let start = seated.start as usize;
            out.extend_from_slice(&self.fragments[start..start + usize::from(seated.len)]);
        }
    }

    /// The announcements.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// The announcements, to add to or take from.
    pub fn log_mut(&mut self) -> &mut EventLog {
        &mut self.log
    }

    fn place(&self, runner: Runner) -> Option<usize> {
        let place = *self.places.get(runner.0 as usize)?;
        (place != NOWHERE).then_some(place as usize)
    }

    fn place_or_new(&mut self, runner: Runner) -> usize {
        if let Some(place) = self.place(runner) {
            return place;
        }
        let index = runner.0 as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, NOWHERE);
        }
        self.places[index] = self.seated.len() as u32;
        self.seated.push(Seated { runner, seat: None, is_listed: false, start: 0, len: 0, km: 0.0 });
        self.seated.len() - 1
    }

    fn remove(&mut self, runner: Runner) {
        let Some(place) = self.place(runner) else { return };
        let removed = self.seated.swap_remove(place);
        self.listed -= usize::from(removed.is_listed);
        self.places[runner.0 as usize] = NOWHERE;
        if let Some(moved) = self.seated.get(place) {
            self.places[moved.runner.0 as usize] = place as u32;
        }
        self.discard(removed.len);
        self.compact();
    }

    fn store(&mut self, fragment: &[u8]) -> (u32, u16) {
        if self.quiet {
            return (0, 0);
        }
        debug_assert!(fragment.len() <= usize::from(u16::MAX), "an entry of the list is some 93 bytes");
        let start = self.fragments.len() as u32;
        self.fragments.extend_from_slice(fragment);
        self.listed_bytes += fragment.len();
        (start, fragment.len() as u16)
    }

    fn discard(&mut self, len: u16) {
        self.listed_bytes -= usize::from(len);
        self.garbage_bytes += usize::from(len);
    }

    /// Closes the holes when they outweigh what is listed: each byte is moved once for each that
    /// was wasted.
    fn compact(&mut self) {
        if self.garbage_bytes <= GARBAGE_BYTES_MAX.max(self.listed_bytes) {
            return;
        }
        let mut packed = Vec::with_capacity(self.listed_bytes * 2);
        for seated in &mut self.seated {
            let start = seated.start as usize;
            seated.start = packed.len() as u32;
            packed.extend_from_slice(&self.fragments[start..start + usize::from(seated.len)]);
        }
        self.fragments = packed;
        self.garbage_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(session: u32) -> Seat {
        Seat { worker: 0, slot: session, session, server: 0 }
    }

    fn list_for(room: &Room, reader: Runner) -> String {
        let mut out = Vec::new();
        room.list(reader, &mut out);
        assert_eq!(out.len(), room.list_bytes(reader));
        String::from_utf8(out).unwrap()
    }

    fn list(room: &Room) -> String {
        list_for(room, Runner(999))
    }

    #[test]
    fn the_list_follows_entering_leaving_and_updates() {
        let mut room = Room::new(false);
        assert_eq!(list(&room), "");
        for n in 0..4 {
            assert_eq!(room.enter(Runner(n), seat(n), 0.0, format!("f{n}").as_bytes()), None);
        }
        assert_eq!(list(&room), "f0,f1,f2,f3");
        assert_eq!(list_for(&room, Runner(0)), "f1,f2,f3");
        assert_eq!(list_for(&room, Runner(2)), "f0,f1,f3");
        assert!(room.leave(Runner(1), 1));
        assert_eq!(list(&room), "f0,f3,f2");
        room.update(Runner(3), 0.0, b"longer");
        assert_eq!(list(&room), "f0,longer,f2");
        room.update(Runner(2), 1.5, b"f2");
        assert_eq!(list(&room), "f2,f0,longer", "in descending distance");
    }

    #[test]
    fn a_second_seat_replaces_the_first_which_can_then_no_longer_leave() {
        let mut room = Room::new(false);
        room.enter(Runner(5), seat(1), 0.0, b"x");
        assert_eq!(room.enter(Runner(5), seat(2), 0.0, b"y"), Some(seat(1)));
        assert!(!room.leave(Runner(5), 1));
        assert_eq!(list(&room), "y");
        assert!(room.leave(Runner(5), 2));
        assert!(room.is_empty());
    }

    #[test]
    fn seats_and_entries_of_the_list_come_and_go_apart() {
        let mut room = Room::new(false);
        assert_eq!(room.take_seat(Runner(1), seat(1)), None);
        assert_eq!((list(&room).as_str(), room.runners().count()), ("", 1));
        room.show(Runner(1), 0.0, b"own");
        room.show(Runner(2), 0.0, b"other");
        room.update(Runner(3), 0.0, b"nobody");
        assert_eq!((list(&room).as_str(), room.runners().count()), ("own,other", 1));
        assert_eq!(list_for(&room, Runner(2)), "own");
        assert!(!room.unseat(Runner(1), 9) && !room.unseat(Runner(2), 2) && room.unseat(Runner(1), 1));
        assert_eq!(list(&room), "own,other", "until it is heard");
        room.hide(Runner(1));
        room.hide(Runner(7));
        assert_eq!((list(&room).as_str(), room.len()), ("other", 1));
        room.take_seat(Runner(2), seat(2));
        room.hide(Runner(2));
        assert_eq!((list(&room).as_str(), room.give_up_seat(Runner(2))), ("", Some(seat(2))));
        assert!(room.is_empty());
    }

    #[test]
    fn holes_are_closed_before_they_outgrow_the_list() {
        let mut room = Room::new(false);
        let entry = [b'x'; 100];
        for n in 0..100 {
            room.enter(Runner(n), seat(n), 0.0, &entry);
        }
        for round in 0..10_000 {
            room.update(Runner(round % 100), 0.0, &entry);
        }
        assert!(room.fragments.len() <= 10_000 + GARBAGE_BYTES_MAX + 100);
        assert_eq!(list(&room).len(), 100 * 101 - 1);
    }

    #[test]
    fn a_quiet_room_lists_nobody_and_keeps_no_entries() {
        let mut room = Room::new(true);
        room.enter(Runner(0), seat(0), 0.0, b"x");
        assert_eq!((list(&room).as_str(), room.len(), room.fragments.len()), ("", 1, 0));
    }
}
