//! Test members as SQL: the import, the clean-up, and the query that shows their ids.
//!
//! Text to a writer; knows no database and no file. Invariants: what is written takes effect as a whole or not at all, also where a client
//! goes on after an error; no member is deleted that is not named in full; no statement is longer than [`STATEMENT_BYTES_MAX`].

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::RangeInclusive;

use startline_os::units;

/// What a column of these takes: varchar(255) counts characters, not bytes.
const COLUMN_CHARS_MAX: usize = 255;
/// Members a statement.
const BATCH: usize = 100;
/// The maximum length of a statement: no default `max_allowed_packet` of a server or client is smaller.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// Where a pattern has the member's number.
pub const NUMBER: &str = "{i}";
/// Marks the `_` and `%` of a LIKE that stand for themselves. Not a backslash, which means nothing in some sql_modes.
const LIKE_ESCAPE: char = '|';
/// A `social_uid` as bytes, whatever character set its column has.
const BYTES: &str = "CAST(CONVERT(`social_uid` USING utf8mb4) AS BINARY)";

/// Where Runnity keeps participations, by `member_id`: its foreign key stops the clean-up of members who have joined.
const PARTICIPATIONS: &str = "`challenge_participation`";

/// The session as the files need it: nicknames survive whatever the client's character set is, and what does not fit is refused, not cut.
const BEGIN: &str = "\
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
START TRANSACTION;
";

/// Ends the transaction either way, so that a client that goes on after an error leaves nothing half done.
const END: &str = "\
PREPARE startline_end FROM @startline_end;
EXECUTE startline_end;
DEALLOCATE PREPARE startline_end;
ROLLBACK;
";

/// What the members are to be, as it was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How many.
    pub count: u32,
    /// The number of the first one.
    pub first: u64,
    /// What `social_uid` has before the number.
    pub prefix: String,
    /// `social_type`.
    pub social_type: String,
    /// `email`, with [`NUMBER`] in it.
    pub email: String,
    /// `nickname`, with [`NUMBER`] in it.
    pub nickname: String,
    /// The clean-up deletes their participations, too.
    pub with_participations: bool,
}

/// Members that a table can hold: numbered, each with a `social_uid` of its own.
#[derive(Clone, Debug)]
pub struct TestMembers(Wanted);

/// Why there can be no such members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// A bare number may be a real member's `social_uid`.
    #[error(
        "--prefix is empty, and bare numbers may be the social_uid of real members: write what only test members have, such as test_uid_"
    )]
    EmptyPrefix,
    /// A `social_type` of nothing.
    #[error("--social-type is empty: write what the column has for test members, such as TEST")]
    EmptySocialType,
    /// A pattern that gives all members the same value.
    #[error(
        "{option} {pattern:?} has no {{i}}, so that all members would have the same: write {{i}} where the number goes"
    )]
    NoNumber {
        /// The option.
        option: &'static str,
        /// As it was given.
        pattern: String,
    },
    /// The number goes behind the prefix by itself.
    #[error("--prefix {0:?} has {{i}} in it: write only what comes before the number, such as test_uid_")]
    NumberInPrefix(String),
    /// More members than numbers.
    #[error("--first {first} leaves no numbers for --count {count}: the last one would be over {}", u64::MAX)]
    NumbersEnd {
        /// The first number.
        first: u64,
        /// How many were asked for.
        count: u32,
    },
    /// More characters than the column takes.
    #[error(
        "{option} is too long: {column} would have {chars} characters, and the column takes {COLUMN_CHARS_MAX}"
    )]
    TooLong {
        /// The option.
        option: &'static str,
        /// The column.
        column: &'static str,
        /// With the largest number.
        chars: usize,
    },
}

