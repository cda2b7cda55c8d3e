//! Where preparation goes: the options that say so, and what they mean.
//!
//! The same options as `run`'s, with the same meaning. Invariant: nothing is opened before all of them have been checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use startline_os::descriptors;

use super::super::run::SettingsArgs;
use super::super::{agent, doctor, hosts, values};
use super::shell::quoted;
use crate::engine::Hosts;
use crate::plan::sources::SourceSpec;
use crate::plan::{Plan, Resolve, Settings};
use crate::scenario::schedule::Schedule;

/// Where preparation goes, and how.
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
    /// [default: system, this box's own].
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, allow_hyphen_values = true, help_heading = "Target")]
    pub time_zone: Option<String>,

    /// Connect to this address for host and port, as with curl, such as runnity.example:443:10.0.0.5; repeat for more.
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = "Target")]
    pub resolve: Vec<Resolve>,

    /// Connect from these addresses of this box, in turn [default: the kernel's choice].
    #[arg(long, value_name = "ADDR", help_heading = "Target")]
    pub source_ip: Vec<SourceSpec>,

    /// Trust the CA certificates of this PEM file, instead of the system's; repeat for more.
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub ca: Vec<PathBuf>,

    /// Take any certificate, whoever signed it and whatever its names: for test servers only.
    #[arg(long, help_heading = "Target", conflicts_with = "ca")]
    pub insecure: bool,

    /// Variables of the scenario that a step sets.
    #[arg(skip)]
    pub set: Vec<(String, String)>,
}

/// Everything that asking a target takes.
#[derive(Debug)]
pub struct Prepared {
    /// What was asked for.
    pub settings: Settings,
    /// The plan that it makes.
    pub plan: Plan,
    /// The hosts of the plan.
    pub hosts: Hosts,
}

impl TargetArgs {
    /// What it takes to ask for these members of this challenge (as `run`'s options have them), and to play
    /// sessions.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn prepared(&self, members: Vec<String>, challenge: Option<u64>) -> Result<Prepared> {
        let args = SettingsArgs {
            target: Some(self.target.clone()),
            scenario: self.scenario.clone(),
            set: self.set.clone(),
            time_zone: self.time_zone.clone(),
            resolve: self.resolve.clone(),
            source_ip: self.source_ip.clone(),
            ca: self.ca.clone(),
            insecure: self.insecure,
            members,
            challenge,
            hold: Some(Duration::ZERO),
            ramp_down: Some(Duration::ZERO),
            // A few connections at a time.
            workers: Some(1),
            ..Default::default()
        };
        descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
        let settings = args.into_settings()?;
        let (plan, ..) = doctor::plan_of(&settings, Path::new("/"))?;
        let mut hosts = hosts::resolve(&plan)?;
        hosts.trust = super::super::conduct::trust_of(&plan)?;
        Ok(Prepared { settings, plan, hosts })
    }
}

impl Prepared {
    /// A client for the few requests around the load.
    pub fn agent(&self) -> ureq::Agent {
        agent::new(&self.plan, self.hosts.trust.as_ref())
    }

    /// How the scenario logs in and looks up.
    ///
    /// # Errors
    /// It does not say.
    pub fn schedule(&self) -> Result<&Schedule> {
        self.plan.scenario.schedule.as_ref().ok_or_else(|| {
            anyhow!(
                "the scenario \"{}\" has no [schedule], which says how a member logs in and looks up",
                self.plan.scenario.name
            )
        })
    }
}

/// How these options are typed again, in a shell.
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
        if self.insecure { f.write_str(" --insecure") } else { Ok(()) }
    }
}
