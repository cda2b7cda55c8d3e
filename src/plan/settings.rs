//! What the user asked for, files read and defaults filled in: the content of `plan.toml`.
//!
//! The scenario's source and the members are in it, so the program alone can repeat the run. What
//! this machine decides where the user does not (workers, source addresses) is left open until
//! [`Settings::into_plan`]. Invariant: what is written reads back the same.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use startline_os::units::{self, duration_text, grouped};

use super::abort::AbortRule;
use super::capacity::{Limits, WORKERS_MAX};
use super::drops::Drop;
use super::every::{self, EveryOption};
use super::members::Rows;
use super::roster::{Roster, RosterError};
use super::script::ScenarioSettings;
use super::search::FindMax;
use super::shape::Stage;
use super::sources::{self, PortMethod, SourceSpec};
use super::target::TargetError;
use super::turnover::Comings;
use super::{End, Http, HttpMode, Observers, Plan, Resolve, Shard, Target, Tls, schedule};
use crate::scenario::every::Interval;
use crate::scenario::{Scenario, ScenarioError};

/// The longest run.
pub const RUN_MAX: Duration = Duration::from_secs(10 * 24 * 3600);
/// The longest interval or timeout: timers are compared through a clock that wraps after 19 hours.
pub const DELAY_MAX: Duration = Duration::from_secs(9 * 3600);

/// A run as the user asked for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of the program that wrote this.
    pub startline: String,
    /// The target's URL; `None`: the built-in mock server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Sessions to start.
    pub sessions: u32,
    /// Their members, in order.
    pub members: Roster,
    /// Where their rows are, if the scenario uses more of them than the ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_files: Vec<PathBuf>,
    /// What these say. A plan does not keep it: there may be secrets in it.
    #[serde(skip)]
    pub rows: Arc<Rows>,
    /// Where there are more sessions than members, these are used again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recycle: bool,
    /// The levels that the number of open sessions goes through; empty: one ramp and one hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// Which part of a whole this is; `None`: all of it. Sessions, stages and members are the whole's until
    /// [`Settings::into_plan`] takes the part's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartOf>,
    /// How long a session stays before another takes its place; `None`: until its level falls.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "every::optional_interval_serde")]
    pub lifetime: Option<Interval>,
    /// The steps by which the load rises until a criterion fails; `stages` are then those that were decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find_max: Option<FindMax>,
    /// Connections that are cut on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<Drop>,
    /// From the first arrival to the last; session k starts at `ramp · k / sessions`.
    #[serde(with = "units::duration_serde")]
    pub ramp: Duration,
    /// From all arrivals settled to the close of accounts.
    #[serde(with = "units::duration_serde")]
    pub hold: Duration,
    /// Over which the closes are spread.
    #[serde(with = "units::duration_serde")]
    pub ramp_down: Duration,
    /// How sessions end.
    pub end: End,
    /// Between PINGs, where the scenario has them.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units::optional_duration_serde")]
    pub ping_interval: Option<Duration>,
    /// From a PING to its PONG.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units::optional_duration_serde")]
    pub pong_timeout: Option<Duration>,
    /// Between a session's progress messages; `None`: it sends none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units::optional_duration_serde")]
    pub record_interval: Option<Duration>,
    /// Further changes of the scenario's periodic messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub every: Vec<EveryOption>,
    /// WebSocket servers that there should be; `None`: as many as are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_servers: Option<u32>,
    /// No announcements are expected, so no ledger is kept; the mock server sends none.
    #[serde(default)]
    pub no_broadcast: bool,
    /// Sessions that judge the broadcasts that they receive; `None`: all up to 10,000, 64 beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observers: Option<Observers>,
    /// Engine threads; `None`: one a core, and more where the descriptor limit needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Where connections come from; empty: the kernel's choice, and where that has too few ports
    /// for a target on this machine, addresses of 127.0.1.0/24.
    #[serde(default)]
    pub source_ips: Vec<SourceSpec>,
    /// How connections get their ports; `None`: the best way that this kernel has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortMethod>,
    /// How late the load generator may be (lag p99) for results to count; `None`: a tenth of the
    /// tightest timeout.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units::optional_duration_serde")]
    pub lag_limit: Option<Duration>,
    /// When the run ends early.
    #[serde(default = "AbortRule::default_rules")]
    pub abort_on: Vec<AbortRule>,
    /// Which part of the plan this process plays; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// When the first session starts, by the wall clock; `None`: as soon as all is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// Seeds everything that is random.
    pub seed: u64,
    /// Hosts other than the target's that a WebSocket URL from the server may lead to.
    #[serde(default)]
    pub allow_hosts: Vec<String>,
    /// Prefix replacements for WebSocket URLs from the server, from and to; the first match wins.
    #[serde(default)]
    pub ws_map: Vec<(String, String)>,
    /// Addresses given for hosts, instead of what their names resolve to.
    #[serde(default)]
    pub resolve: Vec<Resolve>,
    /// Wait for the challenge to become READY.
    #[serde(default)]
    pub wait_ready: bool,
    /// The zone of the server's local times.
    #[serde(default = "system_zone")]
    pub time_zone: String,
    /// Which connections carry the HTTP steps.
    #[serde(default)]
    pub http: HttpMode,
    /// Shared HTTP connections of each worker; `None`: the default, if any are shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_connections: Option<u32>,
    /// The mock server speaks TLS.
    #[serde(default, alias = "stand_in_tls")]
    pub mock_tls: bool,
    /// How TLS is spoken.
    #[serde(default)]
    pub tls: Tls,
    /// What each session does.
    pub scenario: ScenarioSettings,
}

