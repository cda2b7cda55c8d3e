//! Members files as spreadsheets and scripts write them, whole and damaged; the `csv` crate writes what is quoted.

use csv::{QuoteStyle, Terminator, WriterBuilder};
use proptest::prelude::*;
use startline::plan::member_files::{MemberFile, read};

use super::{changed, changes};
use crate::checks::input::members::{self as check, members};

/// How a file is written.
#[derive(Clone, Debug)]
struct Manner {
    mark: bool,
    crlf: bool,
    quotes: QuoteStyle,
    /// Columns that are there, by their place.
    columns: Vec<&'static str>,
    spaces: &'static str,
    last_line_ends: bool,
}

fn manner() -> impl Strategy<Value = Manner> {
    let quotes = prop::sample::select(vec![QuoteStyle::Necessary, QuoteStyle::Always]);
    let columns = Just(vec!["memberId", "challengeId", "note", "more"]).prop_shuffle();
    let spaces = prop::sample::select(vec!["", "", " ", "\t  "]);
    (any::<bool>(), any::<bool>(), quotes, columns, spaces, any::<bool>()).prop_map(
        |(mark, crlf, quotes, columns, spaces, last_line_ends)| Manner {
            mark,
            crlf,
            quotes,
            columns,
            spaces,
            last_line_ends,
        },
    )
}

impl Manner {
    fn record(&self, values: &[String]) -> String {
        let terminator = if self.crlf { Terminator::CRLF } else { Terminator::Any(b'\n') };
        let mut writer =
            WriterBuilder::new().terminator(terminator).quote_style(self.quotes).from_writer(Vec::new());
        writer.write_record(values).unwrap();
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    /// The file, with these blank lines before each row.
    fn write(&self, rows: &[Row]) -> String {
        let end = if self.crlf { "\r\n" } else { "\n" };
        let mut text = if self.mark { "\u{feff}".to_owned() } else { String::new() };
        text += &self.record(&self.columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        for row in rows {
            text += &end.repeat(row.blank);
            let spaces = self.spaces;
            let value = |column: &&str| match *column {
                "memberId" => format!("{spaces}{}{spaces}", row.id),
                "challengeId" => format!("{}{spaces}", row.challenge),
                _ => row.note.clone(),
            };
            text += &self.record(&self.columns.iter().map(value).collect::<Vec<_>>());
        }
        if !self.last_line_ends {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        text
    }
}

/// A row and the blank lines before it.
#[derive(Clone, Debug)]
struct Row {
    id: u64,
    challenge: u64,
    note: String,
    blank: usize,
}

/// Rows in any order, no id twice, many of them neighbours.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let id = prop_oneof![4 => 1..40u64, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let note = prop_oneof![Just(String::new()), "[a-z가 ]{0,4}", "[\",\r\n;a]{0,4}"];
    let row = (36..39u64, note, 0..3usize);
    prop::collection::btree_map(id, row, 0..20)
        .prop_map(|rows| {
            let row = |(id, (challenge, note, blank))| Row { id, challenge, note, blank };
            rows.into_iter().map(row).collect::<Vec<_>>()
        })
        .prop_flat_map(|rows| prop_oneof![Just(rows.clone()), Just(rows).prop_shuffle()])
}

fn file(text: &str) -> MemberFile {
    MemberFile { name: "members.csv".to_owned(), bytes: text.as_bytes().to_vec() }
}

proptest! {
    #[test]
    fn whatever_way_a_file_is_written_its_members_are_read_in_order(manner in manner(), rows in rows()) {
        let text = manner.write(&rows);
        let roster = read(&[file(&text)], None).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let expected: Vec<_> = rows.iter().map(|row| (row.id, row.challenge)).collect();
        prop_assert_eq!(members(&roster), expected);
        check::file(text.as_bytes());
    }

    #[test]
    fn files_follow_one_another(manner in manner(), rows in rows(), cut in 0..20usize) {
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let files = [file(&manner.write(first)), file(&manner.write(second))];
        let roster = read(&files, None).unwrap();
        prop_assert_eq!(members(&roster), rows.iter().map(|row| (row.id, row.challenge)).collect::<Vec<_>>());
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused_by_both_lines(manner in manner(), rows in rows(), which: prop::sample::Index) {
        prop_assume!(!rows.is_empty());
        // Quoted line ends would shift what is counted here.
        let mut rows: Vec<Row> = rows.into_iter().map(|row| Row { note: String::new(), ..row }).collect();
        let first = which.index(rows.len());
        rows.push(rows[first].clone());
        let line = |k: usize| 1 + rows[..=k].iter().map(|row| 1 + row.blank).sum::<usize>();
        let expected = format!(
            "members.csv:{}: member {} is listed twice, first at members.csv:{}",
            line(rows.len() - 1), rows[first].id, line(first)
        );
        prop_assert_eq!(read(&[file(&manner.write(&rows))], None).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_by_line(
        manner in manner(),
        rows in rows(),
        changes in changes(&["\"", ",", "\n", "\r", "\r\n", " ", "0", "-", "memberId", "\u{feff}", "13,38\n"]),
    ) {
        check::file(changed(&manner.write(&rows), &changes).as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused_by_line(rest: Vec<u8>, headed: bool) {
        let header: &[u8] = if headed { b"memberId,challengeId\n" } else { b"" };
        check::file(&[header, &rest].concat());
    }
}
