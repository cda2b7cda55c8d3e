//! The servers of a run, as a result has them: where sessions were sent, opened and failed.
//!
//! Judges nothing. Invariant: servers are in the order of their names, whichever worker met them
//! first.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Ordered, RunResult};
use crate::fault::Fault;
use crate::lang::{Reason, Sentence};
use crate::measure::routing::{Hashed, Move, Routing, Server};
use crate::measure::{Tally, Totals};
use crate::numbers::seconds;
use crate::scenario::{Scenario, StepIndex};

/// Kinds of failures of a server; more stay in `failures.jsonl`.
const DETAILS_MAX: usize = 64;

/// The connections to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressResult {
    /// Begun.
    pub begun: u64,
    /// Of these, the ones that came up; where one did not, the host's next address was tried.
    pub up: u64,
}

/// A server: scheme, host and port, with the path where the servers returned the URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerResult {
    /// Sessions sent there.
    pub sessions: u64,
    /// Of these, those that opened.
    pub opened: u64,
    /// When the first of them did, since the run began; `null` if none has.
    #[serde(default)]
    pub first_opened_seconds: Option<f64>,
    /// When the last of them did.
    #[serde(default)]
    pub last_opened_seconds: Option<f64>,
    /// Of those sent there, those that failed, on the way there or there.
    pub failed: u64,
    /// Heartbeats that failed there; those with a stall of this machine in their time are not in
    /// it.
    pub ping_failed: u64,
    /// The failed sessions by step and kind, most frequent first.
    pub failures: Vec<ServerFailure>,
    /// Of these, those whose hash says another server; `null` where that cannot be judged.
    pub misrouted: Option<u64>,
    /// Sessions of the run whose hash says this server; `null` where that cannot be judged.
    #[serde(default)]
    pub expected: Option<u64>,
}

/// Sessions that failed in one way at one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerFailure {
    /// In which step; `hold` for open ones.
    pub step: String,
    /// How.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// When the first one did, since the run began.
    pub first_seconds: f64,
    /// When the last one did.
    pub last_seconds: f64,
}

/// Whether members were sent where their hash says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoutingResult {
    /// Servers that there should be, as the user said; `null`: as many as were seen.
    #[serde(default)]
    pub expected_servers: Option<u32>,
    /// Misrouted members of all servers; `null` where that cannot be judged.
    pub misrouted: Option<u64>,
    /// Why not, or how.
    #[serde(flatten, with = "crate::lang::sentence::why")]
    pub why: Sentence,
    /// Sessions sent to URLs beyond the number told apart.
    pub beyond: u64,
    /// The misrouted members: which servers' came to which others, most first.
    #[serde(default)]
    pub moves: Vec<MoveResult>,
}

/// Members of a server that came to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveResult {
    /// The server that their hash says; `null` if nobody was sent there, so that it is not known.
    pub home: Option<String>,
    /// The server that they came to.
    pub server: String,
    /// How many.
    pub sessions: u64,
}

/// How sessions that opened are spread over the servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// An even share.
    pub even: f64,
    /// What the server with the fewest has of an even share.
    pub smallest: f64,
    /// What the one with the most has.
    pub largest: f64,
}

impl RunResult {
    /// How the sessions are spread over the servers seen, or over as many as there should be.
    ///
    /// # Errors
    /// Why there is nothing to compare.
    pub fn spread(&self) -> Result<Spread, Reason> {
        if !self.parts.is_empty() {
            return Err(Reason::ServersOfParts);
        }
        let expected = self.routing.expected_servers.map_or(0, |count| count as usize);
        let count = self.servers.len().max(expected);
        if count < 2 || self.servers.is_empty() {
            return Err(Reason::OneServer);
        }
        if self.routing.beyond > 0 {
            return Err(Reason::ManyServers);
        }
        let opened = || self.servers.iter().map(|(_, server)| server.opened);
        let even = opened().sum::<u64>().max(1) as f64 / count as f64;
        // A server that nobody was sent to is not among those seen.
        let smallest = if self.servers.len() < expected { 0 } else { opened().min().unwrap_or(0) };
        let largest = opened().max().unwrap_or(0);
        Ok(Spread { even, smallest: smallest as f64 / even, largest: largest as f64 / even })
    }
}

/// A server's failed sessions by step and kind, most frequent first.
fn server_failures(server: &Server, totals: &Totals, scenario: &Scenario) -> Vec<ServerFailure> {
    let failure = |(step, fault, count): (StepIndex, Fault, u64)| ServerFailure {
        step: totals.layout().step_of_failure(step).to_owned(),
        kind: fault.key(scenario),
        count,
        first_seconds: seconds(server.first_and_last(step, fault).0),
        last_seconds: seconds(server.first_and_last(step, fault).1),
    };
    let mut failures: Vec<_> = server.failures.iter().map(failure).collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures.truncate(DETAILS_MAX);
    failures
}

/// The servers as a result names them; where the user says how many there are, every path is one.
fn seen(tally: &Tally, expected: Option<u32>) -> Cow<'_, Routing> {
    match expected {
        Some(_) => Cow::Borrowed(&tally.routing),
        None => tally.routing.without_lone_paths(),
    }
}

pub(super) fn result(totals: &Totals, scenario: &Scenario, expected: Option<u32>) -> Ordered<ServerResult> {
    let tally = totals.tally();
    let seen = seen(tally, expected);
    let hashed = seen.hashed(expected.map(|count| count as usize));
    let hashed = hashed.map(|hashed| (hashed.misrouted(), hashed.expected()));
    let server = |(k, server): (usize, &Server)| {
        let result = ServerResult {
            sessions: server.sessions,
            opened: server.opened,
            first_opened_seconds: server.opened_between.map(|(first, _)| seconds(first)),
            last_opened_seconds: server.opened_between.map(|(_, last)| seconds(last)),
            failed: server.failures.total(),
            ping_failed: server.ping_failed,
            failures: server_failures(server, totals, scenario),
            misrouted: hashed.as_ref().map(|(misrouted, _)| misrouted[k]),
            expected: hashed.as_ref().map(|(_, expected)| expected[k]),
        };
        (server.url.clone(), result)
    };
    let mut servers: Vec<_> = seen.servers().iter().enumerate().map(server).collect();
    // Workers report in any order; the result should not depend on it.
    servers.sort_by(|left, right| left.0.cmp(&right.0));
    Ordered(servers)
}

pub(super) fn routing(tally: &Tally, expected: Option<u32>) -> RoutingResult {
    let seen = seen(tally, expected);
    let hashed = seen.hashed(expected.map(|count| count as usize));
    let why = match (&hashed, expected, seen.servers().len()) {
        (Some(_), Some(expected), _) => Reason::RoutingExpected.with(expected.to_string()),
        (Some(_), None, _) => Reason::RoutingJudged.into(),
        (None, _, 0) => Reason::NoServer.into(),
        (None, None, 1) => Reason::NothingToChoose.into(),
        (None, ..) => Reason::RoutingTooMany.into(),
    };
    RoutingResult {
        expected_servers: expected,
        misrouted: hashed.as_ref().map(|hashed| hashed.misrouted().iter().sum()),
        why,
        beyond: seen.beyond(),
        moves: hashed.iter().flat_map(|hashed| moves(hashed, &seen)).collect(),
    }
}

fn moves(hashed: &Hashed, routing: &Routing) -> Vec<MoveResult> {
    let url = |k: usize| routing.servers()[k].url.clone();
    let moves = hashed.moves().into_iter();
    moves
        .map(|Move { home, to, sessions }| MoveResult { home: home.map(url), server: url(to), sessions })
        .collect()
}
