//! The ledger of broadcasts: every pair of an observer and a member that it has to learn of.
//!
//! Each observer must learn of each other member at least once, in the open message's list or by an
//! announcement. Knows member numbers only, no messages. [`Ledger`] is what a worker writes as messages
//! come, [`close()`] judges those of all workers, [`Shape`] is what a loss looks like. Invariant: totals
//! come from pairs, so a loss can never cancel a duplicate.

mod bits;
mod blocks;
mod board;
mod close;
mod fan_out;
mod home;
mod pairs;
mod returning;
mod rows;
mod set;
mod shape;
mod sum;

pub use board::Board;
pub use close::{LedgerTotals, close};
pub use fan_out::Pattern;
pub use home::Homes;
pub use pairs::{Ledger, LedgerCounts};
pub use set::SessionSet;
pub use shape::{Closing, Leg, Owed, Reach, Receivers, Shape, Slice, Spread, Stages};

use crate::members::SessionNumber;

/// Which of `sessions` observe, when this many do: evenly spread ones.
pub fn observers(sessions: u32, count: u32) -> Vec<SessionNumber> {
    let (all, count) = (u64::from(sessions), u64::from(count.min(sessions)));
    (0..count).map(|k| SessionNumber((k * all / count) as u32)).collect()
}

/// Memory of the ledgers of this many workers together, in bytes: two bits a pair, four where members come
/// again, where rows are found, and the board.
pub fn bytes(sessions: u32, observers: u32, workers: usize, returns: bool) -> u64 {
    let (words, observers) = (u64::from(sessions).div_ceil(64), u64::from(observers));
    let listed = observers * words * 8;
    let announced = observers * u64::from(sessions) / 8 + 16 * workers as u64;
    let rows = words * rows::BYTES_PER_WORD * workers as u64;
    let again = if returns { 2 * announced + u64::from(sessions) * workers as u64 } else { 0 };
    listed + announced + again + rows + u64::from(sessions) * board::BITS_PER_SESSION / 8
}

#[cfg(test)]
mod tests;
