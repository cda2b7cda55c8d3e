//! Members from CSV files: a header with the names of the columns, a row each.
//!
//! Takes text, not paths, so that tests need no files. A byte-order mark, CRLF, blank lines and spaces
//! around values do no harm. Invariant: over all files together, no id is returned twice.

use std::collections::HashMap;

use csv::StringRecord;

use super::members::Rows;
use super::roster::Roster;
use crate::scenario::may_name_a_column;
use crate::scenario::outside::Header;

/// What some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Names of the column of ids: the first that is there; else it is the first column.
const ID_COLUMNS: [&str; 3] = ["memberId", "member_id", "id"];

/// The column of the group.
const CHALLENGE_COLUMN: &str = "challengeId";

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

/// How rows are to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'w> {
    /// The challenge given on the command line: it replaces a missing column and must not contradict a
    /// present one.
    pub challenge: Option<u64>,
    /// The challenge of all where nothing says which; `None`: that is an error.
    pub otherwise: Option<u64>,
    /// Of each of the header's columns, whether something uses it.
    pub used: &'w [bool],
}

/// Reads which columns there are in all files, and whether ids are text: they are as the first one.
///
/// # Errors
/// A header, or the first row, that cannot be read.
pub fn header(files: &[MemberFile]) -> Result<Header, MemberFileError> {
    let mut header = Header::default();
    let mut first_id = None;
    for (index, file) in files.iter().enumerate() {
        let mut table = Table::of(file, &header)?;
        let of_file: Vec<&str> = table.header.iter().collect();
        if index == 0 {
            let usable = of_file.iter().map(|name| if may_name_a_column(name) { *name } else { "" });
            header.columns = usable.map(str::to_owned).collect();
            header.id = table.header.get(table.id_column).unwrap_or_default().to_owned();
        } else {
            let missing = |name: &&mut String| !of_file.contains(&name.as_str());
            header.columns.iter_mut().filter(missing).for_each(|name| name.clear());
        }
        if first_id.is_none() {
            let row = table.next().transpose()?;
            first_id =
                row.and_then(|(row, _)| row.get(table.id_column).map(|id| (id.to_owned(), table.id_column)));
        }
    }
    if let Some((_, column)) = first_id.filter(|(id, _)| !id.is_empty() && number(id).is_none()) {
        header.text_ids = Some(column);
        // The id has a name of its own, as a number has.
        header.columns.push("member_id".to_owned());
    }
    Ok(header)
}

/// Reads all files in order, of their rows the ids and challenges alone.
///
/// # Errors
/// The first row, or header, that cannot be used.
pub fn read(files: &[MemberFile], challenge: Option<u64>) -> Result<Roster, MemberFileError> {
    let header = header(files)?;
    read_rows(files, &header, Wanted { challenge, ..Wanted::default() }).map(|(roster, _)| roster)
}

/// Reads all files in order.
///
/// # Errors
/// The first row, or header, that cannot be used.
pub fn read_rows(
    files: &[MemberFile],
    header: &Header,
    wanted: Wanted<'_>,
) -> Result<(Roster, Rows), MemberFileError> {
    let mut ids = Vec::new();
    let mut rows = Rows::new(wanted.used, header.text_ids.filter(|_| !wanted.used.is_empty()));
    let mut places: HashMap<String, Place> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        let table = Table::of(file, header)?;
        let reader = Reader::of(&table, header, wanted)?;
        for row in table {
            let (record, at) = row?;
            let (text, challenge) = reader.id_and_challenge(&record, at)?;
            let (id, key) = match header.text_ids {
                Some(_) => (ids.len() as u64, text.to_owned()),
                None => {
                    let id = reader.number(text, reader.id_name(), at)?;
                    (id, id.to_string())
                }
            };
            if let Some((first_file, first_at)) = places.insert(key, (index, at)) {
                let first = &files[first_file];
                let message = format!(
                    "member {text} is listed twice, first at {}:{}",
                    first.name,
                    first.line_at(first_at)
                );
                return Err(file.error(at, message));
            }
            let cells = reader.cells(&record, &rows, at)?;
            rows.push(cells);
            ids.push((id, challenge));
        }
    }
    Ok((Roster::listed(ids), rows.finish()))
}

/// A whole number as it is written; else an id is text.
pub(crate) fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
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

/// One file's header and rows, with the byte at which each begins.
struct Table<'f> {
    file: &'f MemberFile,
    header: StringRecord,
    id_column: usize,
    records: csv::StringRecordsIntoIter<&'f [u8]>,
}

