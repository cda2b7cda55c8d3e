//! Members from the guide's CSV files: a header `memberId,challengeId`, a row each.
//!
//! Takes text, not paths, so that tests need no files. A byte-order mark, CRLF, blank lines, spaces
//! around values and further columns do no harm. Invariant: over all files together, no id is
//! returned twice.

use std::collections::HashMap;

use csv::StringRecord;

use super::roster::Roster;

/// What some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A file's name, for errors, and its bytes.
#[derive(Clone, Debug)]
pub struct MemberFile {
    /// As it was given.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// A row that cannot be used: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct MemberFileError {
    /// The file, as it was named.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// Where an id was read: the file's index and the byte at which its row begins.
type Place = (usize, usize);

/// Reads all files in order. `challenge` is the one given on the command line: it replaces a
/// missing column and must not contradict a present one.
///
/// # Errors
/// The first row, or header, that cannot be used.
pub fn read(files: &[MemberFile], challenge: Option<u64>) -> Result<Roster, MemberFileError> {
    let mut rows = Vec::new();
    let mut places: HashMap<u64, Place> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        for row in Rows::of(file, challenge)? {
            let (id, challenge, at) = row?;
            if let Some((first_file, first_at)) = places.insert(id, (index, at)) {
                let first = &files[first_file];
                let message = format!(
                    "member {id} is listed twice, first at {}:{}",
                    first.name,
                    first.line_at(first_at)
                );
                return Err(file.error(at, message));
            }
            rows.push((id, challenge));
        }
    }
    Ok(Roster::listed(rows))
}

impl MemberFile {
    fn error(&self, at: usize, message: impl Into<String>) -> MemberFileError {
        MemberFileError { file: self.name.clone(), line: self.line_at(at), message: message.into() }
    }

    /// Returns the line of the row that begins at byte `at`, or after blank lines there: the reader
    /// skips those only after it has noted the place.
    fn line_at(&self, at: usize) -> u64 {
        // The reader drops a byte-order mark before it notes any place.
        let mark = if at == 0 && self.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let at = (at + mark).min(self.bytes.len());
        let blank = self.bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let row = if at + blank == self.bytes.len() { at } else { at + blank };
        1 + self.bytes[..row].iter().filter(|byte| **byte == b'\n').count() as u64
    }
}

/// The rows of one file: id, challenge, and the byte at which the row begins.
struct Rows<'f> {
    file: &'f MemberFile,
    records: csv::StringRecordsIntoIter<&'f [u8]>,
    id_column: usize,
    challenge_column: Option<usize>,
    challenge: Option<u64>,
}

impl<'f> Rows<'f> {
    fn of(file: &'f MemberFile, challenge: Option<u64>) -> Result<Self, MemberFileError> {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file.bytes.as_slice());
        let header = reader.headers().map_err(|error| file.error(0, unreadable(&error)))?.clone();
        let column = |name: &str| header.iter().position(|column| column == name);
        let Some(id_column) = column("memberId") else {
            let found = header.iter().collect::<Vec<_>>().join(",");
            let message = format!("the header must be \"memberId,challengeId\"; here it is \"{found}\"");
            return Err(file.error(0, message));
        };
        let challenge_column = column("challengeId");
        if challenge_column.is_none() && challenge.is_none() {
            let message = "the header has no column \"challengeId\"; add it, or give --challenge";
            return Err(file.error(0, message));
        }
        Ok(Self { file, records: reader.into_records(), id_column, challenge_column, challenge })
    }

    fn row(&self, record: &StringRecord, at: usize) -> Result<(u64, u64, usize), MemberFileError> {
        let id = self.number(record, self.id_column, "memberId", at)?;
        let challenge = match (self.challenge_column, self.challenge) {
            (Some(column), given) => {
                let challenge = self.number(record, column, "challengeId", at)?;
                if let Some(given) = given.filter(|given| *given != challenge) {
                    let message = format!("challengeId {challenge} contradicts --challenge {given}");
                    return Err(self.file.error(at, message));
                }
                challenge
            }
            (None, given) => given.unwrap_or_default(),
        };
        Ok((id, challenge, at))
    }

    fn number(
        &self,
        record: &StringRecord,
        column: usize,
        name: &str,
        at: usize,
    ) -> Result<u64, MemberFileError> {
        let text = record.get(column).unwrap_or_default();
        if text.is_empty() {
            return Err(self.file.error(at, format!("the row has no {name}")));
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| self.file.error(at, format!("{name} {text:?} is not a whole number")))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(u64, u64, usize), MemberFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.records.next()? {
                Ok(record) => record,
                Err(error) => {
                    let at = error.position().map_or(0, |position| position.byte() as usize);
                    return Some(Err(self.file.error(at, unreadable(&error))));
                }
            };
            if record.iter().all(str::is_empty) {
                continue;
            }
            let at = record.position().map_or(0, |position| position.byte() as usize);
            return Some(self.row(&record, at));
        }
    }
}

