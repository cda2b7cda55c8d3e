//! Where preparation goes: the options that say so, and what they mean.
//!
//! The same options as `run`'s, with the same meaning. Invariant: nothing is opened before all of them have been checked.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use startline_os::descriptors;

use crate::app::doctor;
use crate::cli::prepare::target::TargetArgs;
use crate::cli::run::SettingsArgs;
use crate::lookup::hosts;
use crate::prepare::prepared::Prepared;

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
            cert: self.cert.clone(),
            key: self.key.clone(),
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
        let (plan, ..) = doctor::plan_of(settings, Path::new("/"))?;
        let mut hosts = doctor::hosts_of(&plan)?;
        hosts.trust = hosts::trust_of(&plan)?;
        Ok(Prepared { plan, hosts })
    }
}
