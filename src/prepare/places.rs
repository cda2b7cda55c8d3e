//! Each member's outcome and its reason: one row per member, kept in a file that `--resume` reads.
//!
//! Knows no server; what answers mean has been decided before. Invariants: a member has one row; a file that was cut short in
//! the middle of a line is read up to there; of several rows of one member the last counts, so that appending is enough.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use crate::members::MemberName;
use crate::plan::member_files::number;

/// The file's columns.
const HEADER: [&str; 5] = ["memberId", "challengeId", "outcome", "reason", "attempts"];

/// A member's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing is known yet.
    Pending,
    /// It was done now.
    Done,
    /// It was so already.
    Already,
    /// Ambiguous: to be looked up.
    Unclear,
    /// The member has a place in another challenge at that time.
    Elsewhere,
    /// The servers refused, and would again.
    Refused,
    /// It failed, and may succeed later.
    Failed,
}

impl Outcome {
    const KEYS: [(Self, &'static str); 7] = [
        (Self::Pending, "pending"),
        (Self::Done, "done"),
        (Self::Already, "already"),
        (Self::Unclear, "unclear"),
        (Self::Elsewhere, "elsewhere"),
        (Self::Refused, "refused"),
        (Self::Failed, "failed"),
    ];

    /// As in the file.
    pub fn key(self) -> &'static str {
        Self::KEYS.iter().find(|(outcome, _)| *outcome == self).map_or("", |(_, key)| key)
    }

    fn of_key(key: &str) -> Option<Self> {
        Self::KEYS.iter().find(|(_, known)| *known == key).map(|(outcome, _)| *outcome)
    }

    /// Nothing is left to do.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Done | Self::Already)
    }
}

/// A member's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub member: MemberName,
    /// The challenge that it is about.
    pub challenge: u64,
    /// How it stands.
    pub outcome: Outcome,
    /// Why: an error's name; empty where nothing went wrong.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// All members' rows, in order.
#[derive(Clone, Debug, Default)]
pub struct Places {
    rows: Vec<Row>,
    index: HashMap<MemberName, usize>,
    /// The number of rows of each outcome, by its index: read every second, of a million rows.
    counts: [usize; Outcome::KEYS.len()],
}

/// Why a file of outcomes cannot be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct PlacesError {
    /// The file, as it was named.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

impl Places {
    /// Members about whom nothing is known yet.
    pub fn of(members: impl IntoIterator<Item = (MemberName, u64)>) -> Self {
        let mut places = Self::default();
        for (member, challenge) in members {
            let outcome = Outcome::Pending;
            places.put(Row { member, challenge, outcome, reason: String::new(), attempts: 0 });
        }
        places
    }

    /// Reads what [`Places::write`] and [`Row::write`] wrote.
    ///
    /// # Errors
    /// The first line that is neither, unless it is the last one and was cut short.
    pub fn read(file: &str, text: &str) -> Result<Self, PlacesError> {
        let error = |line, message: String| PlacesError { file: file.to_owned(), line, message };
        let header = Self::header();
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        if text.is_empty() {
            let what =
                "it is empty, so nothing has begun: remove it, and start anew with --members and --out";
            return Err(error(1, what.to_owned()));
        }
        let mut lines = text[..end].lines().zip(1..);
        match lines.next() {
            Some((first, _)) if first == header => {}
            _ => return Err(error(1, format!("a file of outcomes begins with \"{header}\""))),
        }
        let mut places = Self::default();
        for (line, number) in lines {
            places.put(Row::read(line, places.has_text_ids()).map_err(|message| error(number, message))?);
        }
        // What follows the last line break was being written when its writer was killed, or comes from an editor that leaves it out.
        if let Ok(row) = Row::read(&text[end..], places.has_text_ids()) {
            places.put(row);
        }
        if places.rows.is_empty() {
            let what = "it has a header and no members: remove it, and start anew with --members and --out";
            return Err(error(1, what.to_owned()));
        }
        Ok(places)
    }

    /// As members' files have it: ids are as the first one. `None` where there is none.
    fn has_text_ids(&self) -> Option<bool> {
        self.rows.first().map(|row| matches!(row.member, MemberName::Text(_)))
    }

    /// Takes over what an earlier command's file says of these members.
    ///
    /// # Errors
    /// A member of that file that is none of these, or is in another challenge there.
    pub fn take_over(&mut self, earlier: Self) -> Result<(), String> {
        for row in earlier.rows {
            match self.index.get(&row.member) {
                Some(at) if self.rows[*at].challenge == row.challenge => self.put(row),
                Some(_) => {
                    return Err(format!("member {} is in challenge {} there", row.member, row.challenge));
                }
                None => return Err(format!("member {} is not among the members given", row.member)),
            }
        }
        Ok(())
    }

    /// The first line of a file of them.
    pub fn header() -> String {
        HEADER.join(",")
    }

