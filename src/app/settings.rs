//! What the options of a run mean: [`SettingsArgs`] as typed, into [`Settings`] with files read.
//!
//! `run`, `doctor`, `preflight` and `prepare` take the same options. Settings are laid over each
//! other in layers: defaults or a plan file, a preset, the options typed. Most options need no line
//! here: they lay themselves over by their key. Invariant: a later layer wins, for each setting.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value};

use crate::cli::run::{Preset, SettingsArgs, is_range};
use crate::cli::values::{self, WebSocketUrl};
use crate::foreign;
use crate::members::Rows;
use crate::plan::abort::AbortRule;
use crate::plan::member_files::{self, MemberFile, Wanted};
use crate::plan::roster::Roster;
use crate::plan::schedule::SYSTEM_ZONE;
use crate::plan::{CaFile, FindMax, HttpMode, Identity, PartOf, ScenarioSettings, Settings, http, search};
use crate::scenario::Scenario;

/// Sessions where neither a number nor members are given: the guide's, for its servers.
const SESSIONS: u32 = 6000;
/// The same for other servers, of which nobody has said what they bear.
const SESSIONS_ELSEWHERE: u32 = 100;
/// The first member of the mock server: as in the guide's files.
const MOCK_FIRST_MEMBER: u64 = 13;
/// The challenge of the mock server, where none is given.
const MOCK_CHALLENGE: u64 = 1;

/// Each step of a search, where nothing is given.
const STEP_RAMP: Duration = Duration::from_secs(10);
const STEP_HOLD: Duration = Duration::from_secs(15);
/// The seed of shards, where none is given.
const SHARDS_SEED: u64 = 1;

/// The scenario of a URL that is given alone.
const PLAIN_SCENARIO: &str = "plain";
/// The scenario where none is given.
const DEFAULT_SCENARIO: &str = "runnity";

/// More than ten million members take.
const MEMBER_FILE_BYTES_MAX: u64 = 256 << 20;
/// All files together: places in their text are kept in 32 bits.
const MEMBER_FILES_BYTES_MAX: u64 = 1 << 30;

impl SettingsArgs {
    /// Returns what the options mean: presets and defaults filled in, files read.
    ///
    /// # Errors
    /// Files that cannot be read or are wrong, and what the scenario cannot do.
    pub fn into_settings(self) -> Result<Settings> {
        let this = self.written_out();
        mix::refuse(&this)?;
        let base = this.base()?;
        this.laid_out(base, None)
    }

    /// Returns what the options are laid over: a plan file, or the defaults.
    fn base(&self) -> Result<Settings> {
        match &self.plan {
            Some(file) => plan_file(file),
            None => defaults(),
        }
    }

    /// The short form with a URL, as the options that it stands for.
    fn written_out(mut self) -> Self {
        if let Some(WebSocketUrl { target, path, query }) = self.url.take() {
            self.target = Some(target);
            self.scenario = Some(PLAIN_SCENARIO.to_owned());
            self.set.push(("path".to_owned(), path));
            // A plan does not keep it: without one it can be repeated as it is.
            self.set.extend((!query.is_empty()).then(|| ("query".to_owned(), query)));
        }
        self
    }

