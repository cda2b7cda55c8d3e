//! `startline run`: its options, and the settings that they mean.
//!
//! Two stages: [`SettingsArgs`] is what was typed, already of the right types; [`SettingsArgs::into_settings`] fills in presets
//! and defaults once all of it is known. `startline doctor` takes the same ones. Invariant: explicit options win over a preset, a preset over defaults.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::values;
use crate::plan::member_files::{self, MemberFile};
use crate::plan::roster::Roster;
use crate::plan::sources::{PortMethod, SourceSpec};
use crate::plan::{
    CaFile, End, HttpMode, KeyExchange, Rate, Resolve, ScenarioSettings, Settings, SuiteOrder, Tls, http,
};
use crate::scenario::Scenario;

/// The first member against the stand-in: as in the guide's files.
const STAND_IN_FIRST_MEMBER: u64 = 13;
/// The challenge against the stand-in, where none is given.
const STAND_IN_CHALLENGE: u64 = 1;
/// What the stand-in speaks.
const STAND_IN_SCENARIO: &str = "runnity";

/// Options of `startline run`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_line_help = false)]
pub struct RunArgs {
    /// What is to be run.
    #[command(flatten)]
    pub settings: SettingsArgs,

    /// Write the results to this directory, which must be new or empty [default: startline-<time>].
    // This comment is the help text, where Markdown's brackets would be in the way.
    #[allow(rustdoc::invalid_html_tags)]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the result as JSON on standard output, and nothing else there.
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print nothing while it runs, the verdict only.
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,
}

/// Options that make up a plan.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::bare_urls, rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug, Default)]
pub struct SettingsArgs {
    /// Where to send the load, such as http://runnity.example:8080; without it, a stand-in is started on this box.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub target: Option<String>,

    /// The challenge of all members; with CSV files it comes from their challengeId column [stand-in: 1].
    #[arg(long, value_name = "ID", value_parser = values::id, help_heading = "Target")]
    pub challenge: Option<u64>,

    /// Members: a range of ids such as 13-6012, or a CSV file with the header memberId,challengeId. Repeat for more
    /// files. The first ones are used, as many as there are sessions [stand-in: as many as needed, from 13].
    #[arg(long, value_name = "SPEC", help_heading = "Target")]
    pub members: Vec<String>,

    /// A host besides the target's that a handed-out WebSocket URL may lead to; repeat for more.
    #[arg(long, value_name = "HOST", value_parser = values::host, help_heading = "Target", requires = "target")]
    pub allow_host: Vec<String>,

    /// Replace the beginning of handed-out WebSocket URLs, such as wss://ws.example=ws://10.0.0.5:8081; repeat for
    /// more, the first that fits is used.
    #[arg(long, value_name = "FROM=TO", value_parser = values::url_map, help_heading = "Target", requires = "target")]
    pub ws_map: Vec<(String, String)>,

    /// Connect to this address for host and port, as with curl: load one server of several, or one that is not in the
    /// DNS, such as runnity.example:443:10.0.0.5; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = "Target", requires = "target")]
    pub resolve: Vec<Resolve>,

    /// Wait for the challenge to become READY, 5 minutes before its startAt.
    #[arg(long, help_heading = "Target", requires = "target")]
    pub wait_ready: bool,

