//! The options of the target: `run`'s, with the same meaning.

use std::path::PathBuf;

use clap::Args;

use super::super::values;
use crate::plan::Resolve;
use crate::plan::sources::SourceSpec;
use crate::shell::quoted;

/// The target, and how to connect to it.
// This comment is the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::bare_urls, rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug, Default)]
pub struct TargetArgs {
    /// The servers, such as http://runnity.example:8080.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub target: String,

    /// The scenario, which says how a member logs in, looks up, joins and leaves: a built-in one's name, or a TOML file
    /// [default: runnity].
    #[arg(long, value_name = "NAME|FILE", help_heading = "Target")]
    pub scenario: Option<String>,

    /// The time zone of the servers, whose startAt and endAt carry none: a name, an offset such as +09:00, or system
    /// [default: system, this machine's own].
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, allow_hyphen_values = true, help_heading = "Target")]
    pub time_zone: Option<String>,

    /// Connect to this address for host and port, as with curl, such as runnity.example:443:10.0.0.5; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = "Target")]
    pub resolve: Vec<Resolve>,

    /// Connect from these addresses of this machine, in turn [default: the kernel's choice].
    #[arg(long, value_name = "ADDR", help_heading = "Target")]
    pub source_ip: Vec<SourceSpec>,

    /// Trust the CA certificates of this PEM file, instead of the system's; repeat for more.
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub ca: Vec<PathBuf>,

    /// Show this certificate (PEM, with those of CAs between) to servers that ask for one.
    #[arg(long, value_name = "FILE", help_heading = "Target", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The private key of --cert, PEM.
    #[arg(long, value_name = "FILE", help_heading = "Target", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Accept any certificate, whatever its issuer and names: for test servers only.
    #[arg(long, help_heading = "Target", conflicts_with = "ca")]
    pub insecure: bool,

    /// Variables of the scenario that a step sets.
    #[arg(skip)]
    pub set: Vec<(String, String)>,
}

/// The options as typed in a shell.
impl std::fmt::Display for TargetArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut option = |name: &str, value: &str| write!(f, "{name} {}", quoted(value));
        option("--target", &self.target)?;
        if let Some(scenario) = &self.scenario {
            option(" --scenario", scenario)?;
        }
        if let Some(zone) = &self.time_zone {
            option(" --time-zone", zone)?;
        }
        self.resolve.iter().try_for_each(|it| option(" --resolve", &it.to_string()))?;
        self.source_ip.iter().try_for_each(|it| option(" --source-ip", &it.to_string()))?;
        self.ca.iter().try_for_each(|it| option(" --ca", &it.display().to_string()))?;
        for (name, file) in [(" --cert", &self.cert), (" --key", &self.key)] {
            file.iter().try_for_each(|it| option(name, &it.display().to_string()))?;
        }
        if self.insecure { f.write_str(" --insecure") } else { Ok(()) }
    }
}
