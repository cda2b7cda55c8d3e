//! The members of a run: their ids and challenges, from a range or CSV files, and what else their
//! rows say.
//!
//! Invariant: ids are unique; [`Members::index_of`] inverts [`Members::id`], unless sessions use
//! members again.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id by which the servers know a member.
///
/// Where ids are text, it is the member's place among all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MemberId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// The number of a session in its run, from 0; its member has the same among the run's members.
///
/// Not a worker's row: rows count that worker's own sessions, never leave `engine`, and become
/// numbers in `Arrivals::session` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct SessionNumber(pub u32);

impl SessionNumber {
    /// Returns it as a position in a list of sessions or members.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The members of a run; member k belongs to session k, and where there are more sessions, they go
/// round.
#[derive(Clone, Debug)]
pub struct Members {
    ids: Ids,
    challenges: Challenges,
    rows: Arc<Rows>,
    /// Their numbers among the members of the whole plan; `None`: they are all of them.
    numbers: Option<Arc<[u32]>>,
}

#[derive(Clone, Debug)]
enum Ids {
    /// Every `step`-th id.
    Range {
        first: MemberId,
        count: u32,
        step: u32,
    },
    Listed {
        ids: Vec<MemberId>,
        index: HashMap<MemberId, u32, BuildHasherDefault<IdHasher>>,
    },
}

/// Hashes ids by a multiplication: each announcement looks one up, and only the plan's own are kept, so
/// that nobody can make them collide.
#[derive(Clone, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, id: u64) {
        let product = u128::from(self.0 ^ id) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Debug)]
enum Challenges {
    One(u64),
    PerMember(Vec<u64>),
}

impl Members {
    /// Makes `count` consecutive ids from `first`, all in `challenge`.
    pub fn range(first: MemberId, count: u32, challenge: u64) -> Self {
        Self::spaced(first, count, 1, challenge)
    }

    /// Makes `count` ids, every `step`-th from `first` on, all in `challenge`.
    pub fn spaced(first: MemberId, count: u32, step: u32, challenge: u64) -> Self {
        Self {
            ids: Ids::Range { first, count, step },
            challenges: Challenges::One(challenge),
            rows: Arc::default(),
            numbers: None,
        }
    }

    /// Takes listed members with the challenge of each.
    ///
    /// # Errors
    /// The first id that occurs twice.
    pub fn listed(rows: impl IntoIterator<Item = (MemberId, u64)>) -> Result<Self, MemberId> {
        let (ids, challenges): (Vec<MemberId>, Vec<u64>) = rows.into_iter().unzip();
        let mut index = HashMap::with_capacity_and_hasher(ids.len(), BuildHasherDefault::default());
        for (k, &id) in ids.iter().enumerate() {
            if index.insert(id, k as u32).is_some() {
                return Err(id);
            }
        }
        let challenges = match challenges.first() {
            Some(&one) if challenges.iter().all(|&other| other == one) => Challenges::One(one),
            _ => Challenges::PerMember(challenges),
        };
        Ok(Self { ids: Ids::Listed { ids, index }, challenges, rows: Arc::default(), numbers: None })
    }

    /// Adds what the members' rows say.
    pub fn with_rows(self, rows: Arc<Rows>) -> Self {
        Self { rows, ..self }
    }

    /// Says which of the whole plan's members they are.
    pub fn numbered(self, numbers: Arc<[u32]>) -> Self {
        Self { numbers: Some(numbers), ..self }
    }

    /// Returns the number of session `k` among those of the whole plan: what it draws depends on.
    pub fn number(&self, k: SessionNumber) -> SessionNumber {
        let Some(numbers) = &self.numbers else { return k };
        numbers.get(k.index()).map_or(k, |number| SessionNumber(*number))
    }

    /// Returns what a column says of session `k`'s member.
    pub fn cell(&self, k: SessionNumber, column: usize) -> Option<&str> {
        self.rows.cell(self.place(k), column)
    }

    /// Returns whether their ids are text.
    pub fn has_text_ids(&self) -> bool {
        self.rows.has_text_ids()
    }

    /// Returns the member whose id this is, where ids may be text.
    pub fn find(&self, id: &str) -> Option<MemberId> {
        match self.rows.has_text_ids() {
            true => self.rows.find(id).map(|place| MemberId(u64::from(place))),
            false => id.parse().ok(),
        }
    }

    /// Returns the name of the member whose id this is, whether or not it is one of these.
    pub fn name_in(&self, id: &str) -> MemberName {
        let number = if self.has_text_ids() { None } else { id.parse().ok() };
        number.map_or_else(|| MemberName::Text(id.to_owned()), MemberName::Number)
    }

    /// Returns the session of the member of this name.
    pub fn session_of(&self, name: &MemberName) -> Option<SessionNumber> {
        match name {
            MemberName::Number(id) => self.index_of(MemberId(*id)),
            MemberName::Text(id) => self.rows.find(id).map(SessionNumber),
        }
    }