    /// Returns what the options mean, laid over these settings; `part`: which part of a mix that is.
    fn laid_out(self, mut settings: Settings, part: Option<PartOf>) -> Result<Settings> {
        let had_target = settings.target.is_some();
        let files = self.member_files(&settings)?;
        let scenario = self.read_scenario(&mut settings, &files)?;
        // A search ends where they fail: it may go further.
        if self.plan.is_none() && !self.find_max && !scenario.plays_on_mock {
            settings.sessions = SESSIONS_ELSEWHERE;
        }
        settings = self.preset_options().laid_over(settings)?;
        settings = self.laid_over(settings)?;
        if settings.shard.is_some() && self.seed.is_none() && self.plan.is_none() {
            // Each would draw another one.
            settings.seed = SHARDS_SEED;
        }
        self.take_search(&mut settings);
        settings.part = part.or(settings.part);
        if settings.part.is_some() && scenario.websocket.is_none() {
            // What the whole holds, this part has none of.
            (settings.hold, settings.ramp_down) = (Duration::ZERO, Duration::ZERO);
        }
        self.take_stages(&mut settings, &scenario)?;
        if let Some((rate, lifetime)) = self.rate.zip(settings.lifetime.as_ref())
            && self.asked_sessions().is_none()
        {
            settings.sessions = rate.level(lifetime.mean());
            settings.ramp = rate.ramp(settings.sessions);
        }
        settings.settle_stages();
        if settings.sessions == 0 && !settings.stages.is_empty() {
            bail!("the stages open no session: give one of them a level above 0");
        }
        self.read_members(&mut settings, &scenario, (&files, had_target))?;
        if let Some(rate) = self.rate {
            settings.ramp = rate.ramp(settings.sessions);
        }
        // How many there are is known now.
        self.take_search(&mut settings);
        settings.settle_stages();
        self.read_certificates(&mut settings)?;
        self.read_abort_rules(&mut settings, &scenario)?;
        settings.drops = listed("--drop", &self.drop)?.unwrap_or(settings.drops);
        settings.http_connections = match settings.http {
            // Written down, so that a new default does not change the plans of old.
            HttpMode::Pooled => settings.http_connections.or(Some(http::CONNECTIONS_DEFAULT)),
            HttpMode::PerSession => self.http_connections,
        };
        // Reports early, and by the option's name, what the scenario cannot do.
        settings.scenario()?;
        Ok(settings)
    }

    /// The options that `--preset` or `--demo` stands for.
    fn preset_options(&self) -> Self {
        match self.preset {
            Some(Preset::Guide) => Self {
                sessions: Some(6000),
                ramp: Some(Duration::from_secs(240)),
                hold: Some(Duration::from_secs(30 * 60)),
                // Leaving is as many broadcasts as entering, so the servers get the same time for
                // it.
                ramp_down: Some(Duration::from_secs(240)),
                ping_interval: Some(Duration::from_secs(30)),
                pong_timeout: Some(Duration::from_secs(5)),
                ..Self::default()
            },
            // Every part of the result, in 20 seconds.
            None if self.demo => Self {
                sessions: Some(500),
                ramp: Some(Duration::from_secs(5)),
                hold: Some(Duration::from_secs(11)),
                ramp_down: Some(Duration::from_secs(4)),
                // Two cycles within the hold.
                ping_interval: Some(Duration::from_secs(5)),
                ..Self::default()
            },
            None => Self::default(),
        }
    }

    /// Lays the options typed over the settings, each at its key (`tls.insecure`: in the table
    /// `tls`).
    fn laid_over(&self, settings: Settings) -> Result<Settings> {
        // Its secrets are in nothing that is written down.
        let scenario = settings.scenario.clone();
        let mut all = serde_json::to_value(settings)?;
        for (key, value) in self.typed()? {
            let at = key.split('.').fold(&mut all, |table, key| &mut table[key]);
            *at = value;
        }
        Ok(Settings { scenario, ..serde_json::from_value(all)? })
    }

    /// Returns the options typed, by their keys: those that differ from no options at all.
    fn typed(&self) -> Result<Map<String, Value>> {
        let (Value::Object(typed), nothing) =
            (serde_json::to_value(self)?, serde_json::to_value(Self::default())?)
        else {
            bail!("the options are not a table, which is a defect of startline");
        };
        Ok(typed.into_iter().filter(|(key, value)| nothing.get(key) != Some(value)).collect())
    }

    /// Takes the steps of a search: those typed, else the plan's, else what fits into the minutes in which
    /// Runnity lets members enter.
    fn take_search(&self, settings: &mut Settings) {
        if !self.find_max {
            return;
        }
        let before = settings.find_max.filter(|_| self.plan.is_some());
        settings.stages.clear();
        settings.find_max = Some(FindMax {
            step: self
                .step
                .or(before.map(|it| it.step))
                .unwrap_or_else(|| settings.sessions.div_ceil(search::STEPS_DEFAULT)),
            ramp: self.ramp.or(before.map(|it| it.ramp)).unwrap_or(STEP_RAMP),
            hold: self.hold.or(before.map(|it| it.hold)).unwrap_or(STEP_HOLD),
        });
    }

