//! The WebSocket servers that are expected: `ws_health:*` keys, which a server that lives refreshes.
//!
//! What was seen once is asked for by name from then on, so that a scan that has to end early misses
//! new servers at most. Invariant: a server goes down once for each time that it came up.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::watch::{Event, EventKind};

/// What their keys begin with.
pub(super) const PREFIX: &str = "ws_health:";
/// Servers that are followed.
const SERVERS_MAX: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// By key: whether it was there when it was last looked for, and when it last was.
    servers: BTreeMap<String, (bool, Timestamp)>,
}

impl Health {
    /// The keys that are known.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// How many are there, or are not.
    pub(super) fn count(&self, is_up: bool) -> usize {
        self.servers.values().filter(|(it, _)| *it == is_up).count()
    }

    /// A key is there, or is gone.
    pub(super) fn see(&mut self, key: &str, is_there: bool, at: Timestamp, events: &mut Vec<Event>) {
        let Some((was_there, last)) = self.servers.get_mut(key) else {
            if is_there && self.servers.len() < SERVERS_MAX {
                self.servers.insert(key.to_owned(), (true, at));
            }
            return;
        };
        if *was_there != is_there {
            let since = last.strftime("%H:%M:%S UTC");
            let (kind, evidence) = match is_there {
                false => (EventKind::Down, format!("the key {key} is gone; it was there at {since}")),
                true => (EventKind::Up, format!("the key {key} is there again; it was last at {since}")),
            };
            let subject = key.strip_prefix(PREFIX).unwrap_or(key).to_owned();
            events.push(Event { at, kind, subject, evidence });
        }
        *was_there = is_there;
        if is_there {
            *last = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_vanishes_is_down_once_and_up_once() {
        let (mut health, mut events) = (Health::default(), Vec::new());
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        for (second, is_there) in [(0, true), (5, true), (10, false), (15, false), (20, true)] {
            health.see("ws_health:a/ws/ws1", is_there, at(second), &mut events);
        }
        health.see("ws_health:b/ws/ws2", false, at(20), &mut events);
        let seen: Vec<_> =
            events.iter().map(|it| (it.at.as_second(), it.kind, it.subject.as_str())).collect();
        assert_eq!(seen, [(10, EventKind::Down, "a/ws/ws1"), (20, EventKind::Up, "a/ws/ws1")]);
        assert!(events[0].evidence.ends_with("is gone; it was there at 00:00:05 UTC"), "{events:?}");
        assert_eq!((health.count(true), health.count(false)), (1, 0));
    }
}
