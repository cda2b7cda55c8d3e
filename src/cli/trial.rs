//! The options of `startline try`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};

use super::run::SettingsArgs;
use super::values::{self, WebSocketUrl};
use crate::plan::Resolve;
use crate::plan::every::EveryOption;
use crate::plan::sources::SourceSpec;

/// Options of `startline try`.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::bare_urls, rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("servers").args(["target", "plan", "what"]).multiple(true), after_help = "\
Exit status:
  0  every step succeeded
  1  a step or a heartbeat failed
  2  wrong arguments
  3  a signal stopped it")]
pub struct TryArgs {
    /// Scenario: the name of a built-in one, or a TOML file [default: runnity]; or the URL of a WebSocket, such as ws://host:8080/path.
    #[arg(value_name = "NAME|FILE|URL", value_parser = tried)]
    pub what: Option<Tried>,

    /// The scenario, as `startline run` takes it.
    #[arg(long, value_name = "NAME|FILE", hide = true, conflicts_with = "what")]
    pub scenario: Option<String>,

    /// URL of the servers, such as http://runnity.example:8080 [default: the built-in mock server, started on this machine].
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub target: Option<String>,

    /// Whose session: an id such as 13, or the first of a range or of a CSV file.
    #[arg(long, value_name = "SPEC", help_heading = "Target")]
    pub members: Vec<String>,

    /// Challenge of the member; a CSV file has it in its challengeId column [mock server: 1].
    #[arg(long, value_name = "ID", value_parser = values::id, allow_negative_numbers = true, help_heading = "Target")]
    pub challenge: Option<u64>,

    /// Host, other than the target's, that a WebSocket URL from the server may lead to; repeat for more.
    #[arg(long, value_name = "HOST", value_parser = values::host, help_heading = "Target", requires = "servers")]
    pub allow_host: Vec<String>,

    /// Replace the beginning of WebSocket URLs from the server, such as wss://ws.example=ws://10.0.0.5:8081; repeat for more.
    #[arg(long, value_name = "FROM=TO", value_parser = values::url_map, help_heading = "Target", requires = "servers")]
    pub ws_map: Vec<(String, String)>,

    /// Connect to this address for a host and port, as with curl, such as runnity.example:443:10.0.0.5; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = "Target", requires = "servers")]
    pub resolve: Vec<Resolve>,

    /// Connect from this address of this machine [default: the kernel's choice].
    #[arg(long, value_name = "ADDR", help_heading = "Target")]
    pub source_ip: Vec<SourceSpec>,

    /// Trust the CA certificates of this PEM file instead of the system's; repeat for more.
    #[arg(long, value_name = "FILE", help_heading = "Target", requires = "servers")]
    pub ca: Vec<PathBuf>,

    /// Show this certificate (PEM, with those of CAs between) to servers that ask for one.
    #[arg(long, value_name = "FILE", help_heading = "Target", requires_all = ["servers", "key"])]
    pub cert: Option<PathBuf>,

    /// The private key of --cert, PEM.
    #[arg(long, value_name = "FILE", help_heading = "Target", requires_all = ["servers", "cert"])]
    pub key: Option<PathBuf>,

    /// Accept any certificate, whatever its issuer and names: for test servers only.
    #[arg(long, help_heading = "Target", conflicts_with = "ca")]
    pub insecure: bool,

    /// Set a variable of the scenario; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, help_heading = "Session")]
    pub set: Vec<(String, String)>,

    /// Set a variable of the scenario to what is in a file, which is not printed; repeat for more.
    #[arg(long, value_name = "NAME=PATH", value_parser = values::file_assignment, help_heading = "Session")]
    pub set_file: Vec<(String, PathBuf)>,

    /// Take the target, the scenario and the members from a run's plan.toml; other options override what it says.
    #[arg(long, value_name = "FILE", help_heading = "Session")]
    pub plan: Option<PathBuf>,

    /// Interval of the heartbeat called ping [default: the scenario's, 30s for runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "Session")]
    pub ping_interval: Option<Duration>,

    /// Timeout of the heartbeat called ping [default: the scenario's, 5s for runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "Session")]
    pub pong_timeout: Option<Duration>,

    /// Interval of the message called record, which is then sent [default: not sent with runnity].
    #[arg(long, value_name = "TIME", value_parser = values::delay, allow_hyphen_values = true, help_heading = "Session")]
    pub record_interval: Option<Duration>,

    /// Change a periodic message: NAME.interval=TIME (also 4s..8s or ~10s), NAME.timeout=TIME, NAME=on, NAME=off; repeat for more.
    #[arg(long, value_name = "CHANGE", help_heading = "Session")]
    pub every: Vec<EveryOption>,

    /// Time to stay open, at least [default: until each heartbeat was answered once].
    #[arg(long = "for", value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Session")]
    pub stay: Option<Duration>,

    /// Show header fields, and bodies as they are.
    #[arg(long, short, help_heading = "Output")]
    pub verbose: bool,

    /// Print each event as a line of JSON.
    #[arg(long, help_heading = "Output", conflicts_with = "verbose")]
    pub json: bool,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The scenario of this name or file.
    Scenario(String),
    /// A WebSocket alone.
    Url(WebSocketUrl),
}

fn tried(text: &str) -> Result<Tried, String> {
    match text.contains("://") {
        true => values::websocket_url(text).map(Tried::Url),
        false => Ok(Tried::Scenario(text.to_owned())),
    }
}

impl TryArgs {
    /// The same as options of a run of one session.
    ///
    /// # Errors
    /// A WebSocket's URL is given beside other servers.
    pub fn settings(&self) -> Result<SettingsArgs> {
        let (scenario, url) = match &self.what {
            Some(Tried::Scenario(scenario)) => (Some(scenario.clone()), None),
            Some(Tried::Url(url)) if self.target.is_none() && self.plan.is_none() => {
                (None, Some(url.clone()))
            }
            Some(Tried::Url(url)) => bail!(
                "{}{} names a server, and so does --target or --plan: give one of them",
                url.target,
                url.path
            ),
            None => (self.scenario.clone(), None),
        };
        Ok(SettingsArgs {
            url,
            target: self.target.clone(),
            challenge: self.challenge,
            members: self.members.clone(),
            allow_host: self.allow_host.clone(),
            ws_map: self.ws_map.clone(),
            resolve: self.resolve.clone(),
            source_ip: self.source_ip.clone(),
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            insecure: self.insecure,
            scenario,
            set: self.set.clone(),
            set_file: self.set_file.clone(),
            ping_interval: self.ping_interval,
            pong_timeout: self.pong_timeout,
            record_interval: self.record_interval,
            every: self.every.clone(),
            plan: self.plan.clone(),
            sessions: Some(1),
            ramp: Some(Duration::ZERO),
            workers: Some(1),
            ..SettingsArgs::default()
        })
    }
}