    /// Takes the scenario's stages, unless the options say how many sessions there are, and when. Then a
    /// plan's stages give way to these, too.
    fn take_stages(&self, settings: &mut Settings, scenario: &Scenario) -> Result<()> {
        let is_part = settings.part.is_some();
        if self.plan.is_some() && !settings.stages.is_empty() && self.gives_a_shape() {
            settings.stages.clone_from(&self.stage);
            settings.find_max = None;
        }
        if self.plan.is_none() && (is_part || !self.gives_a_shape()) {
            settings.lifetime = settings.lifetime.take().or_else(|| scenario.lifetime.clone());
        }
        if self.plan.is_some() || self.gives_a_shape() {
            return Ok(());
        }
        if let Some(part) = settings.part.as_ref().filter(|_| !scenario.stages.is_empty()) {
            bail!(
                "the part \"{}\" has a scenario with stages of its own, and a mix has one shape: give the mix stages, or --stage",
                part.name
            );
        }
        settings.stages.clone_from(&scenario.stages);
        Ok(())
    }

    /// Returns whether the options say how many sessions there are, and when.
    fn gives_a_shape(&self) -> bool {
        let typed = [self.ramp, self.hold].iter().any(Option::is_some) || self.rate.is_some();
        typed || self.find_max || self.asked_sessions().is_some() || !self.stage.is_empty()
    }

    /// Reads the scenario, with the variables set, and compiles it.
    fn read_scenario(&self, settings: &mut Settings, files: &[MemberFile]) -> Result<Scenario> {
        if let Some(name_or_file) = &self.scenario {
            settings.scenario = ScenarioSettings::find(name_or_file)?;
        }
        if let Some((name, _)) =
            self.set_file.iter().find(|(name, _)| self.set.iter().any(|it| it.0 == *name))
        {
            bail!("--set-file {name}: --set gives the same variable a value; give one of the two");
        }
        settings.scenario.set(&self.set);
        settings.scenario.set_from_files(&self.set_file);
        settings.scenario.read_files()?;
        settings.scenario.header = match files {
            [] => None,
            files => Some(member_files::header(files)?),
        };
        let scenario = settings.scenario.compile()?;
        if self.plan.is_none() && scenario.websocket.is_none() {
            (settings.hold, settings.ramp_down) = (Duration::ZERO, Duration::ZERO);
        }
        Ok(scenario)
    }

    fn read_abort_rules(&self, settings: &mut Settings, scenario: &Scenario) -> Result<()> {
        match listed("--abort-on", &self.abort_on)? {
            Some(rules) => settings.abort_on = rules,
            None if self.plan.is_none() && !scenario.abort_on.is_empty() => {
                settings.abort_on.clone_from(&scenario.abort_on);
            }
            None => {}
        }
        Ok(())
    }

    fn read_certificates(&self, settings: &mut Settings) -> Result<()> {
        // Whichever of the two is typed overrides the other in a plan file.
        if self.insecure {
            settings.tls.ca.clear();
        }
        if !self.ca.is_empty() {
            settings.tls.ca = self.ca.iter().map(|file| ca_file(file)).collect::<Result<_>>()?;
            settings.tls.insecure = false;
        }
        if let Some((cert, key)) = self.cert.as_ref().zip(self.key.as_ref()) {
            let [cert, key] = [cert, key].map(|file| file.display().to_string());
            settings.tls.identity = Some(Identity { cert, key });
        }
        Ok(())
    }

    /// Returns the members' files: those typed, else the plan's.
    fn member_files(&self, settings: &Settings) -> Result<Vec<MemberFile>> {
        let typed = self.members.iter().filter(|spec| !is_range(spec)).map(Path::new);
        let files: Vec<&Path> = match self.members.is_empty() || self.picked(settings).is_some() {
            true => settings.member_files.iter().map(PathBuf::as_path).collect(),
            false => typed.collect(),
        };
        member_files(files)
    }

