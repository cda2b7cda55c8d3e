//! The options of `startline run`. Those that make a plan are `doctor`'s and `preflight`'s as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use startline_os::units;

use super::values::{self, WebSocketUrl};
use super::watch::{Required, WatchOptions};
use crate::lang::Lang;
use crate::plan::every::{self, EveryOption};
use crate::plan::shape::Stage;
use crate::plan::sources::{PortMethod, SourceSpec};
use crate::plan::{End, HttpMode, KeyExchange, Observers, Rate, Resolve, Shard, SuiteOrder};
use crate::scenario::every::Interval;

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

    /// Write the result in another form as well when the run ends, such as junit=junit.xml: csv, hlog, html, json, junit, markdown or text; repeat for more.
    #[arg(long, value_name = "FORMAT=PATH", value_parser = values::report, help_heading = "Output")]
    pub report: Vec<(String, PathBuf)>,

    /// Serve metrics for Prometheus at /metrics on this address and port, such as 127.0.0.1:9464, until the end; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::listen, help_heading = "Output")]
    pub metrics: Option<SocketAddr>,

    /// What is watched beside the sessions.
    #[command(flatten)]
    pub watch: WatchOptions,

    /// Make the run inconclusive (exit status 3) if a criterion is not measured: all.
    #[arg(long, value_name = "WHICH", value_enum, hide_possible_values = true, help_heading = "Servers")]
    pub require: Option<Required>,

    /// Load servers that are not on this machine at once, without the countdown on a terminal.
    #[arg(long, help_heading = "Output")]
    pub yes: bool,

    /// Print the result as JSON on standard output, and nothing else there.
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print only the result, nothing while it runs.
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,

    /// Language of the summary and the page: en or ko.
    #[arg(long, value_enum, hide_possible_values = true, default_value_t, help_heading = "Output")]
    pub lang: Lang,
    /// Show one status line while it runs, instead of the live view on the whole terminal.
    #[arg(long, help_heading = "Output")]
    pub no_live: bool,
}

/// The options that make a plan.
///
/// Serialized, each option has the key of [`Settings`](crate::plan::Settings) that it sets: that is
/// how it gets there. The skipped ones are read or computed first.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::bare_urls, rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug, Default, Serialize)]
#[command(group = ArgGroup::new("servers").args(["target", "plan", "url"]).multiple(true))]
#[command(group = ArgGroup::new("http-steps").args(["http", "plan"]).multiple(true))]
pub struct SettingsArgs {
    /// URL of a WebSocket, such as ws://host:8080/path: play the built-in scenario plain, which opens it, counts what comes and pings.
    #[arg(value_name = "URL", value_parser = values::websocket_url, conflicts_with_all = ["target", "scenario", "plan", "preset", "demo"])]
    #[serde(skip)]
    pub url: Option<WebSocketUrl>,

    /// URL of the servers to load, such as http://runnity.example:8080 [default: the built-in mock server, started on this machine].
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub target: Option<String>,

    /// Challenge of all members; CSV files have it in their challengeId column [mock server: 1].
    #[arg(long, value_name = "ID", value_parser = values::id, allow_negative_numbers = true, help_heading = "Target")]
    #[serde(skip)]
    pub challenge: Option<u64>,

    /// Members: a range of ids such as 13-6012, or a CSV file, of which every column is a variable of the scenario; repeat for more files. The first --sessions of them are used [mock server: from 13 on].
    #[arg(long, value_name = "SPEC", help_heading = "Target")]
    #[serde(skip)]
    pub members: Vec<String>,

    /// Use members again where there are more sessions than members.
    #[arg(long, help_heading = "Target")]
    pub recycle: bool,

    /// Host, other than the target's, that a WebSocket URL from the server may lead to; repeat for more.
    #[arg(long, value_name = "HOST", value_parser = values::host, help_heading = "Target", requires = "servers")]
    #[serde(rename = "allow_hosts")]
    pub allow_host: Vec<String>,

