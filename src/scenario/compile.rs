//! Compiles TOML into a [`Scenario`]: the top level, the variables and the list of HTTP steps.
//!
//! Each section has a module of its own ([`super::request`], [`super::websocket`],
//! [`super::criteria`], …). Invariant: the first error ends the compilation; nothing is repaired or
//! guessed.

use std::cell::Cell;

use super::document::{self, Section};
use super::error::{ScenarioError, Source};
use super::names::{ErrorNames, NAMES_MAX, NameList, Variable, Vocabulary};
use super::request::{self, ERROR_KEYS, HTTP_KEYS, Result, named_error, too_many};
use super::{HttpStep, NamedError, Scenario, criteria, places, schedule, websocket};
use crate::nearest;

/// Steps of a session at most: their index is a byte, and three of the names are the WebSocket's.
const HTTP_STEPS_MAX: usize = NAMES_MAX - 3;

/// Names of steps that are not HTTP requests.
const WEBSOCKET_STEPS: [&str; 3] = ["connect", "open", "ping"];

pub(super) const ROOT_KEYS: [&str; 11] = [
    "name",
    "mock",
    "variables",
    "cookies",
    "errors",
    "http",
    "schedule",
    "join",
    "leave",
    "websocket",
    "criteria",
];
/// See [`Scenario::compile`].
pub(super) fn scenario(file: &str, text: &str, set: &[(String, String)]) -> Result<Scenario> {
    let source = Source { file, text };
    let document = document::parse(source)?;
    let root = Section::root(source, "the scenario", document.get_ref(), &ROOT_KEYS)?;
    let name = root.required_text("name")?.value.to_owned();
    let http = root.sections("http", "[[http]]", &HTTP_KEYS)?;
    let vocabulary = vocabulary(&root, &http, set)?;

    let mut errors = ErrorNames::default();
    let shared = root.sections("errors", "[[errors]]", &ERROR_KEYS)?;
    let shared = shared.iter().map(|one| named_error(one, &mut errors)).collect::<Result<Vec<_>>>()?;
    if !shared.is_empty() && http.is_empty() {
        return Err(
            source.error(root.place("errors"), "[[errors]] name HTTP answers, and there is no [[http]]")
        );
    }
    let http = http_steps(&root, &http, &vocabulary, &shared, &mut errors)?;
    let taken = vec![true; vocabulary.values.len()];
    let websocket = websocket::compile(&root, &vocabulary, &taken, &mut errors)?;
    if http.is_empty() && websocket.is_none() {
        return Err(root.own_error("a session has nothing to do: give [[http]], [websocket] or both"));
    }
    let plays_on_mock = root.flag("mock")?;
    let cookies = root.flag("cookies")?;
    if cookies && http.is_empty() {
        return Err(source.error(root.place("cookies"), "answers set cookies, and there is no [[http]]"));
    }
    let schedule = schedule::compile(&root, &http, &vocabulary)?;
    let before = (&http[..], schedule.as_ref());
    let join = places::compile(&root, "join", before, &vocabulary, &shared, &mut errors)?;
    let leave = places::compile(&root, "leave", before, &vocabulary, &shared, &mut errors)?;
    refuse_unused(&root, &vocabulary)?;

    let (error_names, error_blames) = errors.into_vecs();
    let mut scenario = Scenario {
        name,
        source: text.to_owned(),
        plays_on_mock,
        cookies,
        http,
        sends_once: false,
        schedule,
        join,
        leave,
        websocket,
        criteria: Vec::new(),
        value_names: vocabulary.values.into_vec(),
        error_names,
        error_blames,
    };
    scenario.criteria = all_criteria(&root, &scenario)?;
    Ok(scenario)
}

fn all_criteria(root: &Section<'_>, scenario: &Scenario) -> Result<Vec<super::Criterion>> {
    let steps = scenario.step_names();
    let mut compiled: Vec<super::Criterion> = Vec::new();
    for section in root.sections("criteria", "[[criteria]]", &criteria::KEYS)? {
        let criterion = criteria::compile(&section, &steps, scenario.websocket.as_ref())?;
        if compiled.iter().any(|other| other.name == criterion.name) {
            let message = format!("there is another criterion \"{}\"", criterion.name);
            return Err(section.error("name", section.place("name"), message));
        }
        compiled.push(criterion);
    }
    criteria::add_error_rate(&mut compiled);
    Ok(compiled)
}