    /// Reads the members: exactly those who take part. `had_target`: the members so far are a
    /// target's.
    fn read_members(
        &self,
        settings: &mut Settings,
        scenario: &Scenario,
        (files, had_target): (&[MemberFile], bool),
    ) -> Result<()> {
        let is_for_mock = settings.target.is_none();
        if is_for_mock && !scenario.plays_on_mock {
            bail!(
                "the built-in mock server plays Runnity's servers, and the scenario \"{}\" is not for them (it does not \
                 say mock = true): give its servers with --target URL",
                scenario.name
            );
        }
        let roster = match self.members[..] {
            [] if !is_for_mock && !had_target && scenario.has_challenge() => bail!(
                "--target needs --members: the ids of the test members there, such as 13-6012, or a CSV file; for \
                 servers that are not Runnity's, give their scenario with --scenario, or the URL of a WebSocket \
                 without --target"
            ),
            [] if files.is_empty() => self.known_members(settings),
            _ => self.roster(settings, scenario, files)?,
        };
        let is_search = settings.find_max.is_some();
        let is_free = is_search || !settings.is_staged();
        let is_part = settings.part.as_ref().is_some_and(|part| part.own_members);
        let is_open = self.plan.is_none() && is_free && !is_part && self.asked_sessions().is_none();
        if is_open && !self.members.is_empty() {
            settings.sessions = roster.sessions()?;
        }
        if roster.is_empty() {
            bail!(
                "--members: there are none in {}: it needs a row for each member under its header",
                self.members.join(", ")
            );
        }
        settings.members = roster;
        settings.members = settings.members.first(settings.members_used())?;
        Ok(())
    }

    fn asked_sessions(&self) -> Option<u32> {
        self.sessions.or(self.preset_options().sessions)
    }

    /// Returns the plan file's members, or as many of the mock server's as there are sessions.
    fn known_members(&self, settings: &Settings) -> Roster {
        let known = &settings.members;
        let count = settings.members_wanted();
        let is_enough = known.len() >= u64::from(count);
        if is_enough || (self.plan.is_some() && settings.target.is_some()) {
            return self.challenge.map_or_else(|| known.clone(), |challenge| known.in_challenge(challenge));
        }
        let last = MOCK_FIRST_MEMBER + u64::from(count) - 1;
        let challenge = self.challenge.or(known.only_challenge()).unwrap_or(MOCK_CHALLENGE);
        Roster::range(MOCK_FIRST_MEMBER, last, challenge)
    }

    /// Returns the id of one of a plan's members, where these have rows: a file of this name would be read
    /// instead.
    fn picked(&self, settings: &Settings) -> Option<&str> {
        let [one] = &self.members[..] else { return None };
        let is_several = is_range(one) && one.contains('-');
        let has_rows = self.plan.is_some() && !settings.member_files.is_empty();
        (has_rows && !is_several && !Path::new(one).exists()).then_some(one)
    }

    /// Returns all members given.
    fn roster(&self, settings: &mut Settings, scenario: &Scenario, files: &[MemberFile]) -> Result<Roster> {
        let ranges = self.members.iter().filter(|spec| is_range(spec)).count();
        if let Some(one) = self.picked(settings) {
            let (roster, rows) = self.rows(settings, scenario, files)?;
            let all = roster.members()?.with_rows(Arc::new(rows));
            let Some(session) = all.session_of(&all.name_in(one)) else {
                bail!("--members {one}: the plan's members have none of this id, and there is no such file");
            };
            settings.rows = Arc::new(all.rows_of(&[session.index()]));
            let id = if all.has_text_ids() { 0 } else { all.id(session).0 };
            return Ok(Roster::range(id, id, all.challenge(session)));
        }
        match &self.members[..] {
            [range] if ranges == 1 => {
                let ids = values::id_range(range).map_err(|reason| anyhow!("--members: {reason}"))?;
                let challenge = self.challenge_of_range(range, settings, scenario)?;
                settings.member_files.clear();
                Ok(Roster::range(*ids.start(), *ids.end(), challenge))
            }
            _ if ranges == 0 => {
                let (roster, rows) = self.rows(settings, scenario, files)?;
                let path = |file: &MemberFile| {
                    std::path::absolute(&file.name).unwrap_or_else(|_| file.name.clone().into())
                };
                settings.member_files = match rows.is_empty() {
                    true => Vec::new(),
                    false => files.iter().map(path).collect(),
                };
                settings.rows = Arc::new(rows);
                Ok(roster)
            }
            specs => bail!(
                "--members takes one range or any number of files, not {}: put them in a file",
                specs.join(" and ")
            ),
        }
    }

