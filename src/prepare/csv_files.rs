//! The guide's CSV files: consecutive members, a file for each load generator, no member in two.
//!
//! Writes text to a writer; knows no directory. Invariant: the files' ranges are disjoint, and together they are all members; what is
//! written is what [`crate::plan::member_files`] reads.

use std::io::{self, Write};
use std::ops::RangeInclusive;

/// `member_id` is a bigint.
const ID_MAX: u64 = i64::MAX as u64;

/// All files.
#[derive(Clone, Debug)]
pub struct CsvFiles {
    first_id: u64,
    count: u32,
    challenge: Option<u64>,
    per_file: u32,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFile {
    number: u32,
    ids: RangeInclusive<u64>,
    challenge: Option<u64>,
}

/// Why there can be no such files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--first-id {first_id} leaves no ids for --count {count}: the last one would be over {ID_MAX}, which a bigint ends at"
)]
pub struct IdsEnd {
    /// The first id.
    pub first_id: u64,
    /// How many were asked for.
    pub count: u32,
}

impl CsvFiles {
    /// `count` members from `first_id` on, `per_file` in each file (at least 1); without a challenge the options must name it.
    ///
    /// # Errors
    /// There are fewer ids.
    pub fn new(first_id: u64, count: u32, challenge: Option<u64>, per_file: u32) -> Result<Self, IdsEnd> {
        let last = first_id.checked_add(u64::from(count) - 1);
        last.filter(|last| *last <= ID_MAX).ok_or(IdsEnd { first_id, count })?;
        Ok(Self { first_id, count, challenge, per_file })
    }

    /// The files in order.
    pub fn files(&self) -> impl Iterator<Item = CsvFile> {
        let last = *self.ids().end();
        (0..self.count.div_ceil(self.per_file)).map(move |k| {
            let first = self.first_id + u64::from(k) * u64::from(self.per_file);
            let ids = first..=last.min(first + (u64::from(self.per_file) - 1));
            CsvFile { number: k + 1, ids, challenge: self.challenge }
        })
    }

    /// The ids of all files.
    pub fn ids(&self) -> RangeInclusive<u64> {
        self.first_id..=self.first_id + (u64::from(self.count) - 1)
    }
}

impl CsvFile {
    /// What the guide calls it.
    pub fn name(&self) -> String {
        format!("test_members_{}.csv", self.number)
    }

    /// The members in it.
    pub fn ids(&self) -> RangeInclusive<u64> {
        self.ids.clone()
    }

    /// Writes the header and a row a member.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.challenge {
            Some(challenge) => {
                writeln!(out, "memberId,challengeId")?;
                self.ids.clone().try_for_each(|id| writeln!(out, "{id},{challenge}"))
            }
            None => {
                writeln!(out, "memberId")?;
                self.ids.clone().try_for_each(|id| writeln!(out, "{id}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{MemberId, SessionNumber};
    use crate::plan::member_files::{self, MemberFile};

    fn text(file: &CsvFile) -> String {
        let mut out = Vec::new();
        file.write(&mut out).expect("into memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn files_are_disjoint_and_together_everyone() {
        let files = CsvFiles::new(13, 25, Some(38), 10).expect("files");
        let ranges: Vec<_> = files.files().map(|file| file.ids()).collect();
        assert_eq!(ranges, [13..=22, 23..=32, 33..=37]);
        assert_eq!(files.ids(), 13..=37);
        let names: Vec<_> = files.files().map(|file| file.name()).collect();
        assert_eq!(names, ["test_members_1.csv", "test_members_2.csv", "test_members_3.csv"]);
    }

    #[test]
    fn a_file_that_is_full_has_no_empty_one_behind_it() {
        assert_eq!(CsvFiles::new(1, 20, Some(38), 10).expect("files").files().count(), 2);
        assert_eq!(CsvFiles::new(1, 3, Some(38), u32::MAX).expect("files").files().count(), 1);
    }

    #[test]
    fn what_is_written_is_what_a_run_reads() {
        let files = CsvFiles::new(13, 5, Some(38), 2).expect("files");
        let written: Vec<MemberFile> = files
            .files()
            .map(|file| MemberFile { name: file.name(), bytes: text(&file).into_bytes() })
            .collect();
        assert_eq!(written[2].bytes, b"memberId,challengeId\n17,38\n");
        let members = member_files::read(&written, None).expect("they read").members().expect("members");
        assert_eq!((members.len(), members.only_challenge()), (5, Some(38)));
        assert_eq!(
            (members.id(SessionNumber(0)), members.id(SessionNumber(4))),
            (MemberId(13), MemberId(17))
        );
    }

    #[test]
    fn without_a_challenge_it_is_said_beside_the_files() {
        let file = CsvFiles::new(13, 2, None, 2).expect("files").files().next().expect("one");
        assert_eq!(text(&file), "memberId\n13\n14\n");
        let written = [MemberFile { name: file.name(), bytes: text(&file).into_bytes() }];
        let members = member_files::read(&written, Some(38)).expect("they read").members().expect("members");
        assert_eq!(members.only_challenge(), Some(38));
    }

    #[test]
    fn ids_end_where_a_bigint_does() {
        assert!(CsvFiles::new(ID_MAX, 1, Some(38), 1).is_ok());
        for first_id in [ID_MAX, u64::MAX] {
            let error = CsvFiles::new(first_id, 2, Some(38), 1).expect_err("refused").to_string();
            assert!(error.contains("leaves no ids for --count 2"), "{error}");
        }
    }
}
