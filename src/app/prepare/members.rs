//! `startline prepare members`: test members as SQL, and the CSV files that divide them between load generators.
//!
//! Connects to nothing: the user imports the file into the database. The files' content is [`crate::prepare`]'s.
//! Invariant: all files are written, or none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use startline_os::units::counted;

use crate::app::printed;
use crate::cli::prepare::members::MembersArgs;
use crate::exit_status::ExitStatus;
use crate::prepare::csv_files::{CsvFile, CsvFiles};
use crate::prepare::files::Files;
use crate::prepare::sql::{TestMembers, Wanted};
use crate::shell::quoted;

/// Carries out `startline prepare members`.
///
/// # Errors
/// Why no file was written.
pub fn write(args: MembersArgs) -> Result<ExitStatus> {
    let sql = args.sql.as_deref().map(|file| Sql::of(&args, file)).transpose()?;
    let csv = args.csv.as_deref().map(|directory| Csv::of(&args, directory)).transpose()?;
    let mut files = Files::new(args.force);
    if let Some(sql) = &sql {
        files.add(sql.import.clone(), |out| sql.members.write_import(out));
        files.add(sql.clean_up.clone(), |out| sql.members.write_clean_up(out));
    }
    for file in csv.iter().flat_map(|csv| csv.files.files()) {
        files.add(csv.as_ref().map(|csv| csv.path(&file)).unwrap_or_default(), move |out| file.write(out));
    }
    files.write(args.csv.as_deref())?;
    let mut text = String::new();
    if let Some(sql) = &sql {
        sql.describe(&mut text);
    }
    if let Some(csv) = &csv {
        csv.describe(&mut text);
    }
    text.push_str("\nNext:\n\n");
    if let Some(sql) = &sql {
        sql.describe_next(csv.as_ref(), &mut text);
    }
    if let Some(csv) = &csv {
        csv.describe_next(&mut text);
    }
    // The files are written, whether or not this can be printed.
    printed::print(None, "warning", &text);
    Ok(ExitStatus::Passed)
}

/// The files of `--sql`.
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
            with_participations: args.cleanup_participations,
        })?;
        let clean_up = args.cleanup.clone().unwrap_or_else(|| file.with_extension("cleanup.sql"));
        Ok(Self { import: file.to_owned(), clean_up, members })
    }

    fn describe(&self, text: &mut String) {
        let (first, last) = self.members.ends();
        let range = if first == last { format!("{first:?}") } else { format!("{first:?} to {last:?}") };
        let count = counted(self.members.count().into(), "member", "members");
        let _ = writeln!(text, "{}  creates {count}, social_uid {range}", self.import.display());
        let what = if self.members.with_participations() { ", with their participations" } else { "" };
        let _ = writeln!(text, "{}  deletes exactly these again{what}", self.clean_up.display());
    }

    fn describe_next(&self, csv: Option<&Csv<'_>>, text: &mut String) {
        let _ = write!(
            text,
            "  mariadb DATABASE < {}

creates all members, or none if one of them already exists, and ends by showing their ids. This query shows them again:

{}

If consecutive is yes, first_id to last_id are the members.
",
            shell(&self.import),
            indented(&self.members.query())
        );
        match csv.map(|csv| csv.files.ids()) {
            Some(ids) => {
                let (first, last) = ids.into_inner();
                let _ = writeln!(
                    text,
                    "The CSV files are right if first_id is {first} and last_id is {last}; otherwise write them again.\n"
                );
            }
            None => text.push_str(
                "\n  startline prepare join --target URL --challenge ID --members FIRST_ID-LAST_ID\n",
            ),
        }
    }
}

/// The files of `--csv`.
struct Csv<'a> {
    directory: &'a Path,
    files: CsvFiles,
    challenge: Option<u64>,
}

impl<'a> Csv<'a> {
    fn of(args: &MembersArgs, directory: &'a Path) -> Result<Self> {
        // clap has seen to it that it is given.
        let first_id = args.first_id.unwrap_or_default();
        let per_file = args.per_file.unwrap_or(args.count);
        let files = CsvFiles::new(first_id, args.count, args.challenge, per_file)?;
        Ok(Self { directory, files, challenge: args.challenge })
    }

    fn path(&self, file: &CsvFile) -> PathBuf {
        self.directory.join(file.name())
    }

    fn describe(&self, text: &mut String) {
        for file in self.files.files() {
            let (first, last) = file.ids().into_inner();
            let _ = writeln!(text, "{}  members {first}-{last}", self.path(&file).display());
        }
    }

    fn describe_next(&self, text: &mut String) {
        let (first, last) = self.files.ids().into_inner();
        // Where no file names the challenge, the options must.
        let (known, option) = match self.challenge {
            Some(challenge) => (challenge.to_string(), ""),
            None => ("ID".to_owned(), " --challenge ID"),
        };
        let _ = writeln!(
            text,
            "  startline prepare join --target URL --challenge {known} --members {first}-{last}"
        );
        for file in self.files.files().take(1) {
            let members = shell(&self.path(&file));
            let _ = writeln!(text, "  startline run --target URL{option} --members {members}");
        }
    }
}

/// A path as a shell takes it.
fn shell(path: &Path) -> String {
    quoted(&path.display().to_string()).into_owned()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