/// Variables with their values, and the names of all values that any step takes.
fn vocabulary(root: &Section<'_>, http: &[Section<'_>], set: &[(String, String)]) -> Result<Vocabulary> {
    let variables = variables(root, set)?;
    let mut values = NameList::default();
    for step in http {
        for (name, _) in step.pairs("take", false)? {
            let clash = variables.iter().any(|variable| variable.name == name.value);
            let refusal = Vocabulary::refusal(name.value)
                .or_else(|| clash.then(|| format!("\"{}\" is in [variables] already", name.value)));
            if let Some(refusal) = refusal {
                return Err(step.error("take", name.span, refusal));
            }
            if values.index(name.value).is_none() {
                return Err(step.error("take", name.span, too_many("taken values")));
            }
        }
    }
    Ok(Vocabulary { variables, values })
}

fn variables(root: &Section<'_>, set: &[(String, String)]) -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    for (name, value) in root.pairs("variables", true)? {
        if let Some(refusal) = Vocabulary::refusal(name.value) {
            return Err(root.error("variables", name.span, refusal));
        }
        variables.push(Variable {
            name: name.value.to_owned(),
            value: value.value.to_owned(),
            span: name.span,
            used: Cell::new(false),
        });
    }
    for (k, (name, value)) in set.iter().enumerate() {
        let refused = |message: String| ScenarioError::Set { name: name.clone(), message };
        if set[..k].iter().any(|(other, _)| other == name) {
            return Err(refused("the variable is set twice".into()));
        }
        let names: Vec<String> = variables.iter().map(|variable| variable.name.clone()).collect();
        let Some(variable) = variables.iter_mut().find(|variable| variable.name == *name) else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return Err(refused(format!("the scenario has no such variable{}", nearest::hint(name, &names))));
        };
        variable.value.clone_from(value);
    }
    Ok(variables)
}

/// A variable that nothing uses would make `--set` an option that is silently ignored.
fn refuse_unused(root: &Section<'_>, vocabulary: &Vocabulary) -> Result<()> {
    match vocabulary.variables.iter().find(|variable| !variable.used.get()) {
        Some(unused) => {
            let message = format!("nothing uses \"{}\"", unused.name);
            Err(root.error("variables", unused.span.clone(), message))
        }
        None => Ok(()),
    }
}

fn http_steps(
    root: &Section<'_>,
    sections: &[Section<'_>],
    vocabulary: &Vocabulary,
    shared: &[NamedError],
    errors: &mut ErrorNames,
) -> Result<Vec<HttpStep>> {
    if sections.len() > HTTP_STEPS_MAX {
        let message = format!("{HTTP_STEPS_MAX} requests a session at most");
        return Err(root.error("http", root.place("http"), message));
    }
    let mut taken = vec![false; vocabulary.values.len()];
    let mut steps: Vec<HttpStep> = Vec::new();
    for section in sections {
        let step = http_step(section, vocabulary, &taken, shared, errors)?;
        if steps.iter().any(|other| other.name == step.name) {
            let message = format!("there is another step \"{}\"", step.name);
            return Err(section.error("name", section.place("name"), message));
        }
        for take in &step.take {
            taken[usize::from(take.value)] = true;
        }
        steps.push(step);
    }
    Ok(steps)
}

fn http_step(
    section: &Section<'_>,
    vocabulary: &Vocabulary,
    taken: &[bool],
    shared: &[NamedError],
    errors: &mut ErrorNames,
) -> Result<HttpStep> {
    request::compile(section, step_name(section)?, vocabulary, taken, shared, errors)
}

fn step_name(section: &Section<'_>) -> Result<String> {
    let name = section.required_text("name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.value.chars().all(plain) {
        let message = format!("\"{}\" is not a step's name: letters, digits, _ and - only", name.value);
        return Err(section.error("name", name.span, message));
    }
    if WEBSOCKET_STEPS.contains(&name.value) {
        let message = format!("\"{}\" is the name of a WebSocket's step", name.value);
        return Err(section.error("name", name.span, message));
    }
    Ok(name.value.to_owned())
}
