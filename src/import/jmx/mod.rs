//! JMeter plans: HTTP samplers and the WebSocket Samplers, with what is in their scope.
//!
//! Reads the tree ([`xml`], [`element`]), then the flow of a thread ([`flow`]), of which [`http`] makes requests and
//! [`socket`] the WebSocket. Invariants: what is disabled is not there; whatever decides at run time what is sent has the
//! whole plan refused, by its line.

mod arrivals;
mod element;
mod extract;
mod flow;
mod headers;
mod http;
mod json_path;
mod kinds;
mod load;
mod loops;
mod opening;
mod order;
mod pieces;
mod scope;
mod socket;
mod stages;
#[cfg(test)]
mod tests;
mod values;
mod work;
mod xml;

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::ImportError;
use super::model::{At, Found, Members, Of, Request};
use super::names::{Names, slug};
use super::text::names_in;
use super::{Beside, stem};
use element::{Element, elements};
use flow::Act;
use scope::Scope;
use values::{Origin, Values, declare};
use work::PlanWork;

use crate::scenario::{DELAY_MAX, is_built_in};

/// The longest delay of a scenario.
const DELAY_MAX_MS: u64 = DELAY_MAX.as_millis() as u64;
/// The longest run: ten days.
const RUN_MAX_S: u64 = 10 * 24 * 3600;

/// Finds what a plan's sessions do.
///
/// # Errors
/// It is no plan of JMeter's, or does what no scenario can do.
pub(super) fn import(file: &str, text: &str, beside: Beside<'_>) -> Result<Found, ImportError> {
    let tree = xml::Tree::read(file, text)?;
    let unknown = |message: &str| ImportError::Unknown { file: file.to_owned(), message: message.to_owned() };
    let root = tree.root().filter(|root| root.class() == "jmeterTestPlan");
    let root = root.ok_or_else(|| unknown("its outermost element is not jmeterTestPlan"))?;
    let top = root.children().find(|child| child.class() == "hashTree");
    let (top, disabled) = top.map(elements).ok_or_else(|| unknown("it is empty"))?;
    let called = top.iter().map(|plan| slug(plan.name())).find(|name| !name.is_empty());
    let name = Some(slug(stem(file)))
        .filter(|name| !name.is_empty())
        .or(called)
        .unwrap_or_else(|| "imported".to_owned());
    let mut found = Found {
        name,
        origin: format!("the JMeter plan {}", file.rsplit('/').next().unwrap_or(file)),
        ..Found::default()
    };
    let (mut values, mut names, mut refused) = (Values::default(), Names::default(), Vec::new());
    let mut work =
        PlanWork { values: &mut values, found: &mut found, names: &mut names, refused: &mut refused };
    let disabled = disabled + top.iter().map(|one| one.disabled_under()).sum::<usize>();
    if disabled > 0 {
        let text = format!(
            "{} disabled",
            startline_os::units::counted(disabled as u64, "element that is", "elements that are")
        );
        work.found.note(Of::Left, At::Whole, text);
    }
    // JMeter looks for files beside the plan.
    let folder = file.rfind('/').map_or("", |at| &file[..=at]);
    plan(&top, folder, &mut work, beside);
    if !refused.is_empty() {
        refused.sort_by_key(|one| one.line);
        return Err(ImportError::Refused { file: file.to_owned(), refused });
    }
    order::settle(&mut found);
    if found.requests.is_empty() && found.socket.is_none() {
        return Err(unknown("no enabled thread group has an HTTP or WebSocket sampler"));
    }
    Ok(found)
}

