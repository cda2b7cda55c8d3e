//! `startline prepare members`: test members as SQL, and the CSV files that say which box takes which of them.
//!
//! Connects to nothing: whoever has the database imports the file. What is in the files is [`crate::prepare`]'s. Invariant: all files are
//! written, or none.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use startline_os::units::{counted, grouped};

use super::printed;
use crate::cli::prepare::members::MembersArgs;
use crate::exit_status::ExitStatus;
use crate::interrupt::{Interrupt, Words};
use crate::numbers;
use crate::prepare::csv_files::{self, CsvFiles};
use crate::prepare::files::Files;
use crate::prepare::sql::{TestMembers, Wanted};
use crate::shell::quoted;
use crate::terminal::tell;

/// How many CSV files are told by name.
const NAMED_MAX: usize = 8;

/// What signals are answered with while files are written.
const WRITING: Words = Words {
    first: b"\nending: no file is left behind; once more leaves at once\n",
    second: b"\nleft at once; what was begun is in hidden files that end in .part\n",
};

/// Carries out `startline prepare members`.
///
/// # Errors
/// Why no file was written.
pub fn write(args: MembersArgs) -> Result<ExitStatus> {
    for (option, file) in [("--sql", &args.sql), ("--cleanup", &args.cleanup), ("--csv", &args.csv)] {
        if let Some(file) = file.as_deref().filter(|file| *file == Path::new("-") || is_an_open_file(file)) {
            bail!(
                "{option}: nothing is written to {file:?}, which stands for what is open already (such as standard output), since there is more \
                 than one file: name a file"
            );
        }
    }
    let sql = args.sql.as_deref().map(|file| Sql::of(&args, file)).transpose()?;
    let csv = args.csv.as_deref().map(|directory| Csv::of(&args, directory)).transpose()?;
    let interrupt = Interrupt::listen(&WRITING)?;
    let mut files = Files::new(args.force).unless(|| interrupt.reason());
    if let Some(sql) = &sql {
        files.add(sql.import.clone(), |out| sql.members.write_import(out));
        files.add(sql.clean_up.clone(), |out| sql.members.write_clean_up(out));
    }
    if let Some(csv) = &csv {
        csv.refuse_others()?;
        for file in csv.files.files() {
            files.add(csv.directory.join(file.name()), move |out| file.write(out));
        }
    }
    let sizes = match (files.write(args.csv.as_deref()), interrupt.reason()) {
        (Err(_), Some(why)) => {
            tell(&format!("stopped: {why}; no file was written"));
            return Ok(ExitStatus::Inconclusive);
        }
        (written, _) => written?,
    };
    let mut text = String::new();
    if let Some(sql) = &sql {
        sql.tell(&sizes, &mut text);
    }
    if let Some(csv) = &csv {
        csv.tell(&mut text);
    }
    match (&sql, &csv) {
        (Some(sql), csv) => sql.tell_next(csv.as_ref(), &mut text),
        (None, Some(csv)) => csv.tell_next(&mut text),
        (None, None) => {}
    }
    // The files are there, whether or not it can be said.
    printed::print("warning", &text);
    Ok(ExitStatus::Passed)
}

/// What is written of `--sql`.
struct Sql {
    import: PathBuf,
    clean_up: PathBuf,
    members: TestMembers,
}

impl Sql {
    fn of(args: &MembersArgs, file: &Path) -> Result<Self> {
        let text =
            |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        let members = TestMembers::new(Wanted {
            count: args.count,
            first: args.first.unwrap_or(1),
            prefix: text(&args.prefix, "test_uid_"),
            social_type: text(&args.social_type, "TEST"),
            email: text(&args.email, "test{i}@test.com"),
            nickname: text(&args.nickname, "테스트유저{i}"),
        })?;
        let clean_up = args.cleanup.clone().unwrap_or_else(|| clean_up_of(file));
        Ok(Self { import: file.to_owned(), clean_up, members })
    }

    fn tell(&self, sizes: &[u64], text: &mut String) {
        let (first, last) = self.members.ends();
        let range = if first == last { format!("{first:?}") } else { format!("{first:?} to {last:?}") };
        let _ = writeln!(
            text,
            "{}  makes {}, social_uid {range} ({}, {})",
            self.import.display(),
            counted(self.members.count().into(), "member", "members"),
            counted(self.members.batches() as u64, "INSERT", "INSERTs"),
            numbers::bytes(sizes[0])
        );
        let _ = writeln!(
            text,
            "{}  deletes exactly these again ({}, {})",
            self.clean_up.display(),
            counted(self.members.batches() as u64, "DELETE", "DELETEs"),
            numbers::bytes(sizes[1])
        );
    }

    fn tell_next(&self, csv: Option<&Csv<'_>>, text: &mut String) {
        let _ = write!(
            text,
            "
Next, where the database is (mariadb or mysql, with the host and user that it wants):

  mariadb DATABASE < {}

All members are made, or none if one of them is there already. It ends by showing their ids, and so does this query at any time:

{}

If consecutive says yes, first_id to last_id are the members; AUTO_INCREMENT may leave gaps while others sign up.
",
            shell(&self.import),
            indented(&self.members.query())
        );
        match csv {
            Some(csv) => {
                let ids = csv.files.ids();
                let _ = writeln!(
                    text,
                    "The CSV files are right if first_id is {} and last_id is {}; if not, write them again with --force. Then:\n",
                    ids.start(),
                    ids.end()
                );
                csv.tell_commands(text);
            }
            None => {
                let count = self.members.count();
                text.push_str("Then, with these ids:\n\n");
                let _ = writeln!(
                    text,
                    "  startline prepare join --target URL --challenge ID --members FIRST_ID-LAST_ID"
                );
                let _ = writeln!(
                    text,
                    "  startline prepare members --count {count} --csv DIR --first-id FIRST_ID --challenge ID --per-file M"
                );
            }
        }
    }
}

