//! Members as a plan file keeps them: spans of consecutive ids with their challenge, `13-6012@38`.
//!
//! The guide's CSV files shrink to a line each and any other list stays exact, so a plan file
//! repeats its run without the files that it came from. Invariant: ids are unique and no span is
//! empty.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use startline_os::units::grouped;

use super::members::{MemberId, Members, SessionNumber};

/// Members in the order of their sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Span>", into = "Vec<Span>")]
pub struct Roster {
    spans: Vec<Span>,
}

/// Consecutive ids in one challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    first: u64,
    last: u64,
    challenge: u64,
}

/// Why members cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// There are fewer members than sessions.
    #[error(
        "{} members are given for {} sessions: give more members, --sessions {given}, or --recycle to use them again",
        grouped(*given), grouped((*asked).into())
    )]
    TooFew {
        /// Members there are.
        given: u64,
        /// Sessions that the user asked for.
        asked: u32,
    },
    /// There are more members than sessions can be numbered.
    #[error("{} members are more than {} sessions", grouped(*given), u32::MAX)]
    TooMany {
        /// Members there are.
        given: u64,
    },
    /// A plan file names a member twice.
    #[error("member {0} is listed twice")]
    Twice(MemberId),
    /// A plan file's span is not one.
    #[error("{0:?} is not members with their challenge, such as 13-6012@38")]
    NotASpan(String),
}

impl Roster {
    /// Makes the ids from `first` to `last` in one challenge.
    pub fn range(first: u64, last: u64, challenge: u64) -> Self {
        Self { spans: vec![Span { first, last: last.max(first), challenge }] }
    }

    /// Takes listed members with their challenges, whose ids must be unique already.
    pub fn listed(rows: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut spans: Vec<Span> = Vec::new();
        for (id, challenge) in rows {
            match spans.last_mut() {
                Some(span) if span.challenge == challenge && span.last.checked_add(1) == Some(id) => {
                    span.last = id;
                }
                _ => spans.push(Span { first: id, last: id, challenge }),
            }
        }
        Self { spans }
    }

    /// Returns the members of these sessions alone, with their rows.
    ///
    /// # Errors
    /// As [`Roster::members`].
    pub fn picked(members: &Members, sessions: &[usize]) -> Result<Members, RosterError> {
        let row = |(place, session): (usize, &usize)| {
            let session = SessionNumber(*session as u32);
            // Where ids are text, a member's number is its place.
            let id = if members.has_text_ids() { place as u64 } else { members.id(session).0 };
            (id, members.challenge(session))
        };
        let picked = Self::listed(sessions.iter().enumerate().map(row)).members()?;
        Ok(picked.with_rows(Arc::new(members.rows_of(sessions))))
    }

    /// Returns those that are one shard's, by their numbers in the whole.
    ///
    /// # Errors
    /// As [`Roster::members`].
    pub fn shared(members: &Members, numbers: Vec<u32>) -> Result<Members, RosterError> {
        let step = numbers.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(1);
        let is_even = numbers.windows(2).all(|pair| pair[1] - pair[0] == step);
        let own = match (members.only_range(), numbers.first()) {
            (Some((first, challenge)), Some(number)) if is_even => {
                let first = MemberId(first.0 + u64::from(*number));
                Members::spaced(first, numbers.len() as u32, step, challenge)
            }
            _ => {
                let places: Vec<usize> = numbers.iter().map(|number| *number as usize).collect();
                Self::picked(members, &places)?
            }
        };
        Ok(own.numbered(numbers.into()))
    }

    /// Moves all of them to another challenge.
    pub fn in_challenge(&self, challenge: u64) -> Self {
        Self { spans: self.spans.iter().map(|span| Span { challenge, ..*span }).collect() }
    }

    /// Returns the challenge of all of them, if they share one.
    pub fn only_challenge(&self) -> Option<u64> {
        let first = self.spans.first()?.challenge;
        self.spans.iter().all(|span| span.challenge == first).then_some(first)
    }