    /// Returns the rows of these sessions' members alone.
    pub fn rows_of(&self, sessions: &[usize]) -> Rows {
        let mut rows = self.rows.without_cells();
        for k in sessions {
            let cells = (0..rows.width).map(|cell| self.rows.at(k * rows.width + cell).unwrap_or_default());
            add(cells, &mut rows.text, &mut rows.ends);
        }
        rows.finish()
    }

    /// Returns the name of a member in results: its id as the servers know it.
    pub fn name(&self, id: MemberId) -> MemberName {
        let text = self.index_of(id).and_then(|k| self.rows.id(k.index()));
        text.map_or(MemberName::Number(id.0), |text| MemberName::Text(text.to_owned()))
    }

    /// Returns the name of session `k`'s member in results.
    pub fn name_of(&self, k: SessionNumber) -> MemberName {
        let text = self.rows.id(self.place(k));
        text.map_or_else(|| self.id(k).into(), |text| MemberName::Text(text.to_owned()))
    }

    /// Returns the rows' size in memory; 0 where there are none.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// The member of session `k`. Only where members are used again it costs a division.
    fn place(&self, k: SessionNumber) -> usize {
        let len = self.len();
        if k.index() < len { k.index() } else { k.index() % len.max(1) }
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        match &self.ids {
            Ids::Range { count, .. } => *count as usize,
            Ids::Listed { ids, .. } => ids.len(),
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the id of session `k`'s member. Panics if there are no members.
    pub fn id(&self, k: SessionNumber) -> MemberId {
        let place = self.place(k);
        match &self.ids {
            Ids::Range { first, step, .. } => MemberId(first.0 + place as u64 * u64::from(*step)),
            Ids::Listed { ids, .. } => ids[place],
        }
    }

    /// Returns the member with this id.
    pub fn index_of(&self, id: MemberId) -> Option<SessionNumber> {
        match &self.ids {
            Ids::Range { first, count, step } => {
                let beyond = id.0.checked_sub(first.0)?;
                let k = match step {
                    1 => beyond,
                    step if beyond.is_multiple_of(u64::from(*step)) => beyond / u64::from(*step),
                    _ => return None,
                };
                (k < u64::from(*count)).then_some(SessionNumber(k as u32))
            }
            Ids::Listed { index, .. } => index.get(&id).map(|&k| SessionNumber(k)),
        }
    }

    /// Returns the challenge of member `k`.
    pub fn challenge(&self, k: SessionNumber) -> u64 {
        match &self.challenges {
            Challenges::One(id) => *id,
            Challenges::PerMember(ids) => ids[self.place(k)],
        }
    }

    /// Returns the first id and the challenge, where ids follow each other and there are no rows.
    pub fn only_range(&self) -> Option<(MemberId, u64)> {
        match (&self.ids, &self.challenges) {
            (Ids::Range { first, step: 1, .. }, Challenges::One(challenge)) if self.rows.is_empty() => {
                Some((*first, *challenge))
            }
            _ => None,
        }
    }

    /// Returns the challenge of all members, if they share one.
    pub fn only_challenge(&self) -> Option<u64> {
        match &self.challenges {
            Challenges::One(id) => Some(*id),
            Challenges::PerMember(_) => None,
        }
    }
}

/// A member in results: its id, a number or text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MemberName {
    /// A number.
    Number(u64),
    /// Text.
    Text(String),
}

impl From<MemberId> for MemberName {
    fn from(id: MemberId) -> Self {
        Self::Number(id.0)
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

/// What members' rows say: a table of text, read-only once made, shared by all workers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// All cells, row by row.
    text: String,
    /// Where each cell ends in it.
    ends: Vec<u32>,
    /// Of each column, its place in a row, if it is kept.
    kept: Vec<Option<u32>>,
    /// Cells of a row.
    width: usize,
    /// The cell in which the id is, where ids are text.
    id: Option<usize>,
    /// Rows in the order of their ids, where these are text.
    by_id: Vec<u32>,
}

impl Rows {
    /// Makes a table of columns, of which those are kept that are used. `id`: the column of text ids, of
    /// which the last of `used` is a second name.
    pub fn new(used: &[bool], id: Option<usize>) -> Self {
        let mut rows = Self::default();
        let (columns, alias) = used.split_at(used.len() - usize::from(id.is_some() && !used.is_empty()));
        for (column, used) in columns.iter().enumerate() {
            let is_kept = *used || id == Some(column);
            rows.kept.push(is_kept.then_some(rows.width as u32));
            rows.width += usize::from(is_kept);
        }
        let id = id.and_then(|id| rows.kept.get(id).copied().flatten());
        rows.kept.extend(alias.iter().map(|_| id));
        rows.id = id.map(|cell| cell as usize);
        rows
    }

