//! The options of a mix: settings of each of its parts, with what all of them share.
//!
//! A part's settings are the run's, with the part's own scenario, servers and members laid over them.
//! Invariant: parts go through one shape: their sessions are shares of the same whole.

use std::fs;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::cli::run::SettingsArgs;
use crate::foreign;
use crate::nearest;
use crate::plan::{PartOf, ScenarioSettings, Settings};
use crate::scenario::mix::{self, Mix, NAME_FORM, Part, is_name};
use crate::scenario::{Scenario, ScenarioError};

/// The messages that short options change.
const PING: &str = "ping";
const RECORD: &str = "record";

/// A run of several scenarios: the content of its `plan.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The version of the program that wrote this.
    pub startline: String,
    /// The mix's name.
    pub name: String,
    /// Each part's settings, with the whole's sessions and members.
    pub mix: Vec<Settings>,
}

impl Parts {
    /// Returns the content of a plan file.
    pub fn to_toml(&self) -> Result<String> {
        let body = toml::to_string_pretty(self)?;
        Ok(format!("# Repeat this run: startline run --plan <this file>\n{body}"))
    }
}

/// What the options name: a mix, or a plan of one.
enum Found {
    Mix(String, Mix),
    Plan(String, String),
}

/// Returns the settings of a mix's parts, if the options name one.
///
/// # Errors
/// What is wrong with it, with a part's scenario, or with an option.
pub fn parts(args: &SettingsArgs) -> Result<Option<Parts>> {
    let found = found(args)?;
    if found.is_some() {
        refuse_search(args)?;
    }
    match found {
        None => Ok(None),
        Some(Found::Mix(file, mix)) => of_mix(args, &file, &mix).map(Some),
        Some(Found::Plan(file, text)) => of_plan(args, &file, &text).map(Some),
    }
}

/// Refuses a mix where a single scenario is wanted.
pub(super) fn refuse(args: &SettingsArgs) -> Result<()> {
    match found(args)? {
        None => Ok(()),
        Some(Found::Mix(file, _) | Found::Plan(file, _)) => bail!(
            "{file} is a mix of several scenarios, which run and doctor take: give one of its scenarios"
        ),
    }
}

fn found(args: &SettingsArgs) -> Result<Option<Found>> {
    if let Some(file) = &args.plan {
        let name = file.display().to_string();
        let text = fs::read_to_string(file)
            .map_err(|error| anyhow!("cannot read the plan {name}: {}", foreign::unreadable(&error)))?;
        let is_mix = text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("mix"));
        return Ok(is_mix.then_some(Found::Plan(name, text)));
    }
    let Some(scenario) = &args.scenario else { return Ok(None) };
    // What cannot be read is said by whoever reads the scenario.
    let Ok((file, text)) = Scenario::find(scenario) else { return Ok(None) };
    match mix::read(&file, &text) {
        Ok(found) => Ok(found.map(|mix| Found::Mix(file, mix))),
        Err(error) if text.contains("[[mix]]") => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// What is decided while a run goes on is decided for one scenario.
fn refuse_search(args: &SettingsArgs) -> Result<()> {
    let one = [("--find-max", args.find_max), ("--shard", args.shard.is_some())];
    match one.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            bail!("{option} is for one scenario, and this is a mix of several: give one of them")
        }
        None => Ok(()),
    }
}

fn of_plan(args: &SettingsArgs, file: &str, text: &str) -> Result<Parts> {
    let mut parts: Parts =
        toml::from_str(text).map_err(|error| anyhow!("{file}: {}", error.message().trim()))?;
    for settings in &mut parts.mix {
        let base = std::mem::take(settings);
        let name = base.part.as_ref().map(|part| part.name.clone()).unwrap_or_default();
        let part = base.part.clone();
        *settings = of_part(args.clone(), base, part, &name)?;
    }
    share_members(&mut parts.mix);
    Ok(parts)
}

fn of_mix(args: &SettingsArgs, file: &str, mix: &Mix) -> Result<Parts> {
    let scenarios: Vec<PartScenario> =
        mix.parts.iter().map(|part| PartScenario::read(part, file)).collect::<Result<_, ScenarioError>>()?;
    let names = names(mix, &scenarios, file)?;
    refuse_unknown(args, &scenarios)?;
    let weights: Vec<u32> = mix.parts.iter().map(|part| part.weight).collect();
    let mut settings = Vec::new();
    // One seed, whichever part asks.
    let base = args.base()?;
    for (index, (part, scenario)) in mix.parts.iter().zip(&scenarios).enumerate() {
        let place = PartOf {
            name: names[index].clone(),
            weights: weights.clone(),
            index,
            own_members: part.members.is_some(),
            sessions: 0,
        };
        let own = scenario.options(args, mix, part);
        settings.push(of_part(own, base.clone(), Some(place), &names[index])?);
    }
    share_one_shape(&mut settings, &names)?;
    share_members(&mut settings);
    Ok(Parts { startline: env!("CARGO_PKG_VERSION").to_owned(), name: mix.name.clone(), mix: settings })
}

fn of_part(args: SettingsArgs, base: Settings, part: Option<PartOf>, name: &str) -> Result<Settings> {
    args.laid_out(base, part).with_context(|| format!("the part \"{name}\" of the mix"))
}