fn plan<'t>(top: &[Element<'t>], folder: &str, work: &mut PlanWork<'_>, beside: Beside<'_>) {
    // Under the test plan's own element is everything; a fragment has no such element.
    let level: Vec<Element<'t>> = match top.iter().find(|one| one.class() == "TestPlan") {
        Some(plan) => plan.under(),
        None => top.to_vec(),
    };
    let constants = variables(top, work);
    note_unused(top, &constants, work);
    let groups: Vec<Element<'t>> = level.iter().copied().filter(|one| is_group(*one)).collect();
    let played: Vec<Element<'t>> = groups.iter().copied().filter(|group| !is_beside(*group)).collect();
    let moves = load::groups(&played, work);
    data_sets(top, folder, work, beside);
    for (name, value, line) in constants {
        let value = work.values.template(&value, line, work.found);
        if names_in(&value).into_iter().any(|name| is_built_in(name) || name.starts_with("random:")) {
            let text = format!(
                "\"{name}\": JMeter computes it once for all threads; here each request and message has its own: give one value \
                 in [variables] or by --set"
            );
            work.found.note(Of::Changed, At::Line(line), text);
        }
        let own = work.values.name(&name, work.found);
        declare(work.found, &own, &value, String::new());
    }
    let Some(group) = first_of_alike(&groups, work) else { return };
    let beside_group: Vec<Element<'t>> = level.iter().copied().filter(|one| !is_group(*one)).collect();
    let outer = Scope::default().on_level(&beside_group, work.found, work.refused, work.values);
    let around = flow::acts(&beside_group, &Scope::default(), work);
    for act in around {
        if let Act::Sample { element, .. } = act {
            work.found.note(
                Of::Left,
                At::Line(element.line()),
                format!("{} is in no thread group", element.called()),
            );
        }
    }
    let stay = session(group, &outer, work);
    load::arrivals(&played, moves, stay, work);
    if work.values.counts_threads && work.found.load.members == Members::None {
        work.found.load.members = Members::FromOne;
        let text = "${__threadNum} becomes {member_id}, with --members 1-N: it counts over all sessions";
        work.found.note(Of::Changed, At::Whole, text);
    }
}

fn is_group(element: Element<'_>) -> bool {
    element.class().ends_with("ThreadGroup")
}

/// Whether what a group does is done before or after a run.
fn is_beside(group: Element<'_>) -> bool {
    matches!(group.class(), "SetupThreadGroup" | "PostThreadGroup")
}

/// The group whose samplers are taken over: the others do the same, or are not played by sessions.
fn first_of_alike<'t>(groups: &[Element<'t>], work: &mut PlanWork<'_>) -> Option<Element<'t>> {
    for group in groups.iter().copied().filter(|group| is_beside(*group)) {
        let text = format!(
            "{}: what is done before and after a run is not a session's: do it by startline prepare, or a script",
            group.called()
        );
        work.found.note(Of::Left, At::Line(group.line()), text);
    }
    let mut groups = groups.iter().copied().filter(|group| !is_beside(*group));
    let first = groups.next()?;
    let likeness = first.likeness();
    for other in groups {
        if other.likeness() == likeness {
            if load::times_and_duration(other) != load::times_and_duration(first) {
                let text = format!(
                    "{}: it does the same as the thread group before it, with other loops or another duration: those of the \
                     first are taken",
                    other.called()
                );
                work.found.note(Of::Changed, At::Line(other.line()), text);
            }
            continue;
        }
        work.refuse(
            other,
            "it does something else than the thread group before it: import each alone (disable the others), and play the \
             scenarios side by side with [[mix]]",
        );
    }
    Some(first)
}

/// Every element of a plan, at any depth.
fn everything<'t>(level: &[Element<'t>], all: &mut Vec<Element<'t>>) {
    for element in level {
        all.push(*element);
        everything(&element.under(), all);
    }
}

