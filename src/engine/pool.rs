//! A worker's shared HTTP connections: which rows use one, which wait for one, and which
//! connections are idle.
//!
//! Bookkeeping only: it is generic over what a connection is, makes none and touches none, so that
//! it can be tested without sockets. A connection has a *place* for as long as it is open or being
//! opened, whoever uses it; there are as many places as there may be connections, and a place's
//! number is its connection's token. Places that are empty are filled before kept connections are
//! used, and of these the one that has lain idle longest goes first: so all of them carry the same
//! load, and the addresses and servers behind them too. Invariants: one row at a time has a place;
//! rows that wait are served in the order of asking; no row waits while a place is free and
//! [`Pool::next`] is called; a row that has left is nowhere.

use std::collections::{HashMap, VecDeque};

use crate::engine::lives::RowIndex;

/// A connection's place.
#[derive(Debug)]
enum Place<C> {
    /// No connection.
    Empty,
    /// A row's: its connection is with the row, or is being made. `turn` counts the connections
    /// made for places.
    Lent { row: RowIndex, turn: u32 },
    /// Kept for the next.
    Idle(C),
}

/// What a row has of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Waits,
    Has { place: u32 },
}

/// What a row is given.
#[derive(Debug, PartialEq, Eq)]
pub enum Grant<C> {
    /// This connection, which has carried answers before.
    Kept(C),
    /// Room for one of its own making.
    Room,
}

/// See the module.
#[derive(Debug)]
pub struct Pool<C> {
    places: Vec<Place<C>>,
    /// Places without a connection.
    empty: Vec<u32>,
    /// Places with an idle connection, the longest idle first; some may have been emptied since.
    idle: VecDeque<u32>,
    idle_count: usize,
    rows: HashMap<RowIndex, Claim>,
    /// Rows that wait, in the order of asking; some may have left since.
    queue: VecDeque<RowIndex>,
    waiting_count: usize,
    turns: u32,
}

impl<C> Pool<C> {
    /// Makes a pool of at most this many connections; 0: sessions share none.
    pub fn new(connections: u32) -> Self {
        Self {
            places: (0..connections).map(|_| Place::Empty).collect(),
            // Popped from the end: the first place first.
            empty: (0..connections).rev().collect(),
            idle: VecDeque::new(),
            idle_count: 0,
            rows: HashMap::new(),
            queue: VecDeque::new(),
            waiting_count: 0,
            turns: 0,
        }
    }

    /// Whether sessions share connections.
    pub fn is_on(&self) -> bool {
        !self.places.is_empty()
    }

    /// A row wants a connection; `None`: it waits. A row that has a place already, and whose
    /// connection is gone, keeps the place for another connection.
    pub fn ask(&mut self, row: RowIndex) -> Option<Grant<C>> {
        match self.rows.get(&row) {
            Some(Claim::Has { place }) => {
                let place = *place;
                return Some(self.lend_empty(place, row));
            }
            Some(Claim::Waits) => return None,
            None => {}
        }
        let grant = if self.waiting_count == 0 { self.grant(row) } else { None };
        if grant.is_none() {
            self.rows.insert(row, Claim::Waits);
            self.queue.push_back(row);
            self.waiting_count += 1;
        }
        grant
    }

    /// Returns the row that has waited longest, with its grant; `None` when no row waits or no
    /// place is free.
    pub fn next(&mut self) -> Option<(RowIndex, Grant<C>)> {
        if !self.can_serve() {
            return None;
        }
        loop {
            let row = self.queue.pop_front()?;
            if self.rows.get(&row) == Some(&Claim::Waits) {
                self.waiting_count -= 1;
                return self.grant(row).map(|grant| (row, grant));
            }
        }
    }

    /// Whether a row waits and a place is free.
    pub fn can_serve(&self) -> bool {
        self.waiting_count > 0 && (!self.empty.is_empty() || self.idle_count > 0)
    }

    /// Takes back a connection that is fit for another's request; does nothing for a row without a
    /// place.
    pub fn give_back(&mut self, row: RowIndex, connection: C) {
        if let Some(Claim::Has { place }) = self.rows.remove(&row) {
            self.places[place as usize] = Place::Idle(connection);
            self.idle.push_back(place);
            self.idle_count += 1;
        }
    }

    /// Removes a row whose connection, if it had one, is gone, or that waits no longer.
    pub fn leave(&mut self, row: RowIndex) {
        match self.rows.remove(&row) {
            Some(Claim::Has { place }) => self.vacate(place),
            Some(Claim::Waits) => self.waiting_count -= 1,
            None => {}
        }
    }

    /// Returns the place of this row's connection.
    pub fn place_of(&self, row: RowIndex) -> Option<u32> {
        match self.rows.get(&row) {
            Some(Claim::Has { place }) => Some(*place),
            _ => None,
        }
    }