impl<'f> Table<'f> {
    /// `known`: what the files before say of the column of ids.
    fn of(file: &'f MemberFile, known: &Header) -> Result<Self, MemberFileError> {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file.bytes.as_slice());
        let header = reader.headers().map_err(|error| file.error(0, unreadable(&error)))?.clone();
        let column = |name: &str| header.iter().position(|column| column == name);
        if !known.id.is_empty() && column(&known.id).is_none() {
            let message =
                format!("the header has no column \"{}\", in which the first file has the ids", known.id);
            return Err(file.error(0, message));
        }
        let as_before = column(&known.id).filter(|_| !known.id.is_empty());
        let named = as_before.or_else(|| ID_COLUMNS.iter().find_map(|name| column(name)));
        let first = header.get(0).unwrap_or_default();
        if named.is_none() && (first.is_empty() || number(first).is_some()) {
            let found = header.iter().collect::<Vec<_>>().join(",");
            let message = format!(
                "the first row must name the columns, such as \"memberId,challengeId\"; here it is \"{found}\""
            );
            return Err(file.error(0, message));
        }
        Ok(Self { file, header, id_column: named.unwrap_or(0), records: reader.into_records() })
    }
}

impl Iterator for Table<'_> {
    type Item = Result<(StringRecord, usize), MemberFileError>;

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
            return Some(Ok((record, at)));
        }
    }
}

/// What is read of one file's rows.
struct Reader<'f> {
    file: &'f MemberFile,
    header: StringRecord,
    id_column: usize,
    challenge_column: Option<usize>,
    given: Option<u64>,
    /// Of each of the columns of all files, its place here.
    places: Vec<Option<usize>>,
}

impl<'f> Reader<'f> {
    fn of(table: &Table<'f>, header: &Header, wanted: Wanted<'_>) -> Result<Self, MemberFileError> {
        let column = |name: &str| table.header.iter().position(|column| column == name);
        let challenge_column = column(CHALLENGE_COLUMN);
        let given = wanted.challenge.or(wanted.otherwise.filter(|_| challenge_column.is_none()));
        if challenge_column.is_none() && given.is_none() {
            let message = "the header has no column \"challengeId\"; add it, or give --challenge";
            return Err(table.file.error(0, message));
        }
        let place = |(k, name): (usize, &String)| match header.text_ids {
            Some(id) if k == id => Some(table.id_column),
            _ => column(name),
        };
        let own = header.columns.len() - usize::from(header.text_ids.is_some());
        Ok(Self {
            file: table.file,
            header: table.header.clone(),
            id_column: table.id_column,
            challenge_column,
            given,
            places: header.columns.iter().enumerate().take(own).map(place).collect(),
        })
    }

    fn id_name(&self) -> &str {
        self.header.get(self.id_column).unwrap_or_default()
    }

