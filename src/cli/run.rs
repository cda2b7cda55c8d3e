//! The options of `startline run`. Those that make a plan are `doctor`'s and `preflight`'s as well.

use crate::plan::sources::{PortMethod, SourceSpec};
use crate::plan::{End, HttpMode, KeyExchange, Rate, Resolve, SuiteOrder};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values;

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

/// The options that make up a plan, which `--plan` has all of.
pub(crate) const SETTINGS: [&str; 37] = [
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

/// Whether a `--members` value is meant as ids: a file of such a name is reached by `./`.
pub(crate) fn is_range(spec: &str) -> bool {
    spec.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

pub(crate) fn end(text: String) -> End {
    if text == "quit" { End::Quit } else { End::Close }
}
