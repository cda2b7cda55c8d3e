//! Compiles TOML into a [`Scenario`]: the top level, the variables and the list of HTTP steps.
//!
//! Each section has a module of its own ([`super::request`], [`super::websocket`],
//! [`super::criteria`], …). Invariant: the first error ends the compilation; nothing is repaired or
//! guessed.

use std::cell::{Cell, RefCell};

use super::abort::AbortRule;
use super::document::{self, Section, Text};
use super::error::{ScenarioError, Source};
use super::every::Interval;
use super::names::{ErrorNames, NAMES_MAX, NameList, Variable, Vocabulary};
use super::outside::{Outside, TO_BE_GIVEN, names};
use super::request::{self, ERROR_KEYS, HTTP_KEYS, Result, named_error, too_many};
use super::secrets::Secrets;
use super::stage::Stage;
use super::{HttpStep, NamedError, Scenario, criteria, places, reconnect, schedule, websocket};
use crate::nearest;

/// Requests of a session at most: a step's index is a byte, and some of the names are the
/// WebSocket's.
const HTTP_STEPS_MAX: usize = NAMES_MAX - 3 - super::steps::STEPS_MAX - super::every::EVERY_MAX;

/// Names of steps that are not HTTP requests.
const WEBSOCKET_STEPS: [&str; 3] = ["connect", "open", "hold"];

pub(super) const ROOT_KEYS: [&str; 18] = [
    "name",
    "mock",
    "variables",
    "secret",
    "cookies",
    "errors",
    "http",
    "schedule",
    "join",
    "leave",
    "websocket",
    "stages",
    "lifetime",
    "reentry",
    "reconnect",
    "abort_on",
    "criteria",
    "mix",
];
impl Scenario {
    /// Compiles `source`, which was read from `file_name` (named in errors), with variables set by
    /// the user; nothing outside is read.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn compile(file_name: &str, source: &str, set: &[(String, String)]) -> Result<Self> {
        Self::compile_with(file_name, source, set, &Outside::default())
    }

    /// The same, with what it may take from outside.
    ///
    /// # Errors
    /// As [`Scenario::compile`], and what cannot be read.
    pub fn compile_with(
        file_name: &str,
        source: &str,
        set: &[(String, String)],
        outside: &Outside,
    ) -> Result<Self> {
        scenario(file_name, source, set, outside)
    }
}

/// See [`Scenario::compile_with`].
pub(super) fn scenario(
    file: &str,
    text: &str,
    set: &[(String, String)],
    outside: &Outside,
) -> Result<Scenario> {
    let source = Source { file, text };
    let document = document::parse(source)?;
    let root = Section::root(source, "the scenario", document.get_ref(), &ROOT_KEYS)?;
    let name = root.required_text("name")?.value.to_owned();
    let http = root.sections("http", "[[http]]", &HTTP_KEYS)?;
    let vocabulary = vocabulary(&root, &http, set, outside)?;
    let listed = listed(&root, &vocabulary)?;

    let mut errors = ErrorNames::default();
    let shared = root.sections("errors", "[[errors]]", &ERROR_KEYS)?;
    let shared = shared.iter().map(|one| named_error(one, &mut errors)).collect::<Result<Vec<_>>>()?;
    let has_requests = !http.is_empty() || !websocket::request_sections(&root)?.is_empty();
    if !shared.is_empty() && !has_requests {
        return Err(
            source.error(root.place("errors"), "[[errors]] name HTTP answers, and there is no request")
        );
    }
    vocabulary
        .check_variables()
        .map_err(|(it, why)| root.error(&format!("variables.{}", it.name), it.span.clone(), why))?;
    let http = http_steps(&root, &http, &vocabulary, &shared, &mut errors)?;
    let websocket = websocket::compile(&root, &vocabulary, &http, &shared, &mut errors)?;
    if http.is_empty() && websocket.is_none() {
        return Err(root.own_error("a session has nothing to do: give [[http]], [websocket] or both"));
    }
    let plays_on_mock = root.flag("mock")?;
    let cookies = root.flag("cookies")?;
    if cookies && !has_requests {
        return Err(source.error(root.place("cookies"), "answers set cookies, and there is no request"));
    }
    if cookies {
        refuse_own_cookie(&root)?;
    }
    let schedule = schedule::compile(&root, &http, &vocabulary)?;
    let before = (&http[..], schedule.as_ref());
    let join = places::compile(&root, "join", before, &vocabulary, &shared, &mut errors)?;
    let leave = places::compile(&root, "leave", before, &vocabulary, &shared, &mut errors)?;
    refuse_unused(&root, &vocabulary)?;
    let reconnect = reconnect::compile(&root, &http, websocket.as_ref(), &errors)?;

    let (error_names, error_blames) = errors.into_vecs();
    let mut uses = vocabulary.used.into_inner();
    // What an attempt need not take again is kept for it.
    let before = reconnect.as_ref().and_then(|it| it.from).map_or(0, usize::from);
    uses.kept.extend(http[..before].iter().flat_map(|step| &step.take).map(|take| take.value));
    let columns =
        (vocabulary.takes..vocabulary.values.len()).map(|column| uses.values.contains(&(column as u8)));
    let mut scenario = Scenario {
        takes: vocabulary.takes,
        kept: uses.kept.into_iter().collect(),
        columns: columns.collect(),
        literal_braces: uses.text.into_iter().collect(),
        doubts: uses.doubts,
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
        stages: stages(&root)?,
        lifetime: lifetime(&root)?,
        reentry: !root.has("reentry") || root.flag("reentry")?,
        reconnect,
        abort_on: Vec::new(),
        criteria: Vec::new(),
        value_names: vocabulary.values.into_vec(),
        error_names,
        error_blames,
        secrets: Secrets::default(),
    };
    scenario.secrets = Secrets::of(&scenario, vocabulary.secrets.into_inner(), &listed);
    scenario.criteria = all_criteria(&root, &scenario)?;
    scenario.abort_on = abort_rules(&root, &scenario)?;
    Ok(scenario)
}