    fn id_and_challenge<'r>(
        &self,
        record: &'r StringRecord,
        at: usize,
    ) -> Result<(&'r str, u64), MemberFileError> {
        let id = self.cell(record, self.id_column, self.id_name(), at)?;
        let challenge = match (self.challenge_column, self.given) {
            (Some(column), given) => {
                let text = self.cell(record, column, CHALLENGE_COLUMN, at)?;
                let challenge = self.number(text, CHALLENGE_COLUMN, at)?;
                if let Some(given) = given.filter(|given| *given != challenge) {
                    let message = format!("challengeId {challenge} contradicts --challenge {given}");
                    return Err(self.file.error(at, message));
                }
                challenge
            }
            (None, given) => given.unwrap_or_default(),
        };
        Ok((id, challenge))
    }

    /// A cell that must not be empty.
    fn cell<'r>(
        &self,
        record: &'r StringRecord,
        column: usize,
        name: &str,
        at: usize,
    ) -> Result<&'r str, MemberFileError> {
        let text = record.get(column).unwrap_or_default();
        let is_there = (!text.is_empty()).then_some(text);
        is_there.ok_or_else(|| self.file.error(at, format!("the row has no {name}")))
    }

    fn number(&self, text: &str, name: &str, at: usize) -> Result<u64, MemberFileError> {
        number(text).ok_or_else(|| {
            let why = if name == CHALLENGE_COLUMN { "" } else { ", as the first one is" };
            self.file.error(at, format!("{name} {text:?} is not a whole number{why}"))
        })
    }

    /// The row's cells in the order of the columns of all files; those that are kept must be there, and
    /// fit into any request.
    fn cells<'r>(
        &self,
        record: &'r StringRecord,
        rows: &Rows,
        at: usize,
    ) -> Result<Vec<&'r str>, MemberFileError> {
        let cell = |(k, place): (usize, &Option<usize>)| {
            if !rows.keeps(k) {
                return Ok("");
            }
            let name = place.and_then(|place| self.header.get(place)).unwrap_or_default();
            let text = place.and_then(|place| record.get(place));
            let text = text.ok_or_else(|| self.file.error(at, format!("the row has no {name}")))?;
            match text.chars().any(char::is_control) {
                true => Err(self.file.error(at, format!("{name} has a control character or a line end"))),
                false => Ok(text),
            }
        };
        self.places.iter().enumerate().map(cell).collect()
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
    use std::sync::Arc;

    use super::*;
    use crate::members::SessionNumber;

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
            Err("m.csv:1: the first row must name the columns, such as \"memberId,challengeId\"; here it is \"13,38\"".into())
        );
        assert_eq!(
            read_one("memberId\n13\n"),
            Err("m.csv:1: the header has no column \"challengeId\"; add it, or give --challenge".into())
        );
        assert_eq!(
            read_one(""),
            Err("m.csv:1: the first row must name the columns, such as \"memberId,challengeId\"; here it is \"\"".into())
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
        assert_eq!(
            error("13,38\nabc,38\n"),
            "m.csv:3: memberId \"abc\" is not a whole number, as the first one is"
        );
        assert_eq!(error("13,38\n\n\n14,x"), "m.csv:5: challengeId \"x\" is not a whole number");
        assert_eq!(error("13\n"), "m.csv:2: the row has no challengeId");
        assert_eq!(error(",38\n"), "m.csv:2: the row has no memberId");
        for id in ["-1", "07", "99999999999999999999"] {
            let error = error(&format!("1,38\n{id},38\n"));
            assert!(
                error.starts_with(&format!("m.csv:3: memberId \"{id}\" is not a whole number")),
                "{error}"
            );
        }
    }

    #[test]
    fn crlf_files_have_the_same_lines() {
        assert_eq!(
            read_one("memberId,challengeId\r\n13,38\r\n\r\nabc,38\r\n"),
            Err("m.csv:4: memberId \"abc\" is not a whole number, as the first one is".into())
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

    /// The columns' names, and what they say of each session's member; all of them are used.
    fn feed(files: &[MemberFile]) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
        let header = header(files).map_err(|error| error.to_string())?;
        let used: Vec<bool> = header.columns.iter().map(|name| !name.is_empty()).collect();
        let wanted = Wanted { otherwise: Some(1), used: &used, ..Wanted::default() };
        let (roster, rows) = read_rows(files, &header, wanted).map_err(|error| error.to_string())?;
        let members = roster.members().expect("unique").with_rows(Arc::new(rows));
        let cell = |k, column| members.cell(SessionNumber(k), column).unwrap_or("-").to_owned();
        let row = |k| (0..used.len()).map(|column| cell(k, column)).collect();
        Ok((header.columns, (0..members.len() as u32).map(row).collect()))
    }

    #[test]
    fn every_column_is_a_variable_and_ids_may_be_text() {
        let (columns, rows) = feed(&[
            file("a.csv", "user,password,a b,session\nanna,\"p,1\",x,7\nben,p2,y,8\n"),
            file("b.csv", "password,session,user,a b\np3,9,\"cl\"\"a\",z"),
        ])
        .expect("it reads");
        assert_eq!(columns, ["user", "password", "", "", "member_id"]);
        assert_eq!(rows[0], ["anna", "p,1", "-", "-", "anna"]);
        assert_eq!(rows[1], ["ben", "p2", "-", "-", "ben"]);
        assert_eq!(rows[2], ["cl\"a", "p3", "-", "-", "cl\"a"]);
    }

    #[test]
    fn ids_are_numbers_if_the_first_one_is() {
        let (columns, rows) = feed(&[file("a.csv", "room,id\nblue,13\nred,14\n")]).expect("it reads");
        assert_eq!((columns, &rows[1]), (vec!["room".into(), "id".into()], &vec!["red".into(), "14".into()]));
        let text = read_one("memberId,challengeId\ncp1,38\n17,38\n").expect("it reads");
        assert_eq!(text, Roster::range(0, 1, 38), "by their places");
        let twice = read_one("memberId,challengeId\ncp1,38\n17,38\ncp1,38\n").expect_err("twice");
        assert_eq!(twice, "m.csv:4: member cp1 is listed twice, first at m.csv:2");
    }

    #[test]
    fn a_column_that_not_all_files_have_is_none() {
        let (columns, _) =
            feed(&[file("a.csv", "id,a,b\n1,2,3\n"), file("b.csv", "id,b,c\n4,5,6\n")]).expect("it reads");
        assert_eq!(columns, ["id", "", "b"]);
    }

    #[test]
    fn a_cell_that_is_used_must_be_there_and_fit() {
        let refused = |text: &str| feed(&[file("m.csv", text)]).expect_err("refused");
        assert_eq!(refused("id,a\n1,x\n2\n"), "m.csv:3: the row has no a");
        assert_eq!(refused("id,a\n1,\"x\ny\"\n"), "m.csv:2: a has a control character or a line end");
    }
}