    /// Returns whether it keeps nothing.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns all that they say.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether a row has a cell for this column.
    pub fn keeps(&self, column: usize) -> bool {
        self.kept.get(column).is_some_and(Option::is_some)
    }

    /// Adds a row.
    pub fn push<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) {
        let Self { text, ends, kept, .. } = self;
        let kept = cells.into_iter().zip(kept).filter(|(_, kept)| kept.is_some());
        add(kept.map(|(cell, _)| cell), text, ends);
    }

    /// A table of the same columns, with no row.
    fn without_cells(&self) -> Self {
        Self { kept: self.kept.clone(), width: self.width, id: self.id, ..Self::default() }
    }

    /// Gives back what was reserved, and sorts the ids.
    pub fn finish(mut self) -> Self {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        if self.has_text_ids() {
            let mut by_id: Vec<u32> = (0..(self.ends.len() / self.width) as u32).collect();
            by_id.sort_unstable_by_key(|row| self.id(*row as usize));
            self.by_id = by_id;
        }
        self
    }

    fn cell(&self, row: usize, column: usize) -> Option<&str> {
        let place = self.kept.get(column).copied().flatten()?;
        self.at(row * self.width + place as usize)
    }

    fn at(&self, cell: usize) -> Option<&str> {
        let start = cell.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start as usize..*self.ends.get(cell)? as usize)
    }

    fn has_text_ids(&self) -> bool {
        self.id.is_some()
    }

    fn id(&self, row: usize) -> Option<&str> {
        self.at(row * self.width + self.id?)
    }

    fn find(&self, id: &str) -> Option<u32> {
        let found = self.by_id.binary_search_by(|row| self.id(*row as usize).cmp(&Some(id)));
        found.ok().map(|at| self.by_id[at])
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + 4 * (self.ends.capacity() + self.by_id.capacity())
    }
}

/// Adds cells to a table's text.
fn add<'c>(cells: impl Iterator<Item = &'c str>, text: &mut String, ends: &mut Vec<u32>) {
    for cell in cells {
        text.push_str(cell);
        ends.push(text.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_columns_that_are_used() {
        let mut rows = Rows::new(&[false, true, false, true, true], Some(0));
        rows.push(["anna", "pw1", "unused", "x"]);
        rows.push(["ben", "", "unused", "y z"]);
        let members = Members::range(MemberId(0), 2, 1).with_rows(Arc::new(rows.finish()));
        let cell = |k, column| members.cell(SessionNumber(k), column);
        assert_eq!(
            [cell(0, 0), cell(0, 1), cell(0, 2), cell(0, 3)],
            [Some("anna"), Some("pw1"), None, Some("x")]
        );
        assert_eq!([cell(1, 1), cell(1, 3), cell(1, 4)], [Some(""), Some("y z"), Some("ben")]);
        assert_eq!(cell(2, 1), Some("pw1"), "used again");
        assert_eq!(members.find("ben"), Some(MemberId(1)));
        assert_eq!(members.find("bea"), None);
        assert_eq!(members.name(MemberId(1)).to_string(), "ben");
        assert_eq!(members.session_of(&members.name_in("ben")), Some(SessionNumber(1)));
        assert_eq!(members.session_of(&members.name_in("7")), None);
        let ben = Members::range(MemberId(0), 1, 1).with_rows(Arc::new(members.rows_of(&[1])));
        assert_eq!((ben.cell(SessionNumber(0), 3), ben.find("ben")), (Some("y z"), Some(MemberId(0))));
        assert!(members.bytes() < 100, "{}", members.bytes());
    }

    #[test]
    fn a_part_of_a_range_has_every_nth_id_and_knows_its_numbers_in_the_whole() {
        let part = Members::spaced(MemberId(15), 3, 4, 1).numbered(Arc::new([2, 6, 10]));
        let ids: Vec<u64> = (0..3).map(|k| part.id(SessionNumber(k)).0).collect();
        assert_eq!(ids, [15, 19, 23]);
        for id in 0..40 {
            let found = ids.iter().position(|own| *own == id).map(|k| SessionNumber(k as u32));
            assert_eq!(part.index_of(MemberId(id)), found, "{id}");
        }
        assert_eq!(part.number(SessionNumber(1)), SessionNumber(6));
        assert_eq!(Members::range(MemberId(15), 3, 1).number(SessionNumber(1)), SessionNumber(1));
    }

    #[test]
    fn numbers_are_their_own_ids() {
        let members = Members::range(MemberId(13), 2, 1);
        assert_eq!(members.find("14"), Some(MemberId(14)));
        assert_eq!(members.name(MemberId(14)), MemberName::Number(14));
        assert_eq!(members.session_of(&members.name_in("14")), Some(SessionNumber(1)));
        assert_eq!(members.session_of(&members.name_in("x")), None);
        assert_eq!(members.id(SessionNumber(3)), MemberId(14), "used again");
        assert_eq!((members.cell(SessionNumber(0), 0), members.bytes()), (None, 0));
    }
}
