//! What was asked for, everything resolved but what the box decides where nothing is said (workers, source addresses): the content of
//! `plan.toml`, which repeats a run.
//!
//! The scenario's source and the members are in it, so nothing but the program is needed to repeat it. Turns into a
//! [`Plan`]; whether the box bears that is the doctor's to say. Invariant: what is written reads back the same.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::affinity;
use startline_os::units::{self, duration_text};

use super::capacity::{self, Room};
use super::roster::{Roster, RosterError};
use super::sources::{self, PortMethod, SourceSpec};
use super::target::TargetError;
use super::{End, Http, HttpMode, Plan, Resolve, Target, Tls, http, schedule};
use crate::scenario::{Scenario, ScenarioError};

/// Engine threads at most. More than cores only help where the descriptor limit of one is too low for its share.
pub const WORKERS_MAX: usize = 256;

/// The longest run: instants are compared through a clock that wraps after 19 hours.
pub const RUN_MAX: Duration = Duration::from_secs(9 * 3600);

/// A run as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of the program that wrote this.
    pub startline: String,
    /// The target's URL; none: the built-in stand-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Sessions to start.
    pub sessions: u32,
    /// Their members, in order.
    pub members: Roster,
    /// From the first arrival to the last.
    #[serde(with = "units::duration_serde")]
    pub ramp: Duration,
    /// From all settled to the close of accounts.
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
    /// Between progress messages; none: none are sent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units::optional_duration_serde")]
    pub record_interval: Option<Duration>,
    /// The stand-in sends no broadcasts.
    #[serde(default)]
    pub no_broadcast: bool,
    /// Engine threads; none: one a core, and as many more as the descriptor limit asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Where connections come from; empty: the kernel's choice, and where that has too few ports for a target on this box,
    /// addresses of 127.0.1.0/24.
    #[serde(default)]
    pub source_ips: Vec<SourceSpec>,
    /// How connections get their ports; none: as this kernel does best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortMethod>,
    /// How late this box may be itself (lag p99) for results to count; none: a tenth of the tightest timeout.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units::optional_duration_serde")]
    pub lag_limit: Option<Duration>,
    /// Seeds everything that is drawn.
    pub seed: u64,
    /// Hosts besides the target's that a handed-out URL may lead to.
    #[serde(default)]
    pub allow_hosts: Vec<String>,
    /// Prefix replacements for handed-out URLs, from and to.
    #[serde(default)]
    pub ws_map: Vec<(String, String)>,
    /// Addresses given for hosts.
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
    /// Shared HTTP connections of each worker; none: the default's, if any are shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_connections: Option<u32>,
    /// The stand-in speaks TLS.
    #[serde(default)]
    pub stand_in_tls: bool,
    /// How TLS is spoken.
    #[serde(default)]
    pub tls: Tls,
    /// What each session does.
    pub scenario: ScenarioSettings,
}

/// A scenario with what was set from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioSettings {
    /// Where it was read from, for errors.
    pub file: String,
    /// Variables set from outside.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// All of its TOML.
    pub source: String,
}

