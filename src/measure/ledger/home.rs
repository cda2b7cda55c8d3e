//! At which server each session of the run is, by name.
//!
//! Knows no pairs. Invariant: at most [`SERVERS_MAX`]
//! are told apart, those with the most sessions.

use std::cmp::Reverse;

use crate::measure::servers::ServerIndex;
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
    /// Of sessions by the run's numbers for servers, whose names these are.
    pub fn new(sessions: u32, names: &[String], server: impl Fn(SessionNumber) -> ServerIndex) -> Self {
        let number = |session| usize::from(server(SessionNumber(session)).0);
        let mut counts = vec![0u32; names.len()];
        for k in 0..sessions {
            if let Some(count) = counts.get_mut(number(k)) {
                *count += 1;
            }
        }
        let mut kept: Vec<usize> = (0..names.len()).filter(|k| counts[*k] > 0).collect();
        kept.sort_by_key(|k| (Reverse(counts[*k]), &names[*k]));
        kept.truncate(SERVERS_MAX);
        kept.sort_by_key(|k| &names[*k]);
        let index = |number| kept.iter().position(|known| *known == number).map(|k| k as u8);
        Self {
            by_session: (0..sessions).map(|k| index(number(k)).unwrap_or(ServerIndex::NONE.0)).collect(),
            names: kept.iter().map(|k| names[*k].clone()).collect(),
        }
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