fn abort_rules(root: &Section<'_>, scenario: &Scenario) -> Result<Vec<AbortRule>> {
    let rule = |text: Text<'_>| {
        let rule: std::result::Result<AbortRule, String> = text.value.parse();
        let checked = rule.and_then(|rule| rule.check(scenario).map(|()| rule));
        checked.map_err(|why| root.error("abort_on", text.span, why))
    };
    root.texts("abort_on")?.into_iter().map(rule).collect()
}

fn stages(root: &Section<'_>) -> Result<Vec<Stage>> {
    let stage =
        |text: Text<'_>| text.value.parse().map_err(|why: String| root.error("stages", text.span, why));
    root.texts("stages")?.into_iter().map(stage).collect()
}

fn lifetime(root: &Section<'_>) -> Result<Option<Interval>> {
    let Some(text) = root.text("lifetime")? else { return Ok(None) };
    text.value.parse().map(Some).map_err(|why: String| root.error("lifetime", text.span, why))
}

/// Refuses a field `Cookie` of the file's own beside the jar's: a request has one at most (RFC 6265,
/// 5.4).
fn refuse_own_cookie(root: &Section<'_>) -> Result<()> {
    let mut sections = root.sections("http", "[[http]]", &HTTP_KEYS)?;
    sections.extend(websocket::section(root)?);
    sections.extend(websocket::request_sections(root)?);
    for (key, written) in [("join", "[join]"), ("leave", "[leave]")] {
        sections.extend(root.section(key, written, &places::keys())?);
    }
    for section in &sections {
        for (name, _) in section.pairs("headers", true)? {
            if name.value.eq_ignore_ascii_case("cookie") {
                let message = "cookies = true sends the jar; remove one of the two";
                return Err(section.error(&format!("headers.{}", name.value), name.span, message));
            }
        }
    }
    Ok(())
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

/// Variables with their values, and the names of all values that any step takes or members' rows have.
fn vocabulary(
    root: &Section<'_>,
    http: &[Section<'_>],
    set: &[(String, String)],
    outside: &Outside,
) -> Result<Vocabulary> {
    let header = outside.header.clone().unwrap_or_default();
    let mut variables = variables(root, set, outside)?;
    // A column of the members' rows says what the variable would for all.
    variables.retain(|variable| !header.columns.contains(&variable.name));
    let mut values = NameList::default();
    let (steps, kinds) = websocket::taking_sections(root)?;
    let (in_setup, mut takes_in_setup) = (http.len() + steps.len(), 0);
    for (k, step) in http.iter().chain(&steps).chain(&kinds).enumerate() {
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
        if k < in_setup {
            takes_in_setup = values.len();
        }
    }
    let takes = values.len();
    for column in &header.columns {
        if !values.add(column) {
            return Err(root.own_error(too_many("columns of --members and taken values")));
        }
    }
    Ok(Vocabulary {
        variables,
        values,
        takes,
        takes_in_setup,
        outside: outside.clone(),
        secrets: RefCell::default(),
        used: RefCell::default(),
    })
}

/// The names listed as secret, each of a variable or of a taken value.
fn listed(root: &Section<'_>, vocabulary: &Vocabulary) -> Result<Vec<String>> {
    let variables = vocabulary.variables.iter().map(|variable| variable.name.as_str());
    let known: Vec<&str> = variables.chain(vocabulary.values.iter()).collect();
    let name = |name: Text<'_>| match known.contains(&name.value) {
        true => Ok(name.value.to_owned()),
        false => {
            let hint = nearest::hint(name.value, &known);
            let message = format!("\"{}\" is neither a variable nor taken from an answer{hint}", name.value);
            Err(root.error("secret", name.span, message))
        }
    };
    root.texts("secret")?.into_iter().map(name).collect()
}

fn variables(root: &Section<'_>, set: &[(String, String)], outside: &Outside) -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    let secret = names(root);
    for (name, value) in root.pairs("variables", true)? {
        if let Some(refusal) = Vocabulary::refusal(name.value) {
            return Err(root.error("variables", name.span, refusal));
        }
        let is_listed = secret.iter().any(|it| it == name.value);
        let is_hidden = outside.secrets.contains_key(name.value);
        let is_given = (is_hidden && !outside.written.contains(name.value))
            || set.iter().any(|(it, _)| it == name.value);
        if value.value == TO_BE_GIVEN && !is_given && !is_hidden {
            let message = format!(
                "the value of \"{0}\" is not kept in a plan: give it with --set-file {0}=PATH",
                name.value
            );
            return Err(root.error("variables", value.span, message));
        }
        variables.push(Variable {
            name: name.value.to_owned(),
            value: value.value.to_owned(),
            span: name.span,
            used: Cell::new(false),
            is_secret: is_listed || is_hidden,
            is_given,
        });
    }
    let given: Vec<(&String, &String)> =
        set.iter().map(|(name, value)| (name, value)).chain(&outside.secrets).collect();
    for (k, (name, value)) in given.iter().copied().enumerate() {
        let refused = |message: String| ScenarioError::Set { name: name.clone(), message };
        if given[..k].iter().any(|(other, _)| *other == name) {
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