    /// The time zone of the servers, whose startAt and endAt carry none: a name, an offset such as +09:00, or system
    /// [default: system, this box's own].
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, allow_hyphen_values = true, help_heading = "Target", requires = "target")]
    pub time_zone: Option<String>,

    /// A named set of settings, which single options override. guide: the load test guide's run, 6000 sessions,
    /// ramp and ramp-down 240s, hold 30m, PING every 30s, PONG within 5s. (The guide's own ramp of 300s cannot fit
    /// the five minutes from READY to startAt in which members can enter.)
    #[arg(long, value_name = "NAME", value_enum, help_heading = "Load")]
    pub preset: Option<Preset>,

    /// A short run to see how it works: 500 sessions against the built-in mock server, with a PING every 5s, in 20
    /// seconds. Single options override it.
    #[arg(long, help_heading = "Load", conflicts_with_all = ["target", "preset"])]
    pub demo: bool,

    /// Sessions to start; k is 1000 [default: all members given, else 6000].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Load")]
    pub sessions: Option<u32>,

    /// Spread the arrivals over this time [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Load")]
    pub ramp: Option<Duration>,

    /// Arrivals a second or minute, such as 100/s, instead of --ramp.
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = "Load", conflicts_with = "ramp")]
    pub rate: Option<Rate>,

    /// Hold the sessions for this time once all have arrived [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Load")]
    pub hold: Option<Duration>,

    /// Spread the closes over this time; N sessions that close cause N²/2 broadcasts [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Load")]
    pub ramp_down: Option<Duration>,

    /// How sessions end: a plain close lets members re-enter, quit bars them from this challenge for good [default:
    /// close].
    #[arg(
        long,
        value_name = "HOW",
        value_parser = PossibleValuesParser::new(["close", "quit"]).map(end),
        help_heading = "Load"
    )]
    pub end: Option<End>,

    /// The scenario: a built-in one's name, or a TOML file [default: runnity].
    #[arg(long, value_name = "NAME|FILE", help_heading = "Sessions")]
    pub scenario: Option<String>,

    /// Set a variable of the scenario; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, help_heading = "Sessions")]
    pub set: Vec<(String, String)>,

    /// Between two PINGs of a session [default: the scenario's, 30s for runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, help_heading = "Sessions")]
    pub ping_interval: Option<Duration>,

    /// From a PING to its PONG [default: the scenario's, 5s for runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, help_heading = "Sessions")]
    pub pong_timeout: Option<Duration>,

    /// Have each session send its progress (RECORD) at this interval [default: never].
    #[arg(long, value_name = "TIME", value_parser = values::delay, help_heading = "Sessions")]
    pub record_interval: Option<Duration>,

    /// Load the stand-in over https and wss, with a certificate made for the run. A target says so by its URL.
    #[arg(long, help_heading = "TLS", conflicts_with = "target")]
    pub tls: bool,

    /// Trust the CA certificates of this PEM file, instead of the system's; repeat for more.
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "target")]
    pub ca: Vec<PathBuf>,

    /// Take any certificate, whoever signed it and whatever its names: for test servers only. The result says so.
    #[arg(long, help_heading = "TLS", conflicts_with = "ca")]
    pub insecure: bool,

    /// Make every handshake a full one. Otherwise a session's WebSocket resumes the TLS session of its own HTTP
    /// connection, as a phone does.
    #[arg(long, help_heading = "TLS")]
    pub no_tls_resumption: bool,

    /// How keys are agreed on: x25519, or the post-quantum hybrid, which is 1.2 KB more up and 1.1 KB more down a
    /// handshake [default: x25519].
    #[arg(long, value_name = "GROUP", value_enum, help_heading = "TLS")]
    pub tls_key_exchange: Option<KeyExchange>,

    /// Cipher suites: compact offers AES-128-GCM first, whose sessions are the smallest; rustls is that library's own
    /// order, AES-256 first; the others offer one alone [default: compact].
    #[arg(long, value_name = "ORDER", value_enum, help_heading = "TLS")]
    pub tls_suites: Option<SuiteOrder>,

    /// Append the connections' secrets to the file that the variable SSLKEYLOGFILE names, for Wireshark. Whoever has
    /// it can read everything.
    #[arg(long, help_heading = "TLS")]
    pub tls_key_log: bool,

    /// Keep rustls's object in every session, instead of its secrets alone: to measure what that costs.
    #[arg(long, hide = true)]
    pub tls_keep_rustls: bool,

    /// Have the stand-in send no broadcasts: N sessions then receive N messages, not N²/2.
    #[arg(long, help_heading = "This box", conflicts_with = "target")]
    pub no_broadcast: bool,

    /// Connections of the HTTP steps (login, enter): one per session, as in the field, or pooled, a few that are kept
    /// alive and shared by a worker's sessions, for set-up at scale [default: per-session].
    #[arg(long, value_name = "HOW", value_enum, help_heading = "This box")]
    pub http: Option<HttpMode>,

    /// Shared connections of each worker with --http pooled. When all are in use, sessions wait for one, and their
    /// login's time from due has that wait in it: slow servers need more [default: 32].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "This box", requires = "http")]
    pub http_connections: Option<u32>,

    /// Connect from these addresses of this box, in turn: an address, a range such as 10.0.0.11-10.0.0.17, or a block such
    /// as 10.0.0.0/28; repeat for more [default: the kernel's choice; for a target on this box that needs more ports
    /// than one has, addresses of 127.0.1.0/24].
    #[arg(long, value_name = "ADDR", help_heading = "This box")]
    pub source_ip: Vec<SourceSpec>,

    /// How connections get their ports, instead of as this kernel does best: to measure what that is worth.
    #[arg(long, value_name = "METHOD", value_enum, hide = true)]
    pub ports: Option<PortMethod>,

    /// Engine threads, each pinned to a core and with a descriptor limit of its own, 256 at most [default: one a core, and as many
    /// more as the limit asks for].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "This box")]
    pub workers: Option<u32>,

    /// How late this box may be itself, as lag p99, for results to count; above it the run proves nothing. More than the default
    /// is for a box that is busy with other things as well: its lateness is then in the latencies [default: a tenth of the
    /// tightest timeout].
    #[arg(long, value_name = "TIME", value_parser = values::delay, help_heading = "This box")]
    pub lag_limit: Option<Duration>,

    /// Seed of everything that is drawn at random [default: drawn, and kept in plan.toml].
    #[arg(long, value_name = "N", value_parser = values::seed, help_heading = "This box")]
    pub seed: Option<u64>,

    /// Repeat a run from its plan.toml, which has all settings in it.
    #[arg(long, value_name = "FILE", help_heading = "This box", conflicts_with_all = SETTINGS)]
    pub plan: Option<PathBuf>,
}