    /// How many connections were made for places before this row's.
    pub fn turn_of(&self, row: RowIndex) -> Option<u32> {
        match self.places.get(self.place_of(row)? as usize) {
            Some(Place::Lent { turn, .. }) => Some(*turn),
            _ => None,
        }
    }

    /// The row that has this place.
    pub fn holder(&self, place: u32) -> Option<RowIndex> {
        match self.places.get(place as usize) {
            Some(Place::Lent { row, .. }) => Some(*row),
            _ => None,
        }
    }

    /// The idle connection of this place.
    pub fn idle(&mut self, place: u32) -> Option<&mut C> {
        match self.places.get_mut(place as usize) {
            Some(Place::Idle(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Takes an idle connection out, to be closed.
    pub fn take_idle(&mut self, place: u32) -> Option<C> {
        let slot = self.places.get_mut(place as usize)?;
        match std::mem::replace(slot, Place::Empty) {
            Place::Idle(connection) => {
                self.idle_count -= 1;
                self.idle.retain(|idle| *idle != place);
                self.empty.push(place);
                Some(connection)
            }
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Takes out all idle connections, to be closed: nobody is about to ask for one.
    pub fn take_all_idle(&mut self) -> Vec<C> {
        let places: Vec<u32> = self.idle.iter().copied().collect();
        places.into_iter().filter_map(|place| self.take_idle(place)).collect()
    }

    /// Whether nobody has a place or waits for one.
    pub fn is_unused(&self) -> bool {
        self.rows.is_empty()
    }

    /// The end of it: idle connections, to be closed. Nothing is shared any more, and no memory
    /// kept.
    pub fn close(&mut self) -> Vec<C> {
        debug_assert!(self.is_unused(), "closed while in use");
        let places = std::mem::replace(self, Self::new(0)).places;
        let idle = |place| match place {
            Place::Idle(connection) => Some(connection),
            _ => None,
        };
        places.into_iter().filter_map(idle).collect()
    }

    /// Rows that have not left and connections that were not closed.
    pub fn left(&self) -> usize {
        self.rows.len() + self.idle_count
    }

    fn grant(&mut self, row: RowIndex) -> Option<Grant<C>> {
        if let Some(place) = self.empty.pop() {
            return Some(self.lend_empty(place, row));
        }
        let place = self.idle.pop_front()?;
        self.idle_count -= 1;
        let lent = Place::Lent { row, turn: self.turns };
        self.rows.insert(row, Claim::Has { place });
        match std::mem::replace(&mut self.places[place as usize], lent) {
            Place::Idle(connection) => Some(Grant::Kept(connection)),
            // Not to be: what is listed as idle is idle.
            _ => Some(Grant::Room),
        }
    }

    fn lend_empty(&mut self, place: u32, row: RowIndex) -> Grant<C> {
        self.places[place as usize] = Place::Lent { row, turn: self.turns };
        self.turns = self.turns.wrapping_add(1);
        self.rows.insert(row, Claim::Has { place });
        Grant::Room
    }

    fn vacate(&mut self, place: u32) {
        self.places[place as usize] = Place::Empty;
        self.empty.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rows are granted, without the connection.
    fn kinds<C>(grant: Option<Grant<C>>) -> &'static str {
        match grant {
            Some(Grant::Kept(_)) => "kept",
            Some(Grant::Room) => "room",
            None => "waits",
        }
    }

    #[test]
    fn places_are_filled_first_then_the_longest_idle_is_used() {
        let mut pool = Pool::new(2);
        assert_eq!(pool.ask(RowIndex(1)), Some(Grant::Room));
        pool.give_back(RowIndex(1), "a");
        assert_eq!(pool.ask(RowIndex(2)), Some(Grant::Room), "the second place is still empty");
        pool.give_back(RowIndex(2), "b");
        assert_eq!(pool.ask(RowIndex(3)), Some(Grant::Kept("a")));
        assert_eq!(pool.ask(RowIndex(4)), Some(Grant::Kept("b")));
        assert_eq!(pool.ask(RowIndex(5)), None);
    }

    #[test]
    fn who_waits_is_served_in_the_order_of_asking_and_nobody_overtakes() {
        let mut pool = Pool::new(1);
        pool.ask(RowIndex(1));
        assert_eq!((pool.ask(RowIndex(2)), pool.ask(RowIndex(3)), pool.next()), (None, None, None));
        pool.give_back(RowIndex(1), 'x');
        assert_eq!(pool.ask(RowIndex(4)), None, "the place is theirs who asked before");
        assert_eq!(pool.next(), Some((RowIndex(2), Grant::Kept('x'))));
        assert_eq!(pool.next(), None);
        pool.leave(RowIndex(2));
        assert_eq!(pool.next(), Some((RowIndex(3), Grant::Room)), "its connection was gone");
        pool.give_back(RowIndex(3), 'y');
        assert_eq!(pool.next(), Some((RowIndex(4), Grant::Kept('y'))));
    }

    #[test]
    fn who_leaves_the_queue_is_passed_over() {
        let mut pool = Pool::new(1);
        pool.ask(RowIndex(1));
        (2..5).for_each(|row| assert_eq!(pool.ask(RowIndex(row)), None));
        pool.leave(RowIndex(2));
        pool.leave(RowIndex(4));
        pool.give_back(RowIndex(1), ());
        assert_eq!(pool.next(), Some((RowIndex(3), Grant::Kept(()))));
        pool.give_back(RowIndex(3), ());
        assert_eq!(pool.next(), None);
        assert!(pool.is_unused() && !pool.can_serve());
        assert_eq!((pool.left(), pool.close().len(), pool.left(), pool.is_on()), (1, 1, 0, false));
    }

    #[test]
    fn who_has_a_place_keeps_it_for_another_connection() {
        let mut pool = Pool::<()>::new(1);
        pool.ask(RowIndex(1));
        assert_eq!((pool.ask(RowIndex(2)), pool.turn_of(RowIndex(1))), (None, Some(0)));
        assert_eq!(pool.ask(RowIndex(1)), Some(Grant::Room), "ahead of who waits");
        assert_eq!(
            (pool.holder(0), pool.turn_of(RowIndex(1))),
            (Some(RowIndex(1)), Some(1)),
            "the next address's turn"
        );
    }

    #[test]
    fn an_idle_connection_that_is_closed_leaves_room() {
        let mut pool = Pool::new(2);
        pool.ask(RowIndex(1));
        pool.ask(RowIndex(2));
        pool.give_back(RowIndex(1), 'a');
        pool.give_back(RowIndex(2), 'b');
        assert_eq!((pool.holder(0), pool.idle(0).copied()), (None, Some('a')));
        assert_eq!((pool.take_idle(0), pool.take_idle(0)), (Some('a'), None));
        assert_eq!(pool.ask(RowIndex(3)), Some(Grant::Room));
        assert_eq!((pool.place_of(RowIndex(3)), pool.take_idle(0)), (Some(0), None), "it is lent now");
        assert_eq!(pool.ask(RowIndex(4)), Some(Grant::Kept('b')));
    }

    #[test]
    fn without_places_nothing_is_shared() {
        assert!(!Pool::<()>::new(0).is_on());
        assert!(Pool::<()>::new(1).is_on());
    }

    /// A pool beside a plain list of who has what, through whatever order of events.
    #[test]
    fn any_order_of_events_keeps_every_account() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let connections = rng.u32(1..5);
            let mut pool = Pool::new(connections);
            let (mut waiting, mut having) = (VecDeque::new(), Vec::new());
            let mut next_row = RowIndex(0);
            for _ in 0..400 {
                match rng.u8(..6) {
                    0 | 1 => {
                        match kinds(pool.ask(next_row)) {
                            "waits" => waiting.push_back(next_row),
                            _ => having.push(next_row),
                        }
                        next_row.0 += 1;
                    }
                    2 if !having.is_empty() => {
                        let row = having.swap_remove(rng.usize(..having.len()));
                        pool.give_back(row, row);
                    }
                    3 if !having.is_empty() => {
                        let row = having.swap_remove(rng.usize(..having.len()));
                        pool.leave(row);
                    }
                    4 if !waiting.is_empty() => {
                        let row: RowIndex = waiting.remove(rng.usize(..waiting.len())).expect("one");
                        pool.leave(row);
                    }
                    _ => drop(pool.take_idle(rng.u32(..connections))),
                }
                while let Some((row, _)) = pool.next() {
                    assert_eq!(Some(row), waiting.pop_front(), "seed {seed}: in the order of asking");
                    having.push(row);
                }
                let held = (0..connections).filter_map(|place| pool.holder(place)).count();
                assert_eq!(held, having.len(), "seed {seed}: each has one place");
                assert!(
                    having.iter().all(|row| pool.holder(pool.place_of(*row).expect("one")) == Some(*row))
                );
                assert_eq!(pool.left() - pool.idle_count, waiting.len() + having.len(), "seed {seed}");
                let full = held + pool.idle_count == connections as usize;
                assert!(waiting.is_empty() || (full && pool.idle_count == 0), "seed {seed}: waits in vain");
            }
            having.into_iter().chain(waiting).for_each(|row| pool.leave(row));
            let idle = pool.idle_count;
            assert_eq!((pool.is_unused(), pool.close().len(), pool.left()), (true, idle, 0), "seed {seed}");
        }
    }
}
