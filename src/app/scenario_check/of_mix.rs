//! `startline scenario check` of a mix: each of its parts, with its share.
//!
//! Invariant: a mix is right if each of its parts is.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::check_one;
use crate::cli::scenario::CheckArgs;
use crate::scenario::Scenario;
use crate::scenario::mix::Mix;

/// Checks each part of a mix, and shows it.
pub(super) fn check(args: &CheckArgs, file: &str, mix: &Mix) -> Result<String> {
    let all: u32 = mix.parts.iter().map(|part| part.weight).sum();
    let mut text = format!("mix {} ({file}): {} parts\n", mix.name, mix.parts.len());
    for part in &mix.parts {
        let scenario = part.scenario.clone().unwrap_or_else(|| file.to_owned());
        let members = part.members.iter().filter(|members| members.contains(".csv")).map(PathBuf::from);
        let own = CheckArgs {
            set: part.set.iter().chain(&args.set).cloned().collect(),
            members: if part.members.is_some() { members.collect() } else { args.members.clone() },
            scenario,
            set_file: args.set_file.clone(),
        };
        let (_, source) = Scenario::find(&own.scenario)?;
        let table: toml::Table = source.parse().unwrap_or_default();
        let name = part.name.as_deref().or_else(|| table.get("name")?.as_str()).unwrap_or(&own.scenario);
        let checked = check_one(&own).with_context(|| format!("the part {name} of the mix"))?;
        let _ = write!(text, "\n{name}: {} of {all} sessions\n\n{checked}", part.weight);
    }
    Ok(text)
}