/// What is written of `--csv`.
struct Csv<'a> {
    directory: &'a Path,
    files: CsvFiles,
}

impl<'a> Csv<'a> {
    fn of(args: &MembersArgs, directory: &'a Path) -> Result<Self> {
        // Parsing has seen to it that it is there.
        let first_id = args.first_id.unwrap_or_default();
        let files = CsvFiles::new(first_id, args.count, args.challenge, args.per_file.unwrap_or(args.count))?;
        Ok(Self { directory, files })
    }

    /// Refuses a directory with other files of such names: whoever takes all of them would have members twice, or of another challenge.
    fn refuse_others(&self) -> Result<()> {
        if !self.directory.is_dir() {
            return Ok(());
        }
        let ours: std::collections::HashSet<String> = self.files.files().map(|file| file.name()).collect();
        let unreadable = || format!("cannot read the directory {}", self.directory.display());
        let mut others = Vec::new();
        for entry in fs::read_dir(self.directory).with_context(unreadable)? {
            let name = entry.with_context(unreadable)?.file_name().to_string_lossy().into_owned();
            if csv_files::is_name(&name) && !ours.contains(&name) {
                others.push(name);
            }
        }
        others.sort_unstable();
        let Some(first) = others.first() else { return Ok(()) };
        let more = match others.len() {
            1 => String::new(),
            count => format!(" and {} more like it", count - 1),
        };
        bail!(
            "{}{more} would be left of an earlier preparation, with members that may be in the new files too (--force does not take them away): \
             remove them, or name another directory",
            self.directory.join(first).display()
        );
    }

    fn tell(&self, text: &mut String) {
        let files: Vec<_> = self.files.files().collect();
        let line = |at: usize| {
            let ids = files[at].ids();
            let whom = match ids.start() == ids.end() {
                true => format!("member {}", ids.start()),
                false => format!("members {}-{}", ids.start(), ids.end()),
            };
            format!("{}  {whom}\n", self.directory.join(files[at].name()).display())
        };
        let shown = if files.len() > NAMED_MAX { NAMED_MAX - 2 } else { files.len() };
        (0..shown).for_each(|at| text.push_str(&line(at)));
        if shown < files.len() {
            let _ = writeln!(text, "… {} more files …", grouped((files.len() - shown - 1) as u64));
            text.push_str(&line(files.len() - 1));
        }
    }

    fn tell_next(&self, text: &mut String) {
        text.push_str("\nNext:\n\n");
        self.tell_commands(text);
    }

    fn tell_commands(&self, text: &mut String) {
        let ids = self.files.ids();
        let file = self.files.files().next().map(|file| (file.challenge(), self.directory.join(file.name())));
        let Some((challenge, file)) = file else { return };
        // Where no file says it, it is said beside the range and the files.
        let known = challenge.map_or("ID".to_owned(), |challenge| challenge.to_string());
        let beside = if challenge.is_none() { " --challenge ID" } else { "" };
        let _ = writeln!(
            text,
            "  startline prepare join --target URL --challenge {known} --members {}-{}",
            ids.start(),
            ids.end()
        );
        let each = if self.files.files().nth(1).is_some() { "    # and so on, a file a box" } else { "" };
        let _ = writeln!(text, "  startline run --target URL{beside} --members {}{each}", shell(&file));
    }
}

/// Whether a name stands for what this process has open, wherever that leads.
fn is_an_open_file(file: &Path) -> bool {
    ["/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"]
        .iter()
        .any(|known| file.starts_with(known))
}

/// `members.sql` has `members.cleanup.sql` beside it.
fn clean_up_of(file: &Path) -> PathBuf {
    let stem = if file.extension().is_some_and(|it| it == "sql") {
        file.with_extension("")
    } else {
        file.to_owned()
    };
    let mut name = stem.into_os_string();
    name.push(".cleanup.sql");
    name.into()
}

/// A path as a shell takes it.
fn shell(path: &Path) -> String {
    quoted(&path.display().to_string()).into_owned()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clean_up_is_beside_the_import() {
        for (file, expected) in [
            ("members.sql", "members.cleanup.sql"),
            ("a/b.c.sql", "a/b.c.cleanup.sql"),
            ("members", "members.cleanup.sql"),
            ("members.txt", "members.txt.cleanup.sql"),
        ] {
            assert_eq!(clean_up_of(Path::new(file)), Path::new(expected));
        }
    }

    #[test]
    fn paths_are_told_as_a_shell_takes_them() {
        assert_eq!(shell(Path::new("/tmp/회원.sql")), "/tmp/회원.sql");
        assert_eq!(shell(Path::new("my members.sql")), "'my members.sql'");
        assert_eq!(shell(Path::new("it's")), "'it'\\''s'");
    }
}