impl TestMembers {
    /// Members as they were asked for.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn new(wanted: Wanted) -> Result<Self, WantedError> {
        if wanted.prefix.is_empty() {
            return Err(WantedError::EmptyPrefix);
        }
        if wanted.prefix.contains(NUMBER) {
            return Err(WantedError::NumberInPrefix(wanted.prefix));
        }
        if wanted.social_type.is_empty() {
            return Err(WantedError::EmptySocialType);
        }
        for (option, pattern) in [("--email", &wanted.email), ("--nickname", &wanted.nickname)] {
            if !pattern.contains(NUMBER) {
                return Err(WantedError::NoNumber { option, pattern: pattern.clone() });
            }
        }
        if wanted.first.checked_add(u64::from(wanted.count) - 1).is_none() {
            return Err(WantedError::NumbersEnd { first: wanted.first, count: wanted.count });
        }
        let members = Self(wanted);
        let last = *members.numbers().end();
        for (option, column, value) in [
            ("--prefix", "social_uid", members.social_uid(last)),
            ("--social-type", "social_type", members.0.social_type.clone()),
            ("--email", "email", members.email(last)),
            ("--nickname", "nickname", members.nickname(last)),
        ] {
            let chars = value.chars().count();
            if chars > COLUMN_CHARS_MAX {
                return Err(WantedError::TooLong { option, column, chars });
            }
        }
        Ok(members)
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.count
    }

    /// Whether the clean-up deletes their participations, too.
    pub fn with_participations(&self) -> bool {
        self.0.with_participations
    }

    /// The `social_uid` of the first and of the last one.
    pub fn ends(&self) -> (String, String) {
        (self.social_uid(self.0.first), self.social_uid(*self.numbers().end()))
    }

    fn numbers(&self) -> RangeInclusive<u64> {
        self.0.first..=self.0.first + (u64::from(self.0.count) - 1)
    }

    fn social_uid(&self, i: u64) -> String {
        format!("{}{i}", self.0.prefix)
    }

    fn email(&self, i: u64) -> String {
        self.0.email.replace(NUMBER, &i.to_string())
    }

    fn nickname(&self, i: u64) -> String {
        self.0.nickname.replace(NUMBER, &i.to_string())
    }

    /// How many they are, in words.
    fn test_members(&self) -> String {
        units::counted(self.0.count.into(), "test member", "test members")
    }

    /// Writes the SQL that creates all of them, or none if one already exists.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write_import(&self, out: &mut dyn Write) -> io::Result<()> {
        let count = self.0.count;
        writeln!(
            out,
            "-- Creates {}: all of them, or none if one of them already exists.",
            self.test_members()
        )?;
        writeln!(out, "-- The last line that this shows says which, and the members' ids.")?;
        writeln!(out, "{BEGIN}SET @startline_before = {};", self.counted())?;
        self.each_batch(|numbers| {
            writeln!(
                out,
                "INSERT INTO `member` (`social_uid`, `email`, `social_type`, `nickname`, `is_deleted`, `created_at`, `updated_at`) VALUES"
            )?;
            let rows: Vec<String> = numbers.iter().map(|i| self.row(*i)).collect();
            writeln!(out, "{};", rows.join(",\n"))
        })?;
        writeln!(out, "SET @startline_after = {};", self.counted())?;
        writeln!(
            out,
            "SET @startline_end = IF(@startline_before = 0 AND @startline_after = {count}, 'COMMIT', 'DO 0');"
        )?;
        writeln!(out, "{END}SELECT {},", outcome("imported"))?;
        writeln!(out, "{};", self.ids())
    }

    /// Writes the SQL that deletes all of them, and no other members.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write_clean_up(&self, out: &mut dyn Write) -> io::Result<()> {
        let (of, another) = match self.0.with_participations {
            true => (" with their participations", format!("another table than {PARTICIPATIONS}")),
            false => ("", "another table".to_owned()),
        };
        writeln!(
            out,
            "-- Deletes {}{of} and no other members: all that exist, or none.",
            self.test_members()
        )?;
        writeln!(
            out,
            "-- None are deleted while rows of {another} refer to one of them: the error names the table."
        )?;
        writeln!(out, "{BEGIN}SET @startline_before = {};", self.counted())?;
        if self.0.with_participations {
            let theirs = format!("`member_id` IN (SELECT `member_id` FROM `member` WHERE {})", self.ours());
            writeln!(
                out,
                "SET @startline_participations = (SELECT COUNT(*) FROM {PARTICIPATIONS} WHERE {theirs});"
            )?;
            writeln!(out, "DELETE FROM {PARTICIPATIONS} WHERE {theirs};")?;
        }
        let social_type = literal(&self.0.social_type);
        self.each_batch(|numbers| {
            let uids: Vec<String> = numbers.iter().map(|i| literal(&self.social_uid(*i))).collect();
            let uids = uids.join(",\n");
            // The first list finds rows by the key; the second compares bytes, so that no member is taken for one whose
            // social_uid differs in case, in accents or in spaces at its end.
            writeln!(
                out,
                "DELETE FROM `member` WHERE `social_type` = {social_type} AND `social_uid` IN (\n{uids}\n)"
            )?;
            writeln!(out, "AND {BYTES} IN (\n{uids}\n);")
        })?;
        writeln!(out, "SET @startline_after = {};", self.counted())?;
        writeln!(out, "SET @startline_end = IF(@startline_after = 0, 'COMMIT', 'DO 0');")?;
        writeln!(out, "{END}SELECT {},", outcome("deleted"))?;
        let deleted = |what: &str| format!("IF(@startline_end = 'COMMIT', @startline_{what}, 0)");
        if self.0.with_participations {
            writeln!(out, "  {} AS `participations`,", deleted("participations"))?;
        }
        writeln!(out, "  {} AS `members`;", deleted("before"))
    }

    /// The query that shows the members' ids: first, last, how many, and whether there are gaps.
    pub fn query(&self) -> String {
        format!("SELECT {};", self.ids().trim_start())
    }

    fn ids(&self) -> String {
        format!(
            "  MIN(`member_id`) AS `first_id`, MAX(`member_id`) AS `last_id`, COUNT(*) AS `members`,
  IF(MAX(`member_id`) - MIN(`member_id`) + 1 = COUNT(*), 'yes', 'no') AS `consecutive`
FROM `member` WHERE {}",
            self.ours()
        )
    }

    fn counted(&self) -> String {
        format!("(SELECT COUNT(*) FROM `member` WHERE {})", self.ours())
    }

    /// True of exactly these members. The LIKE is for the key alone: the last line decides, by bytes.
    fn ours(&self) -> String {
        let (prefix, numbers) = (&self.0.prefix, self.numbers());
        let number = format!("CAST(SUBSTRING(`social_uid`, {}) AS UNSIGNED)", prefix.chars().count() + 1);
        format!(
            "`social_type` = {} AND `social_uid` LIKE {} ESCAPE '{LIKE_ESCAPE}'
  AND {number} BETWEEN {} AND {}
  AND {BYTES} = CONCAT({}, {number})",
            literal(&self.0.social_type),
            literal(&like_prefix(prefix)),
            numbers.start(),
            numbers.end(),
            literal(prefix)
        )
    }

    fn row(&self, i: u64) -> String {
        format!(
            "({}, {}, {}, {}, 0, NOW(6), NOW(6))",
            literal(&self.social_uid(i)),
            literal(&self.email(i)),
            literal(&self.0.social_type),
            literal(&self.nickname(i))
        )
    }

    fn each_batch(&self, mut write: impl FnMut(&[u64]) -> io::Result<()>) -> io::Result<()> {
        let mut numbers = self.numbers().peekable();
        while numbers.peek().is_some() {
            let batch: Vec<u64> = numbers.by_ref().take(BATCH).collect();
            write(&batch)?;
        }
        Ok(())
    }
}