/// Why settings make no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The scenario is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The target is wrong.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The members are wrong.
    #[error(transparent)]
    Members(#[from] RosterError),
    /// A plan file is wrong.
    #[error("{file}:{line}: {message}")]
    File {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// An option asks for something that the scenario does not have.
    #[error("{asked} is asked for, and the scenario \"{scenario}\" has no {lacking}")]
    Lacking {
        /// The option.
        asked: &'static str,
        /// The scenario's name.
        scenario: String,
        /// What it lacks.
        lacking: &'static str,
    },
    /// A value that makes no sense, alone or beside others.
    #[error("{what}: {reason}")]
    Value {
        /// The option.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Settings {
    /// Reads what [`Settings::to_toml`] wrote.
    ///
    /// # Errors
    /// The first line that is wrong, and why.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, PlanError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            PlanError::File { file: file.to_owned(), line, message }
        })
    }

    /// Returns the content of a plan file.
    ///
    /// # Panics
    /// Never for settings that make a plan: only a seed beyond TOML's integers could not be
    /// written, and [`Settings::into_plan`] refuses it.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string_pretty(self).expect("checked settings can be written as TOML");
        format!("# Repeat this run: startline run --plan <this file>\n{body}")
    }

    /// Compiles the scenario, with the heartbeat that the user asked for.
    ///
    /// # Errors
    /// What is wrong with the scenario, or an option that it has no use for.
    pub fn scenario(&self) -> Result<Scenario, PlanError> {
        let mut scenario = self.scenario.compile()?;
        self.check_scenario(&scenario)?;
        for rule in &self.abort_on {
            rule.check(&scenario).map_err(|reason| PlanError::Value { what: "abort-on", reason })?;
        }
        self.check_stages(&scenario)?;
        self.check_search(&scenario)?;
        self.check_drops()?;
        let short = every::short_forms(self.ping_interval, self.pong_timeout, self.record_interval);
        let long = self.every.iter().map(|option| ("--every", option.clone()));
        for (what, option) in short.chain(long) {
            option.apply(&mut scenario).map_err(|reason| PlanError::Value { what, reason })?;
        }
        every::drop_criteria_of_what_is_off(&mut scenario);
        Ok(scenario)
    }

    /// Resolves the target; `None` for the mock server, whose address is known once it has started
    /// ([`Target::at`]).
    ///
    /// # Errors
    /// The URL is not a target's, or its host has no address.
    pub fn target(&self) -> Result<Option<Target>, TargetError> {
        self.target.as_deref().map(|url| Target::resolve(url, &self.resolve)).transpose()
    }

    /// Checks everything and makes the plan. `target` is [`Settings::target`]'s, or the mock
    /// server's.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn into_plan(mut self, mut target: Target, limits: &Limits) -> Result<Plan, PlanError> {
        self.check_values()?;
        self.drops.sort_by_key(|drop| drop.at);
        self.leave_out_unreachable(&mut target)?;
        let scenario = self.scenario()?;
        let members = self.own_members()?;
        let this = self.of_part()?;
        let shape = this.shape();
        let turnover = this.turnover(&shape, &scenario);
        let comings =
            Comings { sessions: this.own_sessions(), ramp: this.ramp, turnover: turnover.as_deref() };
        let workers = this.workers(&scenario, comings, limits);
        this.check_rows(&scenario, workers)?;
        let members_return = this.may_return(&shape, &scenario);
        Ok(Plan {
            sources: this.sources(&scenario, &target, (workers, comings), limits)?,
            scenario: Arc::new(scenario),
            target,
            members: Arc::new(members),
            workers,
            tls: this.tls.clone(),
            http: this.http(),
            keep_fates: false,
            in_flight: None,
            lives: shape.lives(),
            turnover,
            members_return,
            shape,
            settings: this,
        })
    }

    /// Removes the target's addresses of a family that no given source address has.
    fn leave_out_unreachable(&self, target: &mut Target) -> Result<(), PlanError> {
        let value = |reason| PlanError::Value { what: "--source-ip", reason };
        let given = sources::all(&self.source_ips).map_err(value)?;
        let reaches = |address: &SocketAddr| given.iter().any(|it| it.is_ipv4() == address.is_ipv4());
        match target.addresses.iter().find(|address| given.is_empty() || reaches(address)) {
            Some(_) if given.is_empty() => {}
            Some(_) => target.addresses.retain(reaches),
            None => {
                let family = if given.iter().all(IpAddr::is_ipv4) { "IPv4" } else { "IPv6" };
                let first = target.addresses.first().map_or_else(String::new, |it| it.ip().to_string());
                return Err(value(format!(
                    "all of them are {family}, and the target has no such address ({first}): give others, or the target's with --resolve"
                )));
            }
        }
        Ok(())
    }

    /// Returns which connections carry the HTTP steps.
    fn http(&self) -> Http {
        self.http.with(self.http_connections)
    }

    /// Returns what the run needs of a challenge's schedule.
    pub fn demand(&self, entry: schedule::Entry) -> schedule::Demand {
        let (ramp, hold, wait_ready) = (self.ramp, self.hold, self.wait_ready);
        schedule::Demand { ramp, hold, entry, wait_ready, steps: self.find_max }
    }

    fn check_values(&self) -> Result<(), PlanError> {
        let value = |what, reason: String| Err(PlanError::Value { what, reason });
        if self.sessions == 0 {
            return value("sessions", "it must be at least 1".into());
        }
        self.check_shard()?;
        if let Some(workers) = self.workers.filter(|workers| *workers == 0 || *workers > WORKERS_MAX) {
            return value("workers", format!("{workers} is not from 1 to {WORKERS_MAX}"));
        }
        let spans = [self.ramp, self.hold, self.ramp_down];
        let total = spans.iter().try_fold(Duration::ZERO, |sum, span| sum.checked_add(*span));
        if total.is_none_or(|total| total > RUN_MAX) {
            let most = duration_text(RUN_MAX);
            return value("ramp, hold and ramp-down", format!("a run lasts at most {most}"));
        }
        let delays = [
            ("ping interval", self.ping_interval),
            ("pong timeout", self.pong_timeout),
            ("record interval", self.record_interval),
            ("lag limit", self.lag_limit),
        ];
        for (what, delay) in delays {
            if delay.is_some_and(|delay| delay.is_zero() || delay > DELAY_MAX) {
                let most = duration_text(DELAY_MAX);
                return value(what, format!("it must be longer than zero and at most {most}"));
            }
        }
        if i64::try_from(self.seed).is_err() {
            return value("seed", format!("it must be at most {}", i64::MAX));
        }
        self.check_target_options()?;
        self.check_http()?;
        self.check_tls()?;
        if schedule::zone(&self.time_zone).is_none() {
            return value(
                "time_zone",
                format!("{:?} is not a time zone known on this machine", self.time_zone),
            );
        }
        Ok(())
    }

    /// Refuses options that would be ignored with a target, or without one.
    fn check_target_options(&self) -> Result<(), PlanError> {
        let with_target = [("--tls", self.mock_tls)];
        let without = [
            ("--allow-host", !self.allow_hosts.is_empty()),
            ("--ws-map", !self.ws_map.is_empty()),
            ("--resolve", !self.resolve.is_empty()),
            ("--ca", !self.tls.ca.is_empty()),
            ("--cert", self.tls.identity.is_some()),
            ("--wait-ready", self.wait_ready),
            ("--time-zone", self.time_zone != schedule::SYSTEM_ZONE),
        ];
        let given = |options: &[(&'static str, bool)]| options.iter().find(|it| it.1).map(|it| it.0);
        let (wrong, reason) = match self.target {
            Some(_) => (given(&with_target), "it is for the built-in mock server, and the plan has a target"),
            None => (given(&without), "it is for a --target, and the plan loads the built-in mock server"),
        };
        match wrong {
            Some(what) => Err(PlanError::Value { what, reason: reason.into() }),
            None => Ok(()),
        }
    }

    /// Refuses options that the scenario would silently ignore.
    fn check_scenario(&self, scenario: &Scenario) -> Result<(), PlanError> {
        let sessions = self.sessions_of_members();
        if self.is_staged() && self.members.len() < u64::from(sessions) {
            let (sessions, members) = (grouped(sessions.into()), grouped(self.members.len()));
            let reason = format!(
                "{sessions} sessions are open at once at most, and there are {members} members: give more, or a lower level"
            );
            return Err(PlanError::Value { what: "members", reason });
        }
        let ws = scenario.websocket.as_ref();
        let is_presence = ws.is_some_and(|ws| ws.kinds.announces()) && !self.no_broadcast;
        if self.members_used() < sessions && is_presence {
            let reason = "several sessions are the same member then, and the scenario judges who learns of whom \
                          ([websocket.presence]): add --no-broadcast, or give more members";
            return Err(PlanError::Value { what: "recycle", reason: reason.into() });
        }
        let judges = self.observers.is_some();
        if judges && self.no_broadcast {
            let reason =
                "it says who judges broadcasts, and --no-broadcast expects none: leave out one of the two";
            return Err(PlanError::Value { what: "observers", reason: reason.into() });
        }
        if self.observers == Some(Observers::Count(0)) {
            return Err(PlanError::Value {
                what: "observers",
                reason: "it must be at least 1, or all".into(),
            });
        }
        let wanting = [
            (judges && !is_presence, "--observers", "[websocket.presence] to judge"),
            (ws.is_none() && !self.drops.is_empty(), "--drop", "[websocket] to cut"),
            (ws.is_none() && !self.hold.is_zero(), "--hold", "[websocket] to hold"),
            (ws.is_none() && !self.ramp_down.is_zero(), "--ramp-down", "[websocket] to close"),
            (scenario.http.is_empty() && self.http == HttpMode::Pooled, "--http pooled", "[[http]] step"),
            (self.end == End::Quit && ws.is_none_or(|ws| ws.quit.is_none()), "--end quit", "quit message"),
        ];
        match wanting.iter().find(|(wants, _, _)| *wants) {
            Some((_, asked, lacking)) => {
                Err(PlanError::Lacking { asked, scenario: scenario.name.clone(), lacking })
            }
            None => Ok(()),
        }
    }
}

fn system_zone() -> String {
    schedule::SYSTEM_ZONE.into()
}

mod connections;
mod machine;
mod part;
mod shards;
mod stages;

pub use part::PartOf;

#[cfg(test)]
mod tests;