/// Parts without members of their own share the same ones: the most that one of them has use for.
fn share_members(settings: &mut [Settings]) {
    let shares = |settings: &&mut Settings| settings.part.as_ref().is_some_and(|part| !part.own_members);
    let most =
        settings.iter_mut().filter(shares).max_by_key(|it| it.members.len()).map(|it| it.members.clone());
    let Some(most) = most else { return };
    settings.iter_mut().filter(shares).for_each(|it| it.members.clone_from(&most));
}

/// All parts are of one whole.
fn share_one_shape(settings: &mut [Settings], names: &[String]) -> Result<()> {
    let Some(first) = settings.first() else { return Ok(()) };
    let (sessions, stages) = (first.sessions, first.stages.clone());
    let other = settings.iter().position(|it| it.sessions != sessions || it.stages != stages);
    if let Some(other) = other {
        bail!(
            "the parts \"{}\" and \"{}\" of the mix are of {sessions} and {} sessions: give --sessions, or --stage",
            names[0],
            names[other],
            settings[other].sessions
        );
    }
    Ok(())
}

/// A part's scenario, read for the names that options use.
struct PartScenario {
    name: String,
    /// What [`SettingsArgs::scenario`] has for it.
    asked: String,
    variables: Vec<String>,
    every: Vec<String>,
}

impl PartScenario {
    fn read(part: &Part, file: &str) -> Result<Self, ScenarioError> {
        let asked = part.scenario.clone().unwrap_or_else(|| file.to_owned());
        let found = ScenarioSettings::find(&asked)?;
        let table: toml::Table = found.source.parse().unwrap_or_default();
        let texts = |value: Option<&toml::Value>, key: &str| -> Vec<String> {
            let tables = value.and_then(toml::Value::as_array).into_iter().flatten();
            tables.filter_map(|table| table.get(key)?.as_str().map(str::to_owned)).collect()
        };
        let variables = table.get("variables").and_then(toml::Value::as_table);
        Ok(Self {
            name: table.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned(),
            variables: variables.map(|it| it.keys().cloned().collect()).unwrap_or_default(),
            every: texts(table.get("websocket").and_then(|it| it.get("every")), "name"),
            asked,
        })
    }

    fn has_every(&self, name: &str) -> bool {
        self.every.iter().any(|known| known == name)
    }

    fn has_variable(&self, name: &str) -> bool {
        self.variables.iter().any(|known| known == name)
    }

    /// The options as they are for this part: of those that name something of a scenario, the ones that are
    /// about its own.
    fn options(&self, args: &SettingsArgs, mix: &Mix, part: &Part) -> SettingsArgs {
        let mut own = args.clone();
        own.scenario = Some(self.asked.clone());
        own.target = part.target.clone().or(own.target);
        if let Some(members) = &part.members {
            own.members = vec![members.clone()];
        }
        own.set = part
            .set
            .iter()
            .chain(args.set.iter().filter(|(name, _)| self.has_variable(name)))
            .cloned()
            .collect();
        own.set_file.retain(|(name, _)| self.has_variable(name));
        own.every.retain(|option| self.has_every(option.name()));
        if !self.has_every(PING) {
            (own.ping_interval, own.pong_timeout) = (None, None);
        }
        if !self.has_every(RECORD) {
            own.record_interval = None;
        }
        // The file's own stages are the whole's.
        if own.stage.is_empty() && !args.gives_a_shape() {
            own.stage.clone_from(&mix.stages);
        }
        own
    }
}

/// The parts' names, each once.
fn names(mix: &Mix, scenarios: &[PartScenario], file: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for (part, scenario) in mix.parts.iter().zip(scenarios) {
        let name = part.name.clone().unwrap_or_else(|| scenario.name.clone());
        if !is_name(&name) {
            bail!("{file}: the part of the scenario \"{name}\" needs a \"name\": {NAME_FORM}");
        }
        if names.contains(&name) {
            bail!("{file}: two parts are called \"{name}\": give each [[mix]] a \"name\" of its own");
        }
        names.push(name);
    }
    Ok(names)
}

/// Refuses options about what no part has.
fn refuse_unknown(args: &SettingsArgs, scenarios: &[PartScenario]) -> Result<()> {
    let variables = args
        .set
        .iter()
        .map(|it| ("--set", &it.0))
        .chain(args.set_file.iter().map(|it| ("--set-file", &it.0)));
    for (option, name) in variables {
        if scenarios.iter().all(|scenario| !scenario.has_variable(name)) {
            let known: Vec<&str> =
                scenarios.iter().flat_map(|it| &it.variables).map(String::as_str).collect();
            bail!("{option} {name}: no part of the mix has such a variable{}", nearest::hint(name, &known));
        }
    }
    let short = [
        (args.ping_interval.is_some(), "--ping-interval", PING),
        (args.pong_timeout.is_some(), "--pong-timeout", PING),
        (args.record_interval.is_some(), "--record-interval", RECORD),
    ];
    let short = short.into_iter().filter(|it| it.0).map(|(_, option, name)| (option, name));
    for (option, name) in args.every.iter().map(|it| ("--every", it.name())).chain(short) {
        if scenarios.iter().all(|scenario| !scenario.has_every(name)) {
            let known: Vec<&str> = scenarios.iter().flat_map(|it| &it.every).map(String::as_str).collect();
            bail!(
                "{option}: no part of the mix has a periodic message \"{name}\"{}",
                nearest::hint(name, &known)
            );
        }
    }
    Ok(())
}