/// More than ten million members take.
const MEMBER_FILE_BYTES_MAX: u64 = 256 << 20;

/// The options that make up a plan, which `--plan` has all of.
const SETTINGS: [&str; 37] = [
    "target",
    "challenge",
    "members",
    "allow_host",
    "ws_map",
    "resolve",
    "wait_ready",
    "time_zone",
    "preset",
    "demo",
    "sessions",
    "ramp",
    "rate",
    "hold",
    "ramp_down",
    "end",
    "scenario",
    "set",
    "ping_interval",
    "pong_timeout",
    "record_interval",
    "tls",
    "ca",
    "insecure",
    "no_tls_resumption",
    "tls_key_exchange",
    "tls_suites",
    "tls_key_log",
    "tls_keep_rustls",
    "no_broadcast",
    "source_ip",
    "ports",
    "http",
    "http_connections",
    "workers",
    "lag_limit",
    "seed",
];

/// Named sets of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// The load test guide's run.
    Guide,
}

/// What holds where nothing is said.
struct Defaults {
    sessions: Option<u32>,
    ramp: Duration,
    hold: Duration,
    ramp_down: Duration,
    ping_interval: Option<Duration>,
    pong_timeout: Option<Duration>,
}

impl Defaults {
    /// A run that shows every part of the result in 20 seconds.
    const DEMO: Self = Self {
        sessions: Some(500),
        ramp: Duration::from_secs(5),
        hold: Duration::from_secs(11),
        ramp_down: Duration::from_secs(4),
        // Two cycles within the hold.
        ping_interval: Some(Duration::from_secs(5)),
        pong_timeout: None,
    };