/// Notes what sets which variable; returns the constants with their lines, in the plan's order.
fn variables(top: &[Element<'_>], work: &mut PlanWork<'_>) -> Vec<(String, String, usize)> {
    let mut all = Vec::new();
    everything(top, &mut all);
    let mut constants: Vec<(String, String, usize)> = Vec::new();
    for element in &all {
        extract::names(*element).into_iter().for_each(|name| work.values.set(name, Origin::Taken));
    }
    for element in all {
        let list = match element.class() {
            "TestPlan" => element.list_in("TestPlan.user_defined_variables", "Arguments.arguments"),
            "Arguments" => element.inner("Arguments.arguments"),
            _ => continue,
        };
        for argument in list {
            let (name, value) = (argument.text("Argument.name"), argument.text("Argument.value"));
            work.values.set(name, Origin::Constant(value.to_owned()));
            let name = name.trim();
            if constants.iter().any(|(known, ..)| known == name) {
                let text = format!("\"{name}\" is set once more: the last value counts, as in JMeter");
                work.found.note(Of::Warning, At::Line(argument.line()), text);
                constants.retain(|(known, ..)| known != name);
            }
            constants.push((name.to_owned(), value.to_owned(), argument.line()));
        }
    }
    constants.retain(|(name, ..)| work.values.is_constant(name));
    constants
}

/// Names the variables that nothing in the plan refers to: a scenario has none such.
fn note_unused(top: &[Element<'_>], constants: &[(String, String, usize)], work: &mut PlanWork<'_>) {
    let text: String = top.iter().map(|element| element.whole()).collect();
    let until = |at: usize, end: char| text[at..].split(end).next().unwrap_or_default();
    let plain = text.match_indices("${").map(|(at, _)| until(at + 2, '}').trim());
    let used: BTreeSet<&str> =
        plain.chain(text.match_indices("__V(").map(|(at, _)| until(at + 4, ')'))).collect();
    let is_used = |name: &str| used.contains(name);
    let unused: Vec<&str> =
        constants.iter().map(|(name, ..)| name.as_str()).filter(|name| !is_used(name)).collect();
    if !unused.is_empty() {
        let text = format!("Variables that nothing in the plan uses: {}", unused.join(", "));
        work.found.note(Of::Left, At::Whole, text);
    }
}

fn data_sets(top: &[Element<'_>], folder: &str, work: &mut PlanWork<'_>, beside: Beside<'_>) {
    let mut all = Vec::new();
    everything(top, &mut all);
    let mut in_loops = Vec::new();
    for one in all.iter().filter(|one| load::loops(**one)) {
        everything(&one.under(), &mut in_loops);
    }
    let in_loops: BTreeSet<usize> = in_loops.into_iter().map(Element::line).collect();
    let any_group_loops = all.iter().any(|one| is_group(*one) && load::loops(*one));
    for element in all.into_iter().filter(|element| element.class() == "CSVDataSet") {
        load::data_set(element, folder, work, beside);
        if any_group_loops || in_loops.contains(&element.line()) {
            let text = format!(
                "{}: in JMeter each iteration takes the next row; a session has one row for as long as it lasts",
                element.called()
            );
            work.found.note(Of::Changed, At::Line(element.line()), text);
        }
    }
}

/// What one thread of a group does, as a session; returns how long one stays, if that is known.
fn session<'t>(group: Element<'t>, outer: &Scope<'t>, work: &mut PlanWork<'_>) -> Option<Duration> {
    let mut acts = flow::acts(&group.under(), outer, work);
    let controller = group.inner("ThreadGroup.main_controller");
    let property =
        |name: &str| controller.iter().find(|part| part.is(name)).map_or("", |part| part.own_text());
    let is_endless = property("LoopController.continue_forever").trim() == "true";
    let times = match property("LoopController.loops").trim() {
        // It starts a thread in the place of each that ends.
        _ if group.class() == "ConcurrencyThreadGroup" => None,
        "" if !is_endless => Some(1),
        loops => flow::times_of(loops, is_endless, group, work),
    };
    if times != Some(1) {
        acts = repeated(group, acts, times, work);
    }
    let acts = unrolled(acts, work);
    let open = acts.iter().position(|act| matches!(act, Act::Sample { element, .. } if opens(*element)));
    let before = &acts[..open.unwrap_or(acts.len())];
    requests(before, work);
    if let Some(at) = open
        && let Act::Sample { element, scope } = &acts[at]
    {
        if !scope.pause.is_none() {
            note_pause(*element, work);
        }
        let (socket, stay) = socket::socket((*element, scope), &acts[at + 1..], work);
        work.found.socket = Some(socket);
        return stay;
    }
    if !work.found.load.stages.is_empty() {
        let text = "The thread groups' schedule: without a WebSocket nothing is held, and a session makes its requests once: \
                    --ramp is the time to the most threads";
        work.found.note(Of::Left, At::Whole, text);
    }
    None
}

/// The same acts, where a loop around the whole of a WebSocket's life is played once.
fn unrolled<'t>(acts: Vec<Act<'t>>, work: &mut PlanWork<'_>) -> Vec<Act<'t>> {
    let opens_here = |act: &Act<'_>| matches!(act, Act::Sample { element, .. } if opens(*element));
    if acts.iter().any(opens_here) {
        return acts;
    }
    let mut all = Vec::new();
    for act in acts {
        match act {
            Act::Loop { element, acts, .. } if acts.iter().any(opens_here) => {
                let text = format!(
                    "{}: it connects anew each time; a session plays it once, and lifetime has others take the place of those \
                     that end",
                    element.called()
                );
                work.found.note(Of::Changed, At::Line(element.line()), text);
                all.extend(acts);
            }
            act => all.push(act),
        }
    }
    all
}

/// A thread group that loops: what it does once stays before the loop, the rest is in it.
fn repeated<'t>(
    group: Element<'t>,
    acts: Vec<Act<'t>>,
    times: Option<u64>,
    work: &mut PlanWork<'_>,
) -> Vec<Act<'t>> {
    let once: Vec<usize> = group
        .under()
        .into_iter()
        .filter(|one| one.class() == "OnceOnlyController")
        .flat_map(|one| {
            let mut all = Vec::new();
            everything(&one.under(), &mut all);
            all.into_iter().map(Element::line).collect::<Vec<_>>()
        })
        .collect();
    let is_once =
        |act: &Act<'_>| matches!(act, Act::Sample { element, .. } if once.contains(&element.line()));
    let opens_once =
        acts.iter().any(|act| is_once(act) && matches!(act, Act::Sample { element, .. } if opens(*element)));
    if opens_once {
        let (mut before, rest): (Vec<_>, Vec<_>) = acts.into_iter().partition(is_once);
        before.push(Act::Loop { times, element: group, acts: rest });
        return before;
    }
    let times = times.map_or_else(|| "again and again".to_owned(), |times| format!("{times} times"));
    let text = format!(
        "{}: each thread plays all of it {times}; a session plays it once: raise --sessions, or with a WebSocket give lifetime, \
         which has others take the place of those that end",
        group.called()
    );
    work.found.note(Of::Changed, At::Line(group.line()), text);
    acts
}