fn unreadable(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the row is not UTF-8".into(),
        _ => format!("the row cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> MemberFile {
        MemberFile { name: name.into(), bytes: text.into() }
    }

    fn read_one(text: &str) -> Result<Roster, String> {
        read(&[file("m.csv", text)], None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_guide_s_files_are_read_in_order() {
        let files = [
            file("test_members_1.csv", "memberId,challengeId\n13,38\n14,38\n"),
            file("test_members_2.csv", "memberId,challengeId\n15,38"),
        ];
        assert_eq!(read(&files, None), Ok(Roster::range(13, 15, 38)));
    }

    #[test]
    fn what_spreadsheets_add_does_no_harm() {
        let text =
            "\u{feff}memberId,challengeId,nickname\r\n\r\n13 , 38,\"가, 나\"\r\n\r\n  \r\n,,\r\n14,38,b\r\n";
        assert_eq!(read_one(text), Ok(Roster::range(13, 14, 38)));
    }

    #[test]
    fn columns_are_found_by_name() {
        assert_eq!(read_one("challengeId,memberId\n38,13\n"), Ok(Roster::range(13, 13, 38)));
    }

    #[test]
    fn a_missing_header_or_column_is_named() {
        assert_eq!(
            read_one("13,38\n14,38\n"),
            Err("m.csv:1: the header must be \"memberId,challengeId\"; here it is \"13,38\"".into())
        );
        assert_eq!(
            read_one("memberId\n13\n"),
            Err("m.csv:1: the header has no column \"challengeId\"; add it, or give --challenge".into())
        );
        assert_eq!(
            read_one(""),
            Err("m.csv:1: the header must be \"memberId,challengeId\"; here it is \"\"".into())
        );
    }

    #[test]
    fn a_header_after_blank_lines_is_named_with_its_line() {
        let refusal = |text: &str| read_one(text).expect_err("no header");
        assert!(refusal("\n\r\n13,38\n").starts_with("m.csv:3: "));
        assert!(refusal("\u{feff}\n\r\n13,38\n").starts_with("m.csv:3: "));
    }

    #[test]
    fn bad_rows_are_named_with_their_line() {
        let header = "memberId,challengeId\n";
        let error = |rows: &str| read_one(&format!("{header}{rows}")).expect_err("a bad row");
        assert_eq!(error("13,38\nabc,38\n"), "m.csv:3: memberId \"abc\" is not a whole number");
        assert_eq!(error("13,38\n\n\n14,x"), "m.csv:5: challengeId \"x\" is not a whole number");
        assert_eq!(error("13\n"), "m.csv:2: the row has no challengeId");
        assert_eq!(error(",38\n"), "m.csv:2: the row has no memberId");
        assert_eq!(error("-1,38\n"), "m.csv:2: memberId \"-1\" is not a whole number");
        assert_eq!(
            error("99999999999999999999,38\n"),
            "m.csv:2: memberId \"99999999999999999999\" is not a whole number"
        );
    }

    #[test]
    fn crlf_files_have_the_same_lines() {
        assert_eq!(
            read_one("memberId,challengeId\r\n13,38\r\n\r\nabc,38\r\n"),
            Err("m.csv:4: memberId \"abc\" is not a whole number".into())
        );
    }

    #[test]
    fn an_id_twice_is_refused_across_files() {
        let files = [
            file("a.csv", "memberId,challengeId\n13,38\n14,38\n"),
            file("b.csv", "memberId,challengeId\n15,38\n\n14,38\n"),
        ];
        assert_eq!(
            read(&files, None).expect_err("twice").to_string(),
            "b.csv:4: member 14 is listed twice, first at a.csv:3"
        );
    }

    #[test]
    fn a_challenge_beside_the_file_fills_in_but_does_not_contradict() {
        let without = [file("a.csv", "memberId\n13\n")];
        assert_eq!(read(&without, Some(38)), Ok(Roster::range(13, 13, 38)));
        let with = [file("a.csv", "memberId,challengeId\n13,38\n14,39\n")];
        assert_eq!(
            read(&with, Some(38)).expect_err("contradiction").to_string(),
            "a.csv:3: challengeId 39 contradicts --challenge 38"
        );
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_named() {
        let bytes = b"memberId,challengeId\n13,38\n\xff,38\n".to_vec();
        let error = read(&[MemberFile { name: "m.csv".into(), bytes }], None).expect_err("not UTF-8");
        assert_eq!(error.to_string(), "m.csv:3: the row is not UTF-8");
    }
}
