//! The taken values that sessions keep while they are open: those that a later message uses.
//!
//! Beside the sessions, so that a session of a scenario that keeps none costs nothing for it. Invariant:
//! a session that is over has none here.

use crate::scenario::template::Taken;

/// Kept values of a worker's sessions, by row.
#[derive(Debug, Default)]
pub struct Vault {
    rows: Vec<Box<[u8]>>,
}

/// What a session's place costs, besides its values and two bytes for each.
pub const PLACE_BYTES: usize = size_of::<Box<[u8]>>();

impl Vault {
    /// Keeps the values of these indices for a session.
    pub(super) fn keep(&mut self, row: u32, taken: &[String], kept: &[u8]) {
        if kept.is_empty() {
            return;
        }
        let row = row as usize;
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, Box::default);
        }
        self.rows[row] = Taken::pack(taken, kept);
    }

    /// The values of a session.
    pub(super) fn of(&self, row: u32) -> &[u8] {
        self.rows.get(row as usize).map_or(&[], |kept| kept)
    }

    /// Forgets them.
    pub(super) fn forget(&mut self, row: u32) {
        if let Some(kept) = self.rows.get_mut(row as usize) {
            *kept = Box::default();
        }
    }

    /// Bytes kept for a session, besides its place.
    pub fn bytes_of(&self, row: u32) -> usize {
        self.of(row).len()
    }

    /// Whether it keeps nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(|kept| kept.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_until_it_is_forgotten() {
        let mut vault = Vault::default();
        let taken = ["token".to_owned(), "a long one".repeat(900), String::new(), "room".to_owned()];
        let kept = [1, 3];
        vault.keep(2, &taken, &kept);
        vault.keep(0, &taken, &[]);
        let value = |vault: &Vault, row, index| {
            let bytes = vault.of(row);
            Taken::Packed { count: 4, kept: &kept, bytes }.get(index).map(str::to_owned)
        };
        assert_eq!(value(&vault, 2, 3).as_deref(), Some("room"));
        assert_eq!(value(&vault, 2, 1).map(|it| it.len()), Some(9_000));
        assert_eq!((value(&vault, 2, 0), value(&vault, 0, 3), value(&vault, 9, 3)), (None, None, None));
        vault.forget(2);
        assert!(vault.is_empty());
    }
}