    fn put(&mut self, row: Row) {
        self.counts[row.outcome as usize] += 1;
        match self.index.get(&row.member) {
            Some(at) => {
                self.counts[self.rows[*at].outcome as usize] -= 1;
                self.rows[*at] = row;
            }
            None => {
                self.index.insert(row.member.clone(), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// All rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Sets a row's outcome.
    pub fn set(&mut self, at: usize, outcome: Outcome, reason: &str) {
        let row = &mut self.rows[at];
        self.counts[row.outcome as usize] -= 1;
        self.counts[outcome as usize] += 1;
        row.outcome = outcome;
        reason.clone_into(&mut row.reason);
    }

    /// Counts an attempt.
    pub fn tried(&mut self, at: usize) {
        self.rows[at].attempts += 1;
    }

    /// Makes failed members pending again: the cause may have been fixed.
    pub fn take_up(&mut self) {
        for at in 0..self.rows.len() {
            if !self.rows[at].outcome.is_success() {
                self.set(at, Outcome::Pending, "");
                self.rows[at].attempts = 0;
            }
        }
    }

    /// Returns the indices of the rows of this outcome.
    pub fn at(&self, outcome: Outcome) -> Vec<usize> {
        (0..self.rows.len()).filter(|at| self.rows[*at].outcome == outcome).collect()
    }

    /// The number of rows of each outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.counts[outcome as usize]
    }

    /// Returns how many members are done, now or already.
    pub fn succeeded(&self) -> usize {
        self.count(Outcome::Done) + self.count(Outcome::Already)
    }

    /// The reasons of an outcome, the most frequent first.
    pub fn reasons(&self, outcome: Outcome) -> Vec<(&str, usize)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for row in self.rows.iter().filter(|row| row.outcome == outcome) {
            *counts.entry(&row.reason).or_default() += 1;
        }
        let mut reasons: Vec<_> = counts.into_iter().collect();
        reasons.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        reasons
    }

    /// Writes the header and a row a member.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", Self::header())?;
        self.rows.iter().try_for_each(|row| row.write(out))
    }
}

impl Row {
    /// Writes it as a line.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        // In one piece: a writer that cannot take it all takes none of it, and the next row begins a line.
        out.write_all(format!("{self}\n").as_bytes())
    }