/// Why no plan can be made of the settings.
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
    /// Something is asked for that the scenario does not have.
    #[error("{asked} is asked for, and the scenario \"{scenario}\" has no {lacking}")]
    Lacking {
        /// The option.
        asked: &'static str,
        /// The scenario's name.
        scenario: String,
        /// What it lacks.
        lacking: &'static str,
    },
    /// A value that cannot be.
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
    /// Where the file is wrong.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, PlanError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            PlanError::File { file: file.to_owned(), line, message }
        })
    }

    /// The content of a plan file.
    ///
    /// # Panics
    /// Never for settings that a plan can be made of: only a seed beyond TOML's integers could not be written, and
    /// [`Settings::into_plan`] refuses it.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string_pretty(self).expect("checked settings can be written as TOML");
        format!("# Repeat this run: startline run --plan <this file>\n{body}")
    }

    /// The scenario, compiled, with the heartbeat as it was asked for.
    ///
    /// # Errors
    /// What is wrong with the scenario, or that it lacks what was asked for.
    pub fn scenario(&self) -> Result<Scenario, PlanError> {
        let set: Vec<(String, String)> = self.scenario.set.clone().into_iter().collect();
        let mut scenario = Scenario::compile(&self.scenario.file, &self.scenario.source, &set)?;
        self.check_scenario(&scenario)?;
        if let Some(ping) = scenario.websocket.as_mut().and_then(|ws| ws.ping.as_mut()) {
            ping.interval = self.ping_interval.unwrap_or(ping.interval);
            ping.timeout = self.pong_timeout.unwrap_or(ping.timeout);
        }
        Ok(scenario)
    }

    /// Where the run goes, resolved; `None` for the built-in stand-in, whose address only its start shows
    /// ([`Target::at`]).
    ///
    /// # Errors
    /// The URL is no target, or its host has no address.
    pub fn target(&self) -> Result<Option<Target>, TargetError> {
        self.target.as_deref().map(|url| Target::resolve(url, &self.resolve)).transpose()
    }

    /// Checks everything and makes the plan. `target` is [`Settings::target`]'s, or the stand-in's.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn into_plan(self, mut target: Target, room: &Room) -> Result<Plan, PlanError> {
        self.check_values()?;
        self.leave_out_unreachable(&mut target)?;
        let scenario = self.scenario()?;
        let members = self.members.first(self.sessions)?.members()?;
        let workers = self.workers(room);
        let http = self.http();
        let sources = self.sources(&scenario, &target, workers, room)?;
        Ok(Plan {
            scenario: Arc::new(scenario),
            target,
            members: Arc::new(members),
            sessions: self.sessions,
            ramp: self.ramp,
            hold: self.hold,
            ramp_down: self.ramp_down,
            end: self.end,
            record_interval: self.record_interval,
            workers,
            sources,
            ports: self.ports,
            seed: self.seed,
            allow_hosts: self.allow_hosts,
            ws_map: self.ws_map,
            no_broadcast: self.no_broadcast,
            resolve: self.resolve,
            tls: self.tls,
            http,
            lag_limit: self.lag_limit,
            keep_fates: false,
        })
    }

    /// Engine threads: as asked for, or as many as the cores and the descriptor limit want.
    fn workers(&self, room: &Room) -> usize {
        self.workers.unwrap_or_else(|| {
            let shared = self.http().connections();
            capacity::workers(self.sessions, shared, affinity::cores(), room.descriptors_hard)
                .min(WORKERS_MAX)
        })
    }

    /// Leaves the target only addresses of a family that a given source address has.
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

    /// Where connections come from.
    fn sources(
        &self,
        scenario: &Scenario,
        target: &Target,
        workers: usize,
        room: &Room,
    ) -> Result<Vec<IpAddr>, PlanError> {
        let value = |reason| PlanError::Value { what: "--source-ip", reason };
        let given = sources::all(&self.source_ips).map_err(value)?;
        if !given.is_empty() {
            return Ok(given);
        }
        let is_near = target.addresses.iter().all(|it| it.is_ipv4() && it.ip().is_loopback());
        let Some(of_an_address) = room.ports.filter(|_| is_near) else { return Ok(Vec::new()) };
        let (waiting, shared) = match self.http() {
            _ if scenario.http.is_empty() => (0, 0),
            Http::PerSession => {
                (capacity::closed_within(self.sessions, self.ramp, room.loopback_time_wait), 0)
            }
            Http::Pooled { connections } => (0, u64::from(connections) * workers as u64),
        };
        let ports = u64::from(self.sessions) + waiting + shared;
        Ok(capacity::loopback_sources(ports.div_ceil(target.addresses.len() as u64), of_an_address))
    }

    /// Which connections carry the HTTP steps.
    fn http(&self) -> Http {
        match self.http {
            HttpMode::PerSession => Http::PerSession,
            HttpMode::Pooled => {
                Http::Pooled { connections: self.http_connections.unwrap_or(http::CONNECTIONS_DEFAULT) }
            }
        }
    }

    /// What a challenge has to have room for.
    pub fn demand(&self, entry: schedule::Entry) -> schedule::Demand {
        schedule::Demand { ramp: self.ramp, hold: self.hold, entry, wait_ready: self.wait_ready }
    }

    fn check_values(&self) -> Result<(), PlanError> {
        let value = |what, reason: String| Err(PlanError::Value { what, reason });
        if self.sessions == 0 {
            return value("sessions", "there has to be at least one".into());
        }
        if let Some(workers) = self.workers.filter(|workers| *workers == 0 || *workers > WORKERS_MAX) {
            return value("workers", format!("{workers} is not from 1 to {WORKERS_MAX}"));
        }
        let spans = [self.ramp, self.hold, self.ramp_down];
        let total = spans.iter().try_fold(Duration::ZERO, |sum, span| sum.checked_add(*span));
        if total.is_none_or(|total| total > RUN_MAX) {
            let most = duration_text(RUN_MAX);
            return value("ramp, hold and ramp-down", format!("a run can last {most} at most"));
        }
        let delays = [
            ("ping interval", self.ping_interval),
            ("pong timeout", self.pong_timeout),
            ("record interval", self.record_interval),
            ("lag limit", self.lag_limit),
        ];
        for (what, delay) in delays {
            if delay.is_some_and(|delay| delay.is_zero() || delay > RUN_MAX) {
                let most = duration_text(RUN_MAX);
                return value(what, format!("it has to be longer than zero and {most} at most"));
            }
        }
        if i64::try_from(self.seed).is_err() {
            return value("seed", format!("it can be {} at most", i64::MAX));
        }
        if self.no_broadcast && self.target.is_some() {
            return value("no_broadcast", "it is for the built-in stand-in, and there is a target".into());
        }
        if self.stand_in_tls && self.target.is_some() {
            return value("stand_in_tls", "it is for the built-in stand-in, and there is a target".into());
        }
        self.check_http()?;
        self.check_tls()?;
        if schedule::zone(&self.time_zone).is_none() {
            return value("time_zone", format!("{:?} is not known here", self.time_zone));
        }
        Ok(())
    }

    fn check_http(&self) -> Result<(), PlanError> {
        let value = |reason: String| Err(PlanError::Value { what: "http connections", reason });
        match (self.http, self.http_connections) {
            (HttpMode::PerSession, Some(_)) => {
                value("they are for connections that sessions share: say --http pooled".into())
            }
            (HttpMode::Pooled, Some(count)) if count == 0 || count > http::CONNECTIONS_MAX => {
                value(format!("{count} is not from 1 to {}", http::CONNECTIONS_MAX))
            }
            _ => Ok(()),
        }
    }

    /// Options that TLS, or the lack of it, would silently ignore.
    fn check_tls(&self) -> Result<(), PlanError> {
        let value = |what, reason: String| Err(PlanError::Value { what, reason });
        let tls = &self.tls;
        if self.target.is_none() {
            if !self.stand_in_tls && *tls != Tls::default() {
                return value(
                    "TLS options",
                    "nothing is loaded over TLS: say --tls, or give a --target".into(),
                );
            }
            if !tls.ca.is_empty() || !self.resolve.is_empty() {
                return value("ca and resolve", "they are for a target, and the stand-in is loaded".into());
            }
        }
        if tls.insecure && !tls.ca.is_empty() {
            return value(
                "insecure",
                "any certificate is taken, and CAs are given: leave one of the two".into(),
            );
        }
        match tls.ca.iter().find_map(|file| file.certificates().err()) {
            Some(reason) => value("ca", reason),
            None => Ok(()),
        }
    }

    /// Options that the scenario would silently ignore.
    fn check_scenario(&self, scenario: &Scenario) -> Result<(), PlanError> {
        let ws = scenario.websocket.as_ref();
        let no_ping = ws.is_none_or(|ws| ws.ping.is_none());
        let wanting = [
            (ws.is_none() && !self.hold.is_zero(), "--hold", "[websocket] to hold"),
            (ws.is_none() && !self.ramp_down.is_zero(), "--ramp-down", "[websocket] to close"),
            (no_ping && self.ping_interval.is_some(), "--ping-interval", "[websocket.ping]"),
            (no_ping && self.pong_timeout.is_some(), "--pong-timeout", "[websocket.ping]"),
            (
                self.record_interval.is_some() && ws.is_none_or(|ws| ws.record.is_none()),
                "--record-interval",
                "record message",
            ),
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
    "system".into()
}

#[cfg(test)]
mod tests;