    /// Returns how many there are.
    pub fn len(&self) -> u64 {
        self.spans.iter().fold(0, |sum: u64, span| sum.saturating_add(span.len()))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns their number as one of sessions.
    ///
    /// # Errors
    /// More than can be numbered.
    pub fn sessions(&self) -> Result<u32, RosterError> {
        u32::try_from(self.len()).map_err(|_| RosterError::TooMany { given: self.len() })
    }

    /// Returns the first `sessions` of them.
    ///
    /// # Errors
    /// There are fewer.
    pub fn first(&self, sessions: u32) -> Result<Self, RosterError> {
        if self.len() < u64::from(sessions) {
            return Err(RosterError::TooFew { given: self.len(), asked: sessions });
        }
        let mut left = u64::from(sessions);
        let mut spans = Vec::new();
        for span in &self.spans {
            if left == 0 {
                break;
            }
            let taken = span.len().min(left);
            spans.push(Span { last: span.first + (taken - 1), ..*span });
            left -= taken;
        }
        Ok(Self { spans })
    }

    /// Returns all but the first `count` of them.
    pub fn skip(&self, count: u64) -> Self {
        let mut left = count;
        let mut spans = Vec::new();
        for span in &self.spans {
            let skipped = span.len().min(left);
            left -= skipped;
            if skipped < span.len() {
                spans.push(Span { first: span.first + skipped, ..*span });
            }
        }
        Self { spans }
    }

    /// Returns the members as the engine uses them.
    ///
    /// # Errors
    /// A member is listed twice, or there are too many.
    pub fn members(&self) -> Result<Members, RosterError> {
        let count = self.sessions()?;
        if let [span] = self.spans[..] {
            return Ok(Members::range(MemberId(span.first), count, span.challenge));
        }
        let rows = self
            .spans
            .iter()
            .flat_map(|span| (span.first..=span.last).map(|id| (MemberId(id), span.challenge)));
        Members::listed(rows).map_err(RosterError::Twice)
    }

    /// Returns how many of them are in each challenge; they receive broadcasts only of each other.
    pub fn groups(&self) -> BTreeMap<u64, u64> {
        let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
        for span in &self.spans {
            let size = sizes.entry(span.challenge).or_default();
            *size = size.saturating_add(span.len());
        }
        sizes
    }
}

impl fmt::Display for Roster {
    /// Writes `13-6012 in challenge 38`, or the size of a list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spans[..] {
            [Span { first, last, challenge }] => write!(f, "{first}-{last} in challenge {challenge}"),
            _ => {
                let groups = self.groups().len();
                let plural = if groups == 1 { "" } else { "s" };
                write!(f, "{} listed in {} challenge{plural}", grouped(self.len()), grouped(groups as u64))
            }
        }
    }
}

impl TryFrom<Vec<Span>> for Roster {
    type Error = RosterError;

    fn try_from(spans: Vec<Span>) -> Result<Self, RosterError> {
        let mut sorted = spans.clone();
        sorted.sort_by_key(|span| span.first);
        match sorted.windows(2).find(|pair| pair[1].first <= pair[0].last) {
            Some(pair) => Err(RosterError::Twice(MemberId(pair[1].first))),
            None => Ok(Self { spans }),
        }
    }
}

impl From<Roster> for Vec<Span> {
    fn from(roster: Roster) -> Self {
        roster.spans
    }
}

impl Span {
    fn len(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.first, self.last, self.challenge)
    }
}

impl FromStr for Span {
    type Err = RosterError;

    fn from_str(text: &str) -> Result<Self, RosterError> {
        let read = || {
            let (ids, challenge) = text.split_once('@')?;
            let (first, last) = ids.split_once('-')?;
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(Span { first, last, challenge: challenge.parse().ok()? })
        };
        read().ok_or_else(|| RosterError::NotASpan(text.to_owned()))
    }
}

impl TryFrom<String> for Span {
    type Error = RosterError;

    fn try_from(text: String) -> Result<Self, RosterError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Rows;
    use super::*;

    fn texts(roster: &Roster) -> Vec<String> {
        roster.spans.iter().map(Span::to_string).collect()
    }

