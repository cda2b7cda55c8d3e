//! `startline run`: its options, and the settings that they mean.
//!
//! Two stages: [`SettingsArgs`] is what was typed, already of the right types; [`SettingsArgs::into_settings`] fills in presets
//! and defaults once all of it is known. `startline doctor` takes the same ones. Invariant: explicit options win over a preset, a preset over defaults.

use crate::cli::run::{Preset, SettingsArgs, is_range};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::cli::values;
use crate::plan::member_files::{self, MemberFile};
use crate::plan::roster::Roster;
use crate::plan::{CaFile, End, HttpMode, ScenarioSettings, Settings, Tls, http};
use crate::scenario::Scenario;

/// The first member against the stand-in: as in the guide's files.
const STAND_IN_FIRST_MEMBER: u64 = 13;
/// The challenge against the stand-in, where none is given.
const STAND_IN_CHALLENGE: u64 = 1;
/// What the stand-in speaks.
const STAND_IN_SCENARIO: &str = "runnity";

/// More than ten million members take.
const MEMBER_FILE_BYTES_MAX: u64 = 256 << 20;

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

#[cfg(test)]
mod tests;
