//! What needs chromium: report.html as a reader sees it.
//!
//! Without it the tests fail with the command that installs it.

mod chromium;
#[path = "../plain/report/fixture.rs"]
#[allow(dead_code, reason = "tests/plain uses the rest")]
mod fixture;
#[path = "../plain/report/pages.rs"]
mod pages;
#[path = "../common/programs.rs"]
mod programs;

mod report;