/// Whether a sampler opens a WebSocket.
fn opens(element: Element<'_>) -> bool {
    match element.class() {
        "OpenWebSocketSampler" => true,
        "SingleWriteWebSocketSampler"
        | "SingleReadWebSocketSampler"
        | "RequestResponseWebSocketSampler"
        | "PingPongSampler" => element.flag("createNewConnection"),
        _ => false,
    }
}

/// The samplers before the WebSocket.
fn requests(acts: &[Act<'_>], work: &mut PlanWork<'_>) {
    for act in acts {
        match act {
            Act::Sample { element, scope } => {
                if !scope.pause.is_none() || element.class() == "TestAction" {
                    note_pause(*element, work);
                }
                match element.class() {
                    "HTTPSamplerProxy" => {
                        let request: Request = http::request(*element, scope, work);
                        work.found.requests.push(request);
                    }
                    "TestAction" => {}
                    _ => work.refuse(
                        *element,
                        "nothing before it opens a WebSocket: put a WebSocket Open Connection before it",
                    ),
                }
            }
            Act::Loop { element, acts, .. } => {
                let text = format!(
                    "{}: requests before the WebSocket are made once: what is in the loop is taken over once",
                    element.called()
                );
                work.found.note(Of::Changed, At::Line(element.line()), text);
                requests(acts, work);
            }
        }
    }
}

fn note_pause(element: Element<'_>, work: &mut PlanWork<'_>) {
    let text = format!(
        "{}: the pause before it: requests follow each other at once, and the ramp spreads the sessions",
        element.called()
    );
    work.found.note(Of::Left, At::Line(element.line()), text);
}
