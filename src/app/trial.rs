//! `startline try`: one session of a scenario, shown as it goes.
//!
//! Makes a run's plan of one session and plays it with the run's own session, TLS and sockets; what
//! is shown is [`crate::trial`]'s. Invariant: each line is printed as it happens, and once the first
//! of them is, the last one says how it ended.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use startline_os::descriptors;

use super::conduct::start_mock_server;
use super::doctor;
use crate::checks::Page;
use crate::cli::trial::TryArgs;
use crate::engine::single;
use crate::exit_status::ExitStatus;
use crate::foreign;
use crate::interrupt::{Interrupt, Notices};
use crate::lookup::hosts::trust_of;
use crate::lookup::scheme;
use crate::members::SessionNumber;
use crate::plan::{Plan, summary};
use crate::trial::Trial;
use crate::trial::entry::{Entry, What};
use crate::trial::text::Style;

/// Carries out `startline try`.
///
/// # Errors
/// What is wrong with the arguments, or that nothing can be opened or printed.
pub fn run(args: &TryArgs) -> Result<ExitStatus> {
    let settings = args.settings()?.into_settings()?;
    descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
    let (mut plan, limits) = doctor::plan_of(settings, Path::new("/"))?;
    // One session stands for all: it sends what only a share of a run's sessions does, too.
    let websocket = Arc::make_mut(&mut plan.scenario).websocket.as_mut();
    websocket.into_iter().flat_map(|websocket| &mut websocket.every).for_each(|every| every.share = 1.0);
    let mut hosts = doctor::hosts_of(&plan)?;
    let interrupt = Interrupt::listen(Notices::new("closing the session", "the session was not closed"))?;
    let mock_server = plan.is_for_mock().then(|| start_mock_server(&mut plan, &limits)).transpose()?;
    if mock_server.is_some() {
        hosts = doctor::hosts_of(&plan)?;
    }
    hosts.trust = trust_of(&plan)?;
    let printed = Printed { style: style(&plan, args), json: args.json, failed: Cell::new(None) };
    printed.head(&plan, mock_server.is_some());
    let mut trial = Trial::new(&plan, args.stay.unwrap_or_default(), Box::new(|entry| printed.entry(entry)));
    let stop = || interrupt.reason().is_some() || printed.is_broken();
    single::play(&plan, &hosts, &mut trial, &stop).context("cannot wait for the session's connection")?;
    let passed = trial.end();
    let has_failed = trial.has_failed();
    if trial.failed_at_once()
        && let Some(text) = scheme::should_be_secure(&plan)
    {
        trial.warn(text);
    }
    drop(trial);
    if let Some(error) = printed.failed.take() {
        return Err(error.into());
    }
    Ok(match () {
        () if passed => ExitStatus::Passed,
        () if has_failed => ExitStatus::Failed,
        () => ExitStatus::Inconclusive,
    })
}

fn style(plan: &Plan, args: &TryArgs) -> Style {
    let names = plan.scenario.step_names();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    Style { page: Page::of(&io::stdout()), label_columns: longest.clamp(6, 18), verbose: args.verbose }
}

/// Standard output.
struct Printed {
    style: Style,
    json: bool,
    /// Why nothing more can be printed.
    failed: Cell<Option<io::Error>>,
}

impl Printed {
    /// What is tried.
    fn head(&self, plan: &Plan, is_mock: bool) {
        let warning = |text| Entry { at: Duration::ZERO, step: String::new(), what: What::Warning { text } };
        let warnings: Vec<Entry> = summary::scenario_warnings(plan).into_iter().map(warning).collect();
        if self.json {
            return warnings.iter().for_each(|warning| self.entry(warning));
        }
        let mut parts =
            vec![format!("{}: member {}", plan.scenario.name, plan.members.name_of(SessionNumber(0)))];
        if plan.scenario.has_challenge() {
            parts.push(format!("challenge {}", plan.members.challenge(SessionNumber(0))));
        }
        parts.push(plan.target_shown());
        let mock = if is_mock { " (built-in mock server)" } else { "" };
        let warnings: String = warnings.iter().map(|warning| self.style.lines(warning)).collect();
        self.print(&format!("{}{mock}\n{warnings}\n", parts.join(", ")));
    }

    fn entry(&self, entry: &Entry) {
        match self.json {
            true => self.print(&foreign::json_line(entry).unwrap_or_default()),
            false => self.print(&self.style.lines(entry)),
        }
    }

    fn print(&self, text: &str) {
        if self.is_broken() {
            return;
        }
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            self.failed.set(Some(error));
        }
    }

    fn is_broken(&self) -> bool {
        let failed = self.failed.take();
        let is_broken = failed.is_some();
        self.failed.set(failed);
        is_broken
    }
}
