//! `startline scenario`: shows the built-in scenarios, starts a new one, has one checked or imported.
//!
//! Does not write files itself: see [`super::scenario_file`]. Invariant: what is for a program (a scenario, a schema) is
//! printed as it is, what is for people as wide as their terminal.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use anyhow::{Result, bail};

use super::scenario_check::check;
use super::scenario_file::new_file;
use super::scenario_import::import;
use crate::checks::table::{fitted, terminal_columns};
use crate::cli::scenario::{NewArgs, ScenarioArgs, ScenarioCommand};
use crate::foreign;
use crate::scenario::{Scenario, schema};

/// Columns of the list of built-in scenarios.
const LIST_COLUMNS: usize = 80;

/// A new scenario's text.
const TEMPLATE: &str = include_str!("../../scenarios/template.toml");

/// Carries out `startline scenario`.
///
/// # Errors
/// What is wrong with the scenario, or that a file cannot be read or written.
pub fn run(args: ScenarioArgs) -> Result<()> {
    let mut refused = None;
    let text = match args.command {
        ScenarioCommand::Check(args) => on_page(check(&args)?, true),
        ScenarioCommand::Show { name: None } => on_page(list(), false),
        ScenarioCommand::Show { name: Some(name) } => source_of(&name)?,
        ScenarioCommand::New(args) if args.out.is_some() => on_page(new(&args)?, false),
        ScenarioCommand::New(args) => new(&args)?,
        ScenarioCommand::Import(args) => {
            let (text, why) = import(&args)?;
            refused = why;
            if args.out.is_some() { on_page(text, false) } else { text }
        }
        ScenarioCommand::Schema => foreign::json_pretty(&schema())?,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    match refused {
        None => Ok(()),
        Some(why) => bail!("the scenario does not pass its check yet: {why}"),
    }
}

/// Text for people as wide as the terminal; a file or a pipe gets it as it is.
fn on_page(text: String, breaks_words: bool) -> String {
    let out = std::io::stdout();
    match out.is_terminal() {
        true => fitted(&text, terminal_columns(&out), breaks_words),
        false => text,
    }
}

fn list() -> String {
    let longest = Scenario::builtins().iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, source) in Scenario::builtins() {
        let indent = " ".repeat(longest + 2);
        let options = textwrap::Options::new(LIST_COLUMNS).subsequent_indent(&indent);
        let line = format!("{name:<longest$}  {}", about(source));
        let _ = writeln!(text, "{}", textwrap::fill(&line, options));
    }
    text + "\nPrint one: startline scenario show NAME. Use one: startline run --scenario NAME --target URL.\n"
}

/// What a scenario does: the first sentence of the comment that it begins with, after its name.
fn about(source: &str) -> String {
    let comment = source.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let comment = comment.take_while(|line| !line.is_empty() && !line.starts_with("startline "));
    let comment = comment.collect::<Vec<_>>().join(" ");
    let about = comment.split_once(": ").map_or(comment.as_str(), |(_, about)| about);
    about.split_once(". ").map_or(about, |(first, _)| first).trim_end_matches('.').to_owned()
}

fn source_of(name: &str) -> Result<String> {
    if let Some(source) = Scenario::builtin(name) {
        return Ok(source.to_owned());
    }
    let names: Vec<&str> = Scenario::builtins().iter().map(|(name, _)| *name).collect();
    bail!(
        "there is no built-in scenario \"{name}\"{}; built in: {}",
        crate::nearest::hint(name, &names),
        names.join(", ")
    );
}

fn new(args: &NewArgs) -> Result<String> {
    let source = args.from.as_deref().map_or_else(|| Ok(TEMPLATE.to_owned()), source_of)?;
    match &args.out {
        None => Ok(source),
        Some(out) => new_file(out, &source, args.force),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::scenario_check::tests::checked;
    use super::super::scenario_file::SCHEMA_FILE;
    use super::*;

    #[test]
    fn every_built_in_scenario_is_listed() {
        for (name, _) in Scenario::builtins() {
            assert!(
                list().contains(&format!("\n{name} ")) || list().starts_with(&format!("{name} ")),
                "{name}"
            );
        }
    }

    #[test]
    fn the_template_passes_its_check() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("new.toml");
        new_file(&file, TEMPLATE, false).expect("written");
        assert!(checked(&file.display().to_string()).contains("The scenario is valid"));
        let refused = new_file(&file, TEMPLATE, false).expect_err("it exists").to_string();
        assert!(refused.ends_with("already exists; use --force to overwrite"), "{refused}");
        new_file(&file, TEMPLATE, true).expect("overwritten");
        let text = fs::read_to_string(&file).expect("a file");
        assert!(text.starts_with("#:schema ./scenario.schema.json\n# A new scenario"), "{text}");
        let beside = fs::read_to_string(temp.path().join(SCHEMA_FILE)).expect("a file beside it");
        assert!(
            serde_json::from_str::<serde_json::Value>(&beside).expect("JSON")["properties"]["http"]
                .is_object()
        );
    }

    #[test]
    fn a_new_scenario_may_start_from_a_built_in_one() {
        let from = |name: &str| new(&NewArgs { from: Some(name.to_owned()), out: None, force: false });
        for (name, source) in Scenario::builtins() {
            assert_eq!(from(name).expect("it is built in"), *source);
        }
        assert!(from("ecko").expect_err("unknown").to_string().contains("did you mean \"echo\"?"));
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let refused = source_of("ecko").expect_err("unknown").to_string();
        let expected =
            "there is no built-in scenario \"ecko\"; did you mean \"echo\"?; built in: runnity, echo, chat, ";
        assert!(refused.starts_with(expected), "{refused}");
    }
}