/// How the transaction ended, as a column.
fn outcome(committed: &str) -> String {
    format!("IF(@startline_end = 'COMMIT', '{committed}', 'refused, nothing was changed') AS `outcome`")
}

/// A text as SQL has it, whatever is in it. What a backslash means depends on the session (NO_BACKSLASH_ESCAPES), and what becomes of
/// control characters on the client: a text with either is written in hexadecimal.
fn literal(text: &str) -> String {
    if text.contains('\\') || text.contains(char::is_control) {
        let mut hexadecimal = String::from("_utf8mb4 X'");
        for byte in text.bytes() {
            let _ = write!(hexadecimal, "{byte:02X}");
        }
        return hexadecimal + "'";
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// What LIKE wants to see for whatever begins with this.
fn like_prefix(prefix: &str) -> String {
    let mut pattern = String::new();
    for char in prefix.chars() {
        if ['_', '%', LIKE_ESCAPE].contains(&char) {
            pattern.push(LIKE_ESCAPE);
        }
        pattern.push(char);
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guide(count: u32) -> Wanted {
        Wanted {
            count,
            first: 1,
            prefix: "test_uid_".into(),
            social_type: "TEST".into(),
            email: "test{i}@test.com".into(),
            nickname: "테스트유저{i}".into(),
            with_participations: false,
        }
    }

    fn import(wanted: Wanted) -> String {
        let mut out = Vec::new();
        TestMembers::new(wanted).expect("members").write_import(&mut out).expect("into memory");
        String::from_utf8(out).expect("text")
    }

    fn clean_up(wanted: Wanted) -> String {
        let mut out = Vec::new();
        TestMembers::new(wanted).expect("members").write_clean_up(&mut out).expect("into memory");
        String::from_utf8(out).expect("text")
    }

    fn refusal(change: impl FnOnce(&mut Wanted)) -> String {
        let mut wanted = guide(10);
        change(&mut wanted);
        TestMembers::new(wanted).expect_err("refused").to_string()
    }

    #[test]
    fn an_insert_has_a_hundred_rows_and_the_last_one_the_rest() {
        let text = import(guide(250));
        let inserts: Vec<&str> = text.split("INSERT INTO").skip(1).collect();
        let rows: Vec<usize> =
            inserts.iter().map(|insert| insert.matches("NOW(6), NOW(6))").count()).collect();
        assert_eq!(rows, [100, 100, 50]);
        assert!(
            text.contains("\n('test_uid_1', 'test1@test.com', 'TEST', '테스트유저1', 0, NOW(6), NOW(6)),\n")
        );
        assert!(text.contains(
            "\n('test_uid_250', 'test250@test.com', 'TEST', '테스트유저250', 0, NOW(6), NOW(6));\n"
        ));
    }

    #[test]
    fn numbers_begin_where_they_are_told_to() {
        let members = TestMembers::new(Wanted { first: 10_001, ..guide(1000) }).expect("members");
        assert_eq!(members.ends(), ("test_uid_10001".into(), "test_uid_11000".into()));
        let last = TestMembers::new(Wanted { first: u64::MAX, ..guide(1) }).expect("the last number of all");
        assert_eq!(last.ends().1, format!("test_uid_{}", u64::MAX));
    }

    #[test]
    fn the_clean_up_names_every_member_once_a_list() {
        let text = clean_up(guide(150));
        assert_eq!(text.matches("DELETE FROM").count(), 2);
        for i in 1..=150 {
            assert_eq!(text.matches(&format!("\n'test_uid_{i}'")).count(), 2, "{i}");
        }
        assert!(!text.contains("'test_uid_151'") && !text.contains("'test_uid_0'"));
    }

    #[test]
    fn quotes_are_doubled_and_backslashes_are_no_text() {
        assert_eq!(literal("o'clock"), "'o''clock'");
        assert_eq!(literal("%_\"`"), "'%_\"`'");
        assert_eq!(literal("a\\'"), "_utf8mb4 X'615C27'");
        assert_eq!(literal("a\n"), "_utf8mb4 X'610A'");
        assert_eq!(like_prefix("50%_|"), "50|%|_||%");
    }

    #[test]
    fn no_statement_is_too_long_for_any_server() {
        // The longest that the columns take, of characters of four bytes, written in hexadecimal.
        let long = |number: &str| format!("\\{}{number}", "🏃".repeat(COLUMN_CHARS_MAX - 1 - 20));
        let wanted = Wanted {
            count: 100,
            first: u64::MAX - 99,
            prefix: long(""),
            social_type: format!("\\{}", "🏃".repeat(COLUMN_CHARS_MAX - 1)),
            email: long(NUMBER),
            nickname: long(NUMBER),
            with_participations: true,
        };
        for text in [import(wanted.clone()), clean_up(wanted)] {
            let longest = text.split(";\n").map(str::len).max().expect("statements");
            assert!(longest > 300_000 && longest < STATEMENT_BYTES_MAX, "{longest}");
        }
    }

    #[test]
    fn what_no_table_could_hold_is_refused() {
        assert!(refusal(|it| it.prefix.clear()).contains("--prefix is empty"));
        assert!(refusal(|it| it.social_type.clear()).contains("--social-type is empty"));
        assert!(refusal(|it| it.prefix = "uid_{i}".into()).contains("only what comes before the number"));
        assert!(refusal(|it| it.email = "x@test.com".into()).contains("--email \"x@test.com\" has no {i}"));
        assert!(refusal(|it| it.nickname = "x".into()).contains("--nickname \"x\" has no {i}"));
        assert_eq!(
            refusal(|it| it.first = u64::MAX - 8),
            "--first 18446744073709551607 leaves no numbers for --count 10: the last one would be over 18446744073709551615"
        );
    }

    #[test]
    fn a_column_s_characters_are_counted_not_its_bytes() {
        let at_most = "유".repeat(COLUMN_CHARS_MAX - 2);
        assert!(TestMembers::new(Wanted { prefix: at_most.clone(), ..guide(99) }).is_ok());
        assert_eq!(
            refusal(|it| (it.prefix, it.count) = (at_most, 100)),
            "--prefix is too long: social_uid would have 256 characters, and the column takes 255"
        );
        assert!(refusal(|it| it.social_type = "T".repeat(256)).contains("social_type would have 256"));
        assert!(refusal(|it| it.email = "{i}".repeat(128)).contains("email would have 256"));
        assert!(
            refusal(|it| it.nickname = format!("{}{{i}}", "유".repeat(254)))
                .contains("nickname would have 256")
        );
    }
}