    fn of(preset: Option<Preset>, has_websocket: bool) -> Self {
        match preset {
            Some(Preset::Guide) => Self {
                sessions: Some(6000),
                ramp: Duration::from_secs(240),
                hold: Duration::from_secs(30 * 60),
                // Leaving is as many broadcasts as entering, so the servers get the same time for it.
                ramp_down: Duration::from_secs(240),
                ping_interval: Some(Duration::from_secs(30)),
                pong_timeout: Some(Duration::from_secs(5)),
            },
            None => Self {
                sessions: None,
                ramp: Duration::from_secs(60),
                hold: if has_websocket { Duration::from_secs(60) } else { Duration::ZERO },
                ramp_down: if has_websocket { Duration::from_secs(30) } else { Duration::ZERO },
                ping_interval: None,
                pong_timeout: None,
            },
        }
    }
}

impl SettingsArgs {
    /// What the options mean: presets and defaults filled in, files read.
    ///
    /// # Errors
    /// Files that cannot be read or are wrong, and what the scenario cannot do.
    pub fn into_settings(self) -> anyhow::Result<Settings> {
        if let Some(file) = &self.plan {
            let name = file.display().to_string();
            let text = fs::read_to_string(file).with_context(|| format!("cannot read the plan {name}"))?;
            return Ok(Settings::from_toml(&name, &text)?);
        }
        let (scenario, compiled) = self.scenario_settings()?;
        let defaults = match self.demo {
            true => Defaults::DEMO,
            false => Defaults::of(self.preset, compiled.websocket.is_some()),
        };
        let (sessions, members) = self.sessions_and_members(defaults.sessions, &compiled)?;
        let ramp = match self.rate {
            Some(rate) => rate.ramp(sessions),
            None => self.ramp.unwrap_or(defaults.ramp),
        };
        let tls = self.tls_settings()?;
        let settings = Settings {
            startline: env!("CARGO_PKG_VERSION").to_owned(),
            target: self.target,
            sessions,
            members,
            ramp,
            hold: self.hold.unwrap_or(defaults.hold),
            ramp_down: self.ramp_down.unwrap_or(defaults.ramp_down),
            end: self.end.unwrap_or(End::Close),
            ping_interval: self.ping_interval.or(defaults.ping_interval),
            pong_timeout: self.pong_timeout.or(defaults.pong_timeout),
            record_interval: self.record_interval,
            no_broadcast: self.no_broadcast,
            workers: self.workers.map(|workers| workers as usize),
            source_ips: self.source_ip,
            ports: self.ports,
            lag_limit: self.lag_limit,
            // 32 bits are plenty, and every JSON reader keeps them.
            seed: self.seed.unwrap_or_else(|| u64::from(fastrand::u32(..))),
            allow_hosts: self.allow_host,
            ws_map: self.ws_map,
            resolve: self.resolve,
            http: self.http.unwrap_or_default(),
            http_connections: self
                .http_connections
                .or((self.http == Some(HttpMode::Pooled)).then_some(http::CONNECTIONS_DEFAULT)),
            stand_in_tls: self.tls,
            tls,
            wait_ready: self.wait_ready,
            time_zone: self.time_zone.unwrap_or_else(|| "system".to_owned()),
            scenario,
        };
        // Says early, and by the option's name, what the scenario cannot do.
        settings.scenario()?;
        Ok(settings)
    }

    fn tls_settings(&self) -> anyhow::Result<Tls> {
        Ok(Tls {
            ca: self.ca.iter().map(|file| ca_file(file)).collect::<anyhow::Result<_>>()?,
            insecure: self.insecure,
            resumption: !self.no_tls_resumption,
            key_exchange: self.tls_key_exchange.unwrap_or_default(),
            suites: self.tls_suites.unwrap_or_default(),
            key_log: self.tls_key_log,
            keep_rustls: self.tls_keep_rustls,
        })
    }

    /// The scenario's source with what is set, and what it compiles to.
    fn scenario_settings(&self) -> anyhow::Result<(ScenarioSettings, Scenario)> {
        let (file, source) = Scenario::find(self.scenario.as_deref().unwrap_or("runnity"))?;
        let compiled = Scenario::compile(&file, &source, &self.set)?;
        let set: BTreeMap<String, String> = self.set.iter().cloned().collect();
        Ok((ScenarioSettings { file, set, source }, compiled))
    }

