//! Files that the binary has made, in a directory that goes away with the test.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::common::{Finished, run};

/// An import, its clean-up and what was said of them.
#[derive(Debug)]
pub struct Made {
    directory: TempDir,
    pub said: Finished,
}

impl Made {
    /// By these options besides `--sql`.
    #[track_caller]
    pub fn by(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("members.sql");
        let sql = ["prepare", "members", "--sql", file.to_str().expect("text")];
        let said = run(&[&sql[..], options].concat());
        said.assert_status(0);
        Self { directory, said }
    }

    pub fn import(&self) -> PathBuf {
        self.directory.path().join("members.sql")
    }

    pub fn clean_up(&self) -> PathBuf {
        self.directory.path().join("members.cleanup.sql")
    }

    /// The query that was told, as it would be copied.
    #[track_caller]
    pub fn query(&self) -> String {
        let begin = self.said.stdout.find("  SELECT").expect("a query");
        let end = self.said.stdout[begin..].find(";\n").expect("its end");
        self.said.stdout[begin..=begin + end].to_owned()
    }
}