    /// Replace the beginning of WebSocket URLs from the server, such as wss://ws.example=ws://10.0.0.5:8081; repeat for more, the first match wins.
    #[arg(long, value_name = "FROM=TO", value_parser = values::url_map, help_heading = "Target", requires = "servers")]
    pub ws_map: Vec<(String, String)>,

    /// WebSocket servers that there should be: members' hashes are taken modulo this, and a server that gets nobody is a failure of the spread [default: as many as are seen].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "Target")]
    pub expect_servers: Option<u32>,

    /// Connect to this address for a host and port, as with curl, such as runnity.example:443:10.0.0.5; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = "Target", requires = "servers")]
    pub resolve: Vec<Resolve>,

    /// Wait for the challenge to become READY, 5 minutes before its startAt.
    #[arg(long, help_heading = "Target", requires = "servers")]
    pub wait_ready: bool,

    /// Time zone of the servers' startAt and endAt: a name, an offset such as +09:00, or system [default: system, this machine's own].
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, allow_hyphen_values = true, help_heading = "Target", requires = "servers")]
    pub time_zone: Option<String>,

    /// Named set of settings, which single options override. guide: the load test guide's run, 6000 sessions, ramp and ramp-down 240s, hold 30m, PING every 30s, PONG within 5s.
    #[arg(long, value_name = "NAME", value_enum, help_heading = "Load")]
    #[serde(skip)]
    pub preset: Option<Preset>,

    /// Short run to see how it works: 500 sessions against the built-in mock server, a PING every 5s, in 20 seconds; single options override it.
    #[arg(long, help_heading = "Load", conflicts_with_all = ["target", "preset"])]
    #[serde(skip)]
    pub demo: bool,

    /// Sessions to start; k is 1000 [default: all members given, else 6000, or 100 with another scenario than Runnity's].
    #[arg(long, short = 'n', value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "Load")]
    pub sessions: Option<u32>,

    /// Time over which the arrivals are spread [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Load")]
    #[serde(with = "units::optional_duration_serde")]
    pub ramp: Option<Duration>,

    /// Arrivals a second or minute, such as 100/s, instead of --ramp.
    #[arg(long, value_name = "RATE", value_parser = values::rate, allow_hyphen_values = true, help_heading = "Load", conflicts_with = "ramp")]
    #[serde(skip)]
    pub rate: Option<Rate>,

    /// Time to hold the sessions once all have arrived [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Load")]
    #[serde(with = "units::optional_duration_serde")]
    pub hold: Option<Duration>,

    /// Move the number of open sessions to a level in this time, such as 2m:1000, or hold it, with a name for criteria: spike=30s:5000; repeat for more, instead of --ramp, --hold and --sessions.
    #[arg(long, value_name = "TIME:SESSIONS", help_heading = "Load", conflicts_with_all = ["ramp", "rate", "hold", "sessions", "demo", "preset"])]
    #[serde(rename = "stages")]
    pub stage: Vec<Stage>,

    /// Find the most sessions that hold: raise the load by --step, each step over --ramp and for --hold, until a criterion fails or there are --sessions, then confirm the last good level [default: --ramp 10s, --hold 15s].
    #[arg(long, help_heading = "Load", conflicts_with_all = ["stage", "rate", "lifetime", "demo"])]
    #[serde(skip)]
    pub find_max: bool,

    /// Sessions that each step of --find-max adds [default: a tenth of --sessions].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "Load", requires = "find_max")]
    #[serde(skip)]
    pub step: Option<u32>,

    /// How long a session stays before another takes its place: 10m, 5m..15m, or ~10m on average.
    #[arg(long, value_name = "TIME", value_parser = values::lifetime, allow_hyphen_values = true, help_heading = "Load")]
    #[serde(with = "every::optional_interval_serde")]
    pub lifetime: Option<Interval>,

    /// Cut this share of the open connections at this time of the run, such as 10%@5m:fin; fin closes them without a close frame, reset resets them, silent leaves the peer half-open; off: none that the plan has; repeat for more.
    #[arg(long, value_name = "SHARE%@TIME:HOW", help_heading = "Load")]
    #[serde(skip)]
    pub drop: Vec<String>,

    /// Time over which the closes are spread; N sessions that close cause N²/2 broadcasts [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Load")]
    #[serde(with = "units::optional_duration_serde")]
    pub ramp_down: Option<Duration>,

    /// How sessions end: close lets members re-enter, quit bars them from this challenge for good [default: close].
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Load")]
    pub end: Option<End>,

    /// Scenario: the name of a built-in one, or a TOML file [default: runnity].
    #[arg(long, value_name = "NAME|FILE", help_heading = "Sessions")]
    #[serde(skip)]
    pub scenario: Option<String>,

    /// Set a variable of the scenario; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, help_heading = "Sessions")]
    #[serde(skip)]
    pub set: Vec<(String, String)>,

    /// Set a variable of the scenario to what is in a file, at most 64 KiB without its last line end, and keep it out of every output; repeat for more.
    #[arg(long, value_name = "NAME=PATH", value_parser = values::file_assignment, help_heading = "Sessions")]
    #[serde(skip)]
    pub set_file: Vec<(String, PathBuf)>,

    /// Interval of the heartbeat called ping, as --every ping.interval=TIME [default: the scenario's, 30s for runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "Sessions")]
    #[serde(with = "units::optional_duration_serde")]
    pub ping_interval: Option<Duration>,

    /// Timeout of the heartbeat called ping, as --every ping.timeout=TIME [default: the scenario's, 5s for runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "Sessions")]
    #[serde(with = "units::optional_duration_serde")]
    pub pong_timeout: Option<Duration>,

    /// Interval of the message called record, which is then sent [default: not sent with runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "Sessions")]
    #[serde(with = "units::optional_duration_serde")]
    pub record_interval: Option<Duration>,

    /// Change a periodic message of the scenario: NAME.interval=TIME (also 4s..8s or ~10s), NAME.timeout=TIME, NAME=on, NAME=off; repeat for more.
    #[arg(long, value_name = "CHANGE", help_heading = "Sessions")]
    pub every: Vec<EveryOption>,

    /// Load the built-in mock server over https and wss, with a certificate made for the run; for a target, its URL decides.
    #[arg(long, help_heading = "TLS", conflicts_with = "target")]
    #[serde(rename = "mock_tls")]
    pub tls: bool,

    /// Trust the CA certificates of this PEM file instead of the system's; repeat for more.
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "servers")]
    #[serde(skip)]
    pub ca: Vec<PathBuf>,

    /// Show this certificate (PEM, with those of CAs between) to servers that ask for one.
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires_all = ["servers", "key"])]
    #[serde(skip)]
    pub cert: Option<PathBuf>,

    /// The private key of --cert, PEM; results and plans name the file and never hold the key.
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires_all = ["servers", "cert"])]
    #[serde(skip)]
    pub key: Option<PathBuf>,

    /// Accept any certificate, whatever its issuer and names: for test servers only; the result says so.
    #[arg(long, help_heading = "TLS", conflicts_with = "ca")]
    #[serde(rename = "tls.insecure")]
    pub insecure: bool,

    /// Make every TLS handshake a full one; otherwise a session's WebSocket resumes its own HTTP connection's, as a phone does.
    #[arg(long, help_heading = "TLS")]
    #[serde(rename = "tls.resumption", serialize_with = "negated")]
    pub no_tls_resumption: bool,

    /// Key exchange: x25519, or the post-quantum hybrid, which sends 2.3 KB more a handshake [default: x25519].
    #[arg(long, value_name = "GROUP", value_enum, help_heading = "TLS")]
    #[serde(rename = "tls.key_exchange")]
    pub tls_key_exchange: Option<KeyExchange>,

    /// Cipher suites: compact offers AES-128-GCM first, rustls AES-256 first, the others one alone [default: compact].
    #[arg(long, value_name = "ORDER", value_enum, help_heading = "TLS")]
    #[serde(rename = "tls.suites")]
    pub tls_suites: Option<SuiteOrder>,

    /// Append the connections' secrets to the file that the variable SSLKEYLOGFILE names, for Wireshark; it can decrypt everything.
    #[arg(long, help_heading = "TLS")]
    #[serde(rename = "tls.key_log")]
    pub tls_key_log: bool,

    /// Keep rustls's object in every session, instead of its secrets alone: to measure what that costs.
    #[arg(long, hide = true)]
    #[serde(rename = "tls.keep_rustls")]
    pub tls_keep_rustls: bool,

    /// Expect no broadcasts, and have the built-in mock server send none: N sessions then receive N messages, not N²/2.
    #[arg(long, help_heading = "This machine")]
    pub no_broadcast: bool,

    /// Sessions that judge the broadcasts that they receive, spread evenly, or all; a pair of sessions takes 2 bits of memory, 100 MB for all of 20k [default: all up to 10k, 64 beyond].
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "This machine")]
    pub observers: Option<Observers>,

    /// Connections of the HTTP steps: one per session, as real clients have, or pooled, a few that a worker's sessions share [default: per-session].
    #[arg(long, value_name = "HOW", value_enum, help_heading = "This machine")]
    pub http: Option<HttpMode>,

    /// Shared connections of each worker with --http pooled; sessions wait while all are in use, and slow servers need more [default: 32].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "This machine", requires = "http-steps")]
    pub http_connections: Option<u32>,

    /// Connect from these addresses of this machine, in turn: an address, a range such as 10.0.0.11-10.0.0.17, or a block such as 10.0.0.0/28; repeat for more [default: the kernel's choice, and 127.0.1.0/24 where a local target needs more ports].
    #[arg(long, value_name = "ADDR", help_heading = "This machine")]
    #[serde(rename = "source_ips")]
    pub source_ip: Vec<SourceSpec>,

    /// How connections get their ports, instead of the best way that this kernel has: to measure the difference.
    #[arg(long, value_name = "METHOD", value_enum, hide = true)]
    pub ports: Option<PortMethod>,

    /// Engine threads, each pinned to a core, at most 256 [default: one a core, and more where the descriptor limit needs them].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "This machine")]
    pub workers: Option<u32>,

    /// Lag p99 of this machine above which the run is inconclusive [default: a tenth of the tightest timeout].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "This machine")]
    #[serde(with = "units::optional_duration_serde")]
    pub lag_limit: Option<Duration>,

    /// Play one of several parts of the plan, such as 0/4, of which each has every 4th session; auto/4 takes the number from JOB_COMPLETION_INDEX or SLURM_PROCID. All shards need the same plan; merge adds up their results.
    #[arg(long, value_name = "I/N", value_parser = values::shard, help_heading = "Load", requires = "servers")]
    pub shard: Option<Shard>,

    /// Start the first session at this instant, such as 2026-01-31T09:30:00Z, so that shards start together; an instant that has passed is refused.
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, help_heading = "Load")]
    pub start_at: Option<Timestamp>,

    /// End the run early when a measure is beyond a limit for a time, 10s unless given, such as steps.enter.p95_ms>500:30s; off: never; repeat for more [default: errors.rate>50%:10s].
    #[arg(long, value_name = "MEASURE>LIMIT[:TIME]", help_heading = "Load")]
    #[serde(skip)]
    pub abort_on: Vec<String>,

    /// Seed of everything random [default: random, kept in plan.toml; 1 with --shard].
    #[arg(long, value_name = "N", value_parser = values::seed, allow_negative_numbers = true, help_heading = "This machine")]
    pub seed: Option<u64>,

    /// Repeat a run from its plan.toml; other options override what it says.
    #[arg(long, value_name = "FILE", help_heading = "This machine", conflicts_with_all = ["preset", "demo"])]
    #[serde(skip)]
    pub plan: Option<PathBuf>,
}

/// An option that turns off a setting which is on by default.
fn negated<S: Serializer>(is_off: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!is_off)
}

/// Named sets of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// The load test guide's run.
    Guide,
}

/// Returns whether a `--members` value is a range of ids; write `./` before a file of such a name.
pub(crate) fn is_range(spec: &str) -> bool {
    spec.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}