    /// How many sessions there are, and exactly their members.
    fn sessions_and_members(
        &self,
        preset: Option<u32>,
        scenario: &Scenario,
    ) -> anyhow::Result<(u32, Roster)> {
        let asked = self.sessions.or(preset);
        let built_in = self.scenario.as_deref().filter(|name| Scenario::builtin(name).is_some());
        if self.target.is_none() && built_in.is_some_and(|name| name != STAND_IN_SCENARIO) {
            bail!(
                "the built-in stand-in speaks \"{STAND_IN_SCENARIO}\" only, and the scenario is \"{}\": give its servers \
                 with --target URL",
                scenario.name
            );
        }
        if self.target.is_some() && self.members.is_empty() && scenario.has_challenge() {
            bail!(
                "--target needs --members: the ids of the test members there, such as 13-6012, or a CSV file"
            );
        }
        if self.members.is_empty() {
            let sessions = asked.unwrap_or(6000);
            let last = STAND_IN_FIRST_MEMBER + u64::from(sessions) - 1;
            let challenge = self.challenge.unwrap_or(STAND_IN_CHALLENGE);
            return Ok((sessions, Roster::range(STAND_IN_FIRST_MEMBER, last, challenge)));
        }
        let roster = self.roster(scenario)?;
        let sessions = match asked {
            Some(sessions) => sessions,
            None => roster.sessions()?,
        };
        if sessions == 0 {
            bail!("--members: there are none in {}", self.members.join(", "));
        }
        Ok((sessions, roster.first(sessions)?))
    }

    /// All members given.
    fn roster(&self, scenario: &Scenario) -> anyhow::Result<Roster> {
        let ranges = self.members.iter().filter(|spec| is_range(spec)).count();
        match &self.members[..] {
            [range] if ranges == 1 => {
                let ids = values::id_range(range).map_err(|reason| anyhow::anyhow!("--members: {reason}"))?;
                Ok(Roster::range(*ids.start(), *ids.end(), self.challenge_of_range(range, scenario)?))
            }
            files if ranges == 0 => {
                let files = files.iter().map(|file| member_file(file)).collect::<Result<Vec<_>, _>>()?;
                Ok(member_files::read(&files, self.challenge)?)
            }
            specs => bail!(
                "--members takes one range or any number of files, not {}: put them in a file",
                specs.join(" and ")
            ),
        }
    }

    fn challenge_of_range(&self, range: &str, scenario: &Scenario) -> anyhow::Result<u64> {
        match self.challenge {
            Some(challenge) => Ok(challenge),
            None if self.target.is_none() || !scenario.has_challenge() => Ok(STAND_IN_CHALLENGE),
            None => bail!("--members {range} does not say which challenge they are in: give --challenge ID"),
        }
    }
}

/// Whether a `--members` value is meant as ids: a file of such a name is reached by `./`.
pub(super) fn is_range(spec: &str) -> bool {
    spec.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn ca_file(file: &Path) -> anyhow::Result<CaFile> {
    let name = file.display().to_string();
    let pem = fs::read_to_string(file).with_context(|| format!("--ca: cannot read {name}"))?;
    CaFile::new(&name, pem).map_err(|reason| anyhow::anyhow!("--ca: {reason}"))
}

fn member_file(name: &str) -> anyhow::Result<MemberFile> {
    // A pipe is welcome, a device that never ends is not.
    let mut bytes = Vec::new();
    fs::File::open(name)
        .and_then(|file| file.take(MEMBER_FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read the members' file {name}"))?;
    if bytes.len() as u64 > MEMBER_FILE_BYTES_MAX {
        bail!("the members' file {name} is longer than {} MiB: is it one?", MEMBER_FILE_BYTES_MAX >> 20);
    }
    Ok(MemberFile { name: name.to_owned(), bytes })
}

fn end(text: String) -> End {
    if text == "quit" { End::Quit } else { End::Close }
}

#[cfg(test)]
mod tests;