    /// `text_ids`: whether ids are text, as those of the rows before.
    fn read(line: &str, text_ids: Option<bool>) -> Result<Self, String> {
        let (member, rest) = member(line);
        let fields: Vec<&str> = rest.split(',').collect();
        let [challenge, outcome, reason, attempts] = fields[..] else {
            return Err(format!("{} columns are needed, here are {}", HEADER.len(), fields.len() + 1));
        };
        let whole = |name: &str, text: &str| {
            text.parse::<u64>().map_err(|_| format!("{name} {text:?} is not a whole number"))
        };
        let member = match (number(&member), text_ids) {
            (Some(id), None | Some(false)) => MemberName::Number(id),
            (None, Some(false)) => {
                return Err(format!("memberId {member:?} is not a whole number, as the first one is"));
            }
            _ => MemberName::Text(member),
        };
        Ok(Self {
            member,
            challenge: whole("challengeId", challenge)?,
            outcome: Outcome::of_key(outcome).ok_or_else(|| {
                let keys = Outcome::KEYS.map(|(_, key)| key);
                format!("outcome {outcome:?} is not valid{}", crate::nearest::hint(outcome, &keys))
            })?,
            reason: reason.to_owned(),
            attempts: whole("attempts", attempts)?.try_into().unwrap_or(u32::MAX),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { member, challenge, outcome, reason, attempts } = self;
        // Names of errors have neither spaces nor commas, as scenarios have them; statuses are the servers' own.
        let reason = reason.replace(|c: char| c.is_control() || matches!(c, ',' | '"'), " ");
        let mut member = member.to_string();
        if member.contains([',', '"']) {
            member = format!("\"{}\"", member.replace('"', "\"\""));
        }
        write!(f, "{member},{challenge},{},{reason},{attempts}", outcome.key())
    }
}

/// A line's first field, which may stand in quotes, and what follows its comma.
fn member(line: &str) -> (String, &str) {
    let Some(quoted) = line.strip_prefix('"') else {
        let (member, rest) = line.split_once(',').unwrap_or((line, ""));
        return (member.to_owned(), rest);
    };
    let end = quoted.replace("\"\"", "\0\0").find('"').unwrap_or(quoted.len());
    let rest = quoted.get(end + 1..).unwrap_or_default();
    (quoted[..end].replace("\"\"", "\""), rest.strip_prefix(',').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(places: &Places) -> String {
        let mut out = Vec::new();
        places.write(&mut out).expect("into memory");
        String::from_utf8(out).expect("text")
    }

    fn three() -> Places {
        let mut places = Places::of([13, 14, 20].map(|id| (MemberName::Number(id), 38)));
        places.set(0, Outcome::Done, "");
        places.set(1, Outcome::Refused, "MEMBER_NOT_FOUND");
        places.tried(1);
        places
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = written(&three());
        assert_eq!(
            text,
            "memberId,challengeId,outcome,reason,attempts\n13,38,done,,0\n14,38,refused,MEMBER_NOT_FOUND,1\n20,38,pending,,0\n"
        );
        assert_eq!(Places::read("f", &text).expect("it reads").rows(), three().rows());
    }

    #[test]
    fn ids_that_are_text_read_back() {
        let ids = ["anna", "7", "o'neil, \"sam\"", "\"", "가"];
        let mut places = Places::of(ids.map(|id| (MemberName::Text(id.into()), 38)));
        places.set(2, Outcome::Done, "");
        let text = written(&places);
        assert!(text.contains("\n\"o'neil, \"\"sam\"\"\",38,done,,0\n"), "{text}");
        assert_eq!(Places::read("f", &text).expect("it reads").rows(), places.rows());
    }

    #[test]
    fn an_earlier_file_s_outcomes_are_taken_over_by_name() {
        let mut earlier = three();
        let all = || Places::of([20, 13, 15, 14].map(|id| (MemberName::Number(id), 38)));
        let mut places = all();
        places.take_over(three()).expect("they are all there");
        let outcomes: Vec<Outcome> = places.rows().iter().map(|row| row.outcome).collect();
        assert_eq!(outcomes, [Outcome::Pending, Outcome::Done, Outcome::Pending, Outcome::Refused]);
        earlier.put(Row { challenge: 39, ..earlier.rows[0].clone() });
        assert_eq!(all().take_over(earlier), Err("member 13 is in challenge 39 there".into()));
        let mut others = Places::of([(MemberName::Number(13), 38)]);
        assert_eq!(others.take_over(three()), Err("member 14 is not among the members given".into()));
    }

    #[test]
    fn a_reason_stays_in_its_column() {
        let mut places = three();
        places.set(0, Outcome::Refused, "is-\"A,B\"\r\nC");
        let read = Places::read("f", &written(&places)).expect("it reads");
        assert_eq!(read.rows()[0].reason, "is- A B   C");
    }

    #[test]
    fn the_last_row_of_a_member_counts_and_a_cut_line_does_not() {
        let text = format!("{}20,38,done,,1\n14,38,do", written(&three()));
        let places = Places::read("f", &text).expect("it reads");
        let outcomes: Vec<Outcome> = places.rows().iter().map(|row| row.outcome).collect();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Refused, Outcome::Done]);
    }

    #[test]
    fn taking_up_tries_those_again_who_have_no_place() {
        let mut places = three();
        places.take_up();
        assert_eq!(places.at(Outcome::Pending), [1, 2]);
        assert_eq!(places.rows()[1].reason, "");
        assert_eq!(places.rows()[1].attempts, 0);
    }

    #[test]
    fn counts_are_those_of_the_rows() {
        let text =
            format!("{}13,38,failed,http-500,1\n13,38,done,,2\n14,38,elsewhere,,2\n", written(&three()));
        let mut places = Places::read("f", &text).expect("it reads");
        let check = |places: &Places| {
            for (outcome, key) in Outcome::KEYS {
                let rows = places.rows().iter().filter(|row| row.outcome == outcome).count();
                assert_eq!((places.count(outcome), places.at(outcome).len()), (rows, rows), "{key}");
            }
            assert_eq!(
                places.succeeded(),
                places.rows().iter().filter(|row| row.outcome.is_success()).count()
            );
        };
        check(&places);
        places.set(2, Outcome::Already, "");
        check(&places);
        places.take_up();
        check(&places);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let refusal = |text: &str| Places::read("f.csv", text).expect_err("wrong").to_string();
        assert!(
            refusal("memberId,challengeId\n13,38\n").starts_with("f.csv:1: a file of outcomes begins with")
        );
        assert!(refusal("").starts_with("f.csv:1: it is empty"));
        let header = "memberId,challengeId,outcome,reason,attempts\n";
        assert!(refusal(header).starts_with("f.csv:1: it has a header and no members"));
        assert!(
            refusal(&format!("{header}13,38,pen")).starts_with("f.csv:1: it has a header and no members")
        );
        assert_eq!(refusal(&format!("{header}13,38\n")), "f.csv:2: 5 columns are needed, here are 2");
        assert_eq!(
            refusal(&format!("{header}13,38,doen,,1\n")),
            "f.csv:2: outcome \"doen\" is not valid; did you mean \"done\"?"
        );
        assert_eq!(
            refusal(&format!("{header}13,38,done,,1\nx,38,done,,1\n")),
            "f.csv:3: memberId \"x\" is not a whole number, as the first one is"
        );
    }

    #[test]
    fn reasons_come_by_frequency() {
        let mut places = Places::of((1..=3).map(|id| (MemberName::Number(id), 1)));
        places.set(0, Outcome::Failed, "b");
        places.set(1, Outcome::Failed, "a");
        places.set(2, Outcome::Failed, "a");
        assert_eq!(places.reasons(Outcome::Failed), [("a", 2), ("b", 1)]);
    }
}
