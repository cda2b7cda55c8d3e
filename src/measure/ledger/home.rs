//! At which server each session of the run is, by name.
//!
//! Workers number servers each in their own order; here all have one. Invariant: at most [`SERVERS_MAX`]
//! are told apart, those with the most sessions.

use std::collections::HashMap;

use super::board::Board;
use crate::measure::servers::{ServerIndex, ServerNames};
use crate::members::SessionNumber;

/// Servers told apart.
pub const SERVERS_MAX: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Homes {
    names: Vec<String>,
    by_session: Vec<u8>,
}

impl Homes {
    /// Of the sessions that have opened; session k is worker `k % workers.len()`'s.
    pub fn new(board: &Board, sessions: u32, workers: &[ServerNames]) -> Self {
        let name = |session: SessionNumber| {
            let index = board.server(session);
            workers.get(session.index() % workers.len().max(1)).and_then(|names| names.name(index))
        };
        Self::by_name(sessions, name)
    }

    /// Of sessions whose servers have these names.
    pub fn by_name<'n>(sessions: u32, name: impl Fn(SessionNumber) -> Option<&'n str>) -> Self {
        let all = || (0..sessions).map(SessionNumber);
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for name in all().filter_map(&name) {
            *counts.entry(name).or_default() += 1;
        }
        let mut counts: Vec<(&str, u32)> = counts.into_iter().collect();
        counts.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
        let mut names: Vec<&str> = counts.into_iter().map(|(name, _)| name).take(SERVERS_MAX).collect();
        names.sort_unstable();
        let index = |name: &str| names.iter().position(|known| *known == name).map(|k| k as u8);
        let by_session = all().map(|k| name(k).and_then(index).unwrap_or(ServerIndex::NONE.0)).collect();
        Self { by_session, names: names.into_iter().map(str::to_owned).collect() }
    }

    /// The servers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A session's server: its place among the names.
    pub fn of(&self, session: SessionNumber) -> Option<usize> {
        let index = usize::from(*self.by_session.get(session.index())?);
        (index < self.names.len()).then_some(index)
    }
}