    #[test]
    fn consecutive_rows_become_spans_and_keep_their_order() {
        let rows = [(20, 38), (21, 38), (13, 38), (14, 38), (15, 39)];
        let roster = Roster::listed(rows);
        assert_eq!(texts(&roster), ["20-21@38", "13-14@38", "15-15@39"]);
        let members = roster.members().expect("unique");
        let back: Vec<(u64, u64)> =
            (0..5).map(SessionNumber).map(|k| (members.id(k).0, members.challenge(k))).collect();
        assert_eq!(back, rows);
    }

    #[test]
    fn the_first_n_are_taken() {
        let roster = Roster::listed([(1, 7), (2, 7), (5, 7), (6, 7)]);
        assert_eq!(texts(&roster.first(3).expect("enough")), ["1-2@7", "5-5@7"]);
        assert_eq!(texts(&roster.first(2).expect("enough")), ["1-2@7"]);
        assert_eq!(
            roster.first(6000).expect_err("too few").to_string(),
            "4 members are given for 6,000 sessions: give more members, --sessions 4, or --recycle to use them again"
        );
    }

    #[test]
    fn the_first_n_are_left_out() {
        let roster = Roster::listed([(1, 7), (2, 7), (5, 7), (6, 7)]);
        assert_eq!(texts(&roster.skip(1)), ["2-2@7", "5-6@7"]);
        assert_eq!(texts(&roster.skip(3)), ["6-6@7"]);
        assert!(roster.skip(4).is_empty() && roster.skip(9).is_empty());
    }

    #[test]
    fn one_span_is_a_range() {
        let roster = Roster::range(13, 6012, 38);
        assert_eq!(roster.to_string(), "13-6012 in challenge 38");
        assert_eq!(roster.members().expect("fine").only_challenge(), Some(38));
        assert_eq!(roster.len(), 6000);
    }

    #[test]
    fn a_plan_file_s_spans_are_checked() {
        let read = |texts: &[&str]| -> Result<Roster, RosterError> {
            let spans: Result<Vec<Span>, _> = texts.iter().map(|text| text.parse()).collect();
            Roster::try_from(spans?)
        };
        assert_eq!(read(&["1-5@7", "6-9@7"]).map(|roster| roster.len()), Ok(9));
        assert_eq!(read(&["6-9@7", "1-6@7"]), Err(RosterError::Twice(MemberId(6))));
        for text in ["", "1-5", "5-1@7", "a-b@7", "1@7"] {
            assert_eq!(read(&[text]), Err(RosterError::NotASpan(text.into())));
        }
    }

    #[test]
    fn members_of_some_sessions_keep_their_rows() {
        let mut rows = Rows::new(&[false, true, false], Some(0));
        [["anna", "1"], ["ben", "2"], ["cleo", "3"]].iter().for_each(|row| rows.push(*row));
        let all = Members::range(MemberId(0), 3, 38).with_rows(Arc::new(rows.finish()));
        let picked = Roster::picked(&all, &[2, 0]).expect("they are there");
        let first = SessionNumber(0);
        assert_eq!((picked.len(), picked.challenge(first), picked.cell(first, 1)), (2, 38, Some("3")));
        assert_eq!(picked.name_of(SessionNumber(1)).to_string(), "anna");
        let numbers = Roster::picked(&Roster::range(13, 20, 38).members().expect("a range"), &[0, 1, 5]);
        let numbers = numbers.expect("they are there");
        assert_eq!((numbers.id(SessionNumber(2)), numbers.len()), (MemberId(18), 3));
    }

    #[test]
    fn groups_are_by_challenge() {
        let groups = Roster::listed([(1, 7), (5, 8), (2, 7)]).groups();
        assert_eq!(groups.into_iter().collect::<Vec<_>>(), [(7, 2), (8, 1)]);
    }

    #[test]
    fn the_largest_ids_do_no_harm() {
        let roster = Roster::range(0, u64::MAX, 1);
        assert!(matches!(roster.sessions(), Err(RosterError::TooMany { .. })));
        assert_eq!(Roster::listed([(u64::MAX - 1, 1), (u64::MAX, 1)]).len(), 2);
    }
}
