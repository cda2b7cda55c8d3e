//! The table of troubles: what shows each on the client's side and on the servers', and what explains it.
//!
//! Data only. A new trouble is a row here, one in `texts/troubles.rs` and one in `docs/troubles.md`, which a
//! test holds against this table.

use super::rule::{Clue, How, Look, Place, Rule, Shape, Sign};
use crate::report::texts::troubles::Trouble as T;
use crate::watch::EventKind;

/// After these, a server's sessions are gone.
pub(super) const DEATHS: &[&str] = &["server-out-of-memory", "server-restarted", "server-down"];

/// All troubles.
pub(super) const RULES: [Rule; 11] = [
    Rule {
        name: "ticket-expired",
        title: T::TicketExpired,
        next: T::TicketExpiredNext,
        client: &[Clue::Enough(Sign::Errors(Place::Open, &["INVALID_TICKET"]))],
        servers: &[Clue::Enough(Look::Figure(&["tickets_refused"]))],
        explained: None,
    },
    Rule {
        name: "pool-exhausted",
        title: T::PoolExhausted,
        next: T::PoolExhaustedNext,
        client: &[
            Clue::Enough(Sign::Errors(Place::Http, &["POOL_EXHAUSTED"])),
            Clue::Supports(Sign::Errors(Place::Http, &["INTERNAL_SERVER_ERROR", "timeout", "http-500"])),
        ],
        servers: &[
            Clue::Enough(Look::Figure(&["hikaricp_connections_timeout_total", "pool_exhausted"])),
            Clue::Supports(Look::Figure(&["hikaricp_connections_pending"])),
        ],
        explained: None,
    },
    Rule {
        name: "pubsub-slow-or-lost",
        title: T::PubsubLost,
        next: T::PubsubLostNext,
        client: &[Clue::Enough(Sign::Shape(Shape::PairsMissing))],
        servers: &[Clue::Enough(Look::Figure(&[
            "broadcasts_cut",
            "enter_events_failed",
            "pubsub.round_trip",
        ]))],
        explained: None,
    },
    Rule {
        name: "server-out-of-memory",
        title: T::OutOfMemory,
        next: T::OutOfMemoryNext,
        client: &[Clue::Enough(Sign::Shape(Shape::SilentThenLost))],
        servers: &[
            Clue::Enough(Look::Event(EventKind::OutOfMemory)),
            Clue::Enough(Look::Figure(&["out_of_memory"])),
        ],
        explained: None,
    },
    Rule {
        name: "wrong-server",
        title: T::WrongServer,
        next: T::WrongServerNext,
        client: &[Clue::Enough(Sign::Shape(Shape::Misrouted))],
        servers: &[Clue::Supports(Look::Figure(&["heartbeats_lost", "circuits_broken"]))],
        explained: Some((How::Moved, DEATHS)),
    },
    Rule {
        name: "idle-timeout",
        title: T::IdleTimeout,
        next: T::IdleTimeoutNext,
        client: &[
            Clue::Enough(Sign::Shape(Shape::ClosedAsIdle)),
            Clue::Enough(Sign::Shape(Shape::GoneWhileOpen)),
        ],
        // Whoever was cut off is found idle, too.
        servers: &[Clue::Supports(Look::Figure(&["timeouts_detected"]))],
        explained: None,
    },
    Rule {
        name: "bad-gateway",
        title: T::BadGateway,
        next: T::BadGatewayNext,
        client: &[Clue::Enough(Sign::Errors(
            Place::Anywhere,
            &["nginx-502", "http-502", "upgrade-refused-502"],
        ))],
        servers: &[Clue::Supports(Look::Figure(&["502"]))],
        explained: Some((How::Died, DEATHS)),
    },
    Rule {
        name: "server-down",
        title: T::ServerDown,
        next: T::ServerDownNext,
        client: &[Clue::Enough(Sign::Shape(Shape::Lost)), Clue::Enough(Sign::RefusedSince)],
        servers: &[Clue::Enough(Look::Event(EventKind::Down))],
        explained: Some((How::Died, &["server-out-of-memory", "server-restarted"])),
    },
    Rule {
        name: "connect-refused",
        title: T::ConnectRefused,
        next: T::ConnectRefusedNext,
        client: &[Clue::Enough(Sign::RefusedAlways)],
        servers: &[],
        explained: Some((How::Died, DEATHS)),
    },
    Rule {
        name: "server-restarted",
        title: T::ServerRestarted,
        next: T::ServerRestartedNext,
        client: &[Clue::Enough(Sign::Shape(Shape::LostAndBack))],
        servers: &[Clue::Enough(Look::Event(EventKind::Restarted))],
        explained: Some((How::Died, &["server-out-of-memory"])),
    },
    Rule {
        name: "connection-limit",
        title: T::ConnectionLimit,
        next: T::ConnectionLimitNext,
        client: &[Clue::Enough(Sign::Shape(Shape::Full))],
        servers: &[Clue::Enough(Look::Figure(&["worker_connections_exhausted", "open_files_exhausted"]))],
        explained: Some((How::SameServer, DEATHS)),
    },
];

/// The rule of this name.
pub(super) fn rule(name: &str) -> Option<&'static Rule> {
    const ALL: &[Rule] = &RULES;
    ALL.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_trouble_and_no_other() {
        let manual = include_str!("../../../docs/troubles.md");
        let named: Vec<&str> =
            manual.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect();
        assert_eq!(named, RULES.each_ref().map(|rule| rule.name));
    }

    #[test]
    fn what_explains_a_trouble_is_one() {
        for (_, causes) in RULES.iter().filter_map(|rule| rule.explained) {
            causes.iter().for_each(|cause| assert!(rule(cause).is_some(), "{cause}"));
        }
    }
}