    /// Returns all members of these files, and what their rows say.
    fn rows(&self, settings: &Settings, scenario: &Scenario, files: &[MemberFile]) -> Result<(Roster, Rows)> {
        let header = settings.scenario.header.clone().unwrap_or_default();
        let wanted = Wanted {
            challenge: self.challenge,
            otherwise: (!scenario.has_challenge()).then_some(MOCK_CHALLENGE),
            used: &scenario.columns,
        };
        Ok(member_files::read_rows(files, &header, wanted)?)
    }

    fn challenge_of_range(&self, range: &str, settings: &Settings, scenario: &Scenario) -> Result<u64> {
        match self.challenge.or(settings.members.only_challenge()) {
            Some(challenge) => Ok(challenge),
            None if settings.target.is_none() || !scenario.has_challenge() => Ok(MOCK_CHALLENGE),
            None => bail!("--members {range} does not say which challenge they are in: give --challenge ID"),
        }
    }
}

/// The settings where the user gives none.
fn defaults() -> Result<Settings> {
    Ok(Settings {
        startline: env!("CARGO_PKG_VERSION").to_owned(),
        sessions: SESSIONS,
        ramp: Duration::from_secs(60),
        hold: Duration::from_secs(60),
        ramp_down: Duration::from_secs(30),
        abort_on: AbortRule::default_rules(),
        // 32 bits are plenty, and every JSON reader keeps them.
        seed: u64::from(fastrand::u32(..)),
        time_zone: SYSTEM_ZONE.to_owned(),
        scenario: ScenarioSettings::find(DEFAULT_SCENARIO)?,
        ..Settings::default()
    })
}

fn plan_file(file: &Path) -> Result<Settings> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| anyhow!("cannot read the plan {name}: {}", foreign::unreadable(&error)))?;
    Ok(Settings::from_toml(&name, &text)?.of_whole())
}

/// Returns what an option that is repeated lists, none where it is `off`; `None`: it is not given.
fn listed<T: FromStr<Err = String>>(option: &str, typed: &[String]) -> Result<Option<Vec<T>>> {
    match typed {
        [] => Ok(None),
        [off] if off == "off" => Ok(Some(Vec::new())),
        typed => {
            let one = |text: &String| text.parse().map_err(|reason| anyhow!("{option}: {reason}"));
            typed.iter().map(one).collect::<Result<_>>().map(Some)
        }
    }
}

fn ca_file(file: &Path) -> Result<CaFile> {
    let name = file.display().to_string();
    let bytes = fs::read(file)
        .map_err(|error| anyhow!("--ca: cannot read {name}: {}", foreign::unreadable(&error)))?;
    CaFile::read(&name, &bytes).map_err(|reason| anyhow!("--ca: {reason}"))
}

/// Reads members' files.
///
/// # Errors
/// One cannot be read, or they are too long to be lists of members.
pub(super) fn member_files<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<Vec<MemberFile>> {
    let files = paths.into_iter().map(member_file).collect::<Result<Vec<_>>>()?;
    if files.iter().map(|file| file.bytes.len() as u64).sum::<u64>() > MEMBER_FILES_BYTES_MAX {
        bail!("--members: the files are longer than {} MiB together", MEMBER_FILES_BYTES_MAX >> 20);
    }
    Ok(files)
}

fn member_file(path: &Path) -> Result<MemberFile> {
    let name = path.display().to_string();
    // A pipe is fine; a device that never ends is cut off.
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MEMBER_FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| anyhow!("cannot read the members' file {name}: {}", foreign::unreadable(&error)))?;
    if bytes.len() as u64 > MEMBER_FILE_BYTES_MAX {
        bail!(
            "the members' file {name} is longer than {} MiB: is it a list of members?",
            MEMBER_FILE_BYTES_MAX >> 20
        );
    }
    Ok(MemberFile { name, bytes })
}

pub(super) mod mix;
#[cfg(test)]
mod tests;
