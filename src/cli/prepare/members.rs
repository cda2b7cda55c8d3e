//! The options of `startline prepare members`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::super::values;

/// Options of `startline prepare members`.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags, rustdoc::broken_intra_doc_links)]
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP, group(ArgGroup::new("files").args(["sql", "csv"]).required(true).multiple(true)))]
pub struct MembersArgs {
    /// How many members; k is 1000.
    #[arg(long, value_name = "COUNT", value_parser = values::count, allow_negative_numbers = true)]
    pub(crate) count: u32,

    /// Overwrite existing files.
    #[arg(long)]
    pub(crate) force: bool,

    /// Write the INSERTs that create the members to this file: one transaction, all or none.
    #[arg(long, value_name = "FILE", help_heading = "SQL")]
    pub(crate) sql: Option<PathBuf>,

    /// Write the DELETEs that remove exactly these members to this file [default: FILE of --sql, as .cleanup.sql].
    #[arg(long, value_name = "FILE", help_heading = "SQL", requires = "sql")]
    pub(crate) cleanup: Option<PathBuf>,

    /// The DELETEs remove these members' participations, too: those of them who have joined cannot be deleted otherwise.
    #[arg(long, help_heading = "SQL", requires = "sql")]
    pub(crate) cleanup_participations: bool,

    /// social_uid before the member's number; other columns do not follow it [default: test_uid_].
    #[arg(long, value_name = "TEXT", help_heading = "SQL", requires = "sql")]
    pub(crate) prefix: Option<String>,

    /// The first member's number [default: 1].
    #[arg(long, value_name = "N", value_parser = values::id, allow_negative_numbers = true, help_heading = "SQL", requires = "sql")]
    pub(crate) first: Option<u64>,

    /// social_type [default: TEST].
    #[arg(long, value_name = "TEXT", help_heading = "SQL", requires = "sql")]
    pub(crate) social_type: Option<String>,

    /// email, with {i} for the member's number [default: test{i}@test.com].
    #[arg(long, value_name = "PATTERN", help_heading = "SQL", requires = "sql")]
    pub(crate) email: Option<String>,

    /// nickname, with {i} for the member's number [default: 테스트유저{i}].
    #[arg(long, value_name = "PATTERN", help_heading = "SQL", requires = "sql")]
    pub(crate) nickname: Option<String>,

    /// Write CSV files for --members (test_members_1.csv and so on) to this directory, which is created if missing.
    #[arg(long, value_name = "DIR", help_heading = "CSV files", requires = "first_id")]
    pub(crate) csv: Option<PathBuf>,

    /// The first member's id in the database; the others must follow it without a gap.
    #[arg(long, value_name = "ID", value_parser = values::id, allow_negative_numbers = true, help_heading = "CSV files", requires = "csv")]
    pub(crate) first_id: Option<u64>,

    /// The members' challenge, as a column challengeId; leave it out for prepare all.
    #[arg(long, value_name = "ID", value_parser = values::id, allow_negative_numbers = true, help_heading = "CSV files", requires = "csv")]
    pub(crate) challenge: Option<u64>,

    /// Members per file, one file for each load generator; k is 1000 [default: all in one file].
    #[arg(long, value_name = "COUNT", value_parser = values::count, allow_negative_numbers = true, help_heading = "CSV files", requires = "csv")]
    pub(crate) per_file: Option<u32>,
}

pub(crate) const AFTER_HELP: &str = "\
Exit status:
  0  all files are written
  2  wrong arguments, or a file cannot be written; then none is";
