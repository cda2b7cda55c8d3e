//! The samplers of a thread group in the order in which a thread plays them, each with what holds for it.
//!
//! Knows controllers, not what samplers become. Invariant: what decides at run time which samplers are played is refused.

use super::super::model::{At, Of, Pause};
use super::element::Element;
use super::extract;
use super::scope::{ASSERTIONS, FILTERS, Scope, wait};
use super::work::PlanWork;

/// What a thread does next.
#[derive(Clone, Debug)]
pub(super) enum Act<'t> {
    /// A sampler, after the pause of its scope.
    Sample { element: Element<'t>, scope: Box<Scope<'t>> },
    /// Acts that are repeated; `None`: without an end.
    Loop { times: Option<u64>, element: Element<'t>, acts: Vec<Act<'t>> },
}

/// Controllers under which everything is played once, in order.
const TRANSPARENT: [&str; 5] = [
    "GenericController",
    "TransactionController",
    "OnceOnlyController",
    "CriticalSectionController",
    "RecordingController",
];

/// What decides when a plan runs, or is not known, and what would express it.
const REFUSED: [(&str, &str); 22] = [
    (
        "IfController",
        "a session takes no branches: write a scenario for each and play them side by side with [[mix]]",
    ),
    (
        "WhileController",
        "a session repeats nothing until something holds: await the message that ends it, or set interval and times",
    ),
    ("ForeachController", "a session has no loop over values: give each session one by --members"),
    (
        "SwitchController",
        "a session takes no branches: write a scenario for each and play them side by side with [[mix]]",
    ),
    (
        "RandomController",
        "write a scenario for each choice and play them side by side with [[mix]], or give share to periodic messages",
    ),
    ("RandomOrderController", "write a scenario for each order and play them side by side with [[mix]]"),
    ("InterleaveControl", "write a scenario for each turn and play them side by side with [[mix]]"),
    ("ThroughputController", "share = 0.2 in [[websocket.every]], or [[mix]]"),
    ("RunTime", "--hold says how long sessions stay"),
    ("IncludeController", "put what it includes into the plan"),
    ("ModuleController", "put a copy of what it points to in its place"),
    ("CounterConfig", "{session} counts sessions, {sequence} a session's messages, {member_id} members"),
    (
        "JSR223Sampler",
        "scripts are not run: write what it sends, with {now_ms}, {uuid}, {random:1-9} and filters",
    ),
    (
        "JSR223PreProcessor",
        "scripts are not run: a variable may refer to others, and has filters such as {name|sha256}",
    ),
    (
        "JSR223PostProcessor",
        "scripts are not run: take takes values by pointer, regular expression, header and cookie",
    ),
    ("JSR223Assertion", "scripts are not run: expect, take and kinds of messages say what must come"),
    (
        "BeanShellSampler",
        "scripts are not run: write what it sends, with {now_ms}, {uuid}, {random:1-9} and filters",
    ),
    (
        "BeanShellPreProcessor",
        "scripts are not run: a variable may refer to others, and has filters such as {name|sha256}",
    ),
    (
        "BeanShellPostProcessor",
        "scripts are not run: take takes values by pointer, regular expression, header and cookie",
    ),
    ("BeanShellAssertion", "scripts are not run: expect, take and kinds of messages say what must come"),
    (
        "BSFSampler",
        "scripts are not run: write what it sends, with {now_ms}, {uuid}, {random:1-9} and filters",
    ),
    (
        "WebSocketSampler",
        "of plugins for WebSockets, the WebSocket Samplers by Peter Doornbosch are known: write its messages as steps",
    ),
];

/// Elements that are read elsewhere.
const READ_ELSEWHERE: [&str; 6] =
    ["HeaderManager", "ConfigTestElement", "CookieManager", "AuthManager", "Arguments", "CSVDataSet"];

/// The samplers that are known.
const SAMPLERS: [&str; 8] = [
    "HTTPSamplerProxy",
    "OpenWebSocketSampler",
    "SingleWriteWebSocketSampler",
    "SingleReadWebSocketSampler",
    "RequestResponseWebSocketSampler",
    "PingPongSampler",
    "CloseWebSocketSampler",
    "TestAction",
];

/// The acts of what stands on a level.
pub(super) fn acts<'t>(level: &[Element<'t>], outer: &Scope<'t>, work: &mut PlanWork<'_>) -> Vec<Act<'t>> {
    let scope = outer.on_level(level, work.found, work.refused, work.values);
    let mut acts = Vec::new();
    for element in level {
        let element = *element;
        let class = element.class();
        match class {
            class if SAMPLERS.contains(&class) => acts.push(sample(element, &scope, work)),
            "LoopController" => {
                let acts_inside = self::acts(&element.under(), &scope, work);
                let times = times(element, work);
                match times {
                    Some(0) => {}
                    Some(1) => acts.extend(acts_inside),
                    times => acts.push(Act::Loop { times, element, acts: acts_inside }),
                }
            }
            class if TRANSPARENT.contains(&class) => acts.extend(self::acts(&element.under(), &scope, work)),
            _ => other(element, work),
        }
    }
    acts
}

/// How often a loop is played; `None`: without an end.
pub(super) fn times(element: Element<'_>, work: &mut PlanWork<'_>) -> Option<u64> {
    times_of(
        element.raw("LoopController.loops"),
        element.flag("LoopController.continue_forever"),
        element,
        work,
    )
}

/// The same of a thread group's own loop, which lies in a property of it.
pub(super) fn times_of(
    loops: &str,
    is_endless: bool,
    element: Element<'_>,
    work: &mut PlanWork<'_>,
) -> Option<u64> {
    let known = work.values.constant(loops);
    let loops = known.as_deref().unwrap_or(loops).trim();
    match work.values.number(loops) {
        // JMeter writes continue_forever beside a count that ends the loop all the same.
        Some(times) => Some(times),
        None if loops == "-1" || is_endless && loops.is_empty() => None,
        None => {
            let text = format!(
                "{}: how often it loops is not in the plan (\"{loops}\"): --hold says how long",
                element.called()
            );
            work.found.note(Of::Changed, At::Line(element.line()), text);
            None
        }
    }
}

fn sample<'t>(element: Element<'t>, scope: &Scope<'t>, work: &mut PlanWork<'_>) -> Act<'t> {
    let under = element.under();
    let own = scope.on_level(&under, work.found, work.refused, work.values);
    under.into_iter().for_each(|one| other(one, work));
    Act::Sample { element, scope: Box::new(own) }
}

/// What is no sampler and no controller that is known.
fn other(element: Element<'_>, work: &mut PlanWork<'_>) {
    let (class, at) = (element.class(), At::Line(element.line()));
    if let Some((_, instead)) = REFUSED.iter().find(|(known, _)| *known == class) {
        return work.refuse(element, instead);
    }
    let is_read = READ_ELSEWHERE.contains(&class)
        || class.ends_with("Timer")
        || ASSERTIONS.contains(&class)
        || FILTERS.contains(&class)
        || extract::CLASSES.contains(&class);
    if is_read {
        return;
    }
    let is_listener = ["ResultCollector", "Summariser", "BackendListener", "Visualizer", "Listener"]
        .iter()
        .any(|end| class.ends_with(end));
    if is_listener {
        let text = "Listeners: the result's page has their figures (startline report)";
        return work.found.note(Of::Left, At::Whole, text);
    }
    if class == "TestFragmentController" {
        let text = format!("{}: nothing plays a fragment by itself, as in JMeter", element.called());
        return work.found.note(Of::Left, at, text);
    }
    if class.ends_with("Controller") {
        return work.refuse(element, "a session plays its requests and steps in order, once: write them so");
    }
    if class.ends_with("Sampler") || class.ends_with("SamplerProxy") || class.ends_with("Client") {
        if class == "DebugSampler" {
            return work.found.note(
                Of::Left,
                at,
                format!("{}: startline try shows a session's values", element.called()),
            );
        }
        return work.refuse(element, "a session makes HTTP requests and has one WebSocket, and nothing else");
    }
    let advice = match class {
        "CacheManager" => ": nothing is cached: each session is a new client",
        "DNSCacheManager" => ": see --resolve",
        "KeystoreConfig" => ": see --cert and --key",
        "UserParameters" | "RandomVariableConfig" => ": see [variables], --members and {random:1-9}",
        class if class.ends_with("Assertion") => ": see expect, take and [websocket.messages]",
        class if class.ends_with("Extractor") || class.ends_with("PostProcessor") => {
            ": take values by pointer, match:REGEX or after:TEXT"
        }
        class if class.ends_with("PreProcessor") => ": see [variables]",
        _ => "",
    };
    work.found.note(Of::Left, at, format!("{}{advice}", element.called()));
}

/// The pause that a flow control action is; `None` if it is something else.
pub(super) fn pause_of(element: Element<'_>, work: &mut PlanWork<'_>) -> Option<Pause> {
    let is_pause = matches!(element.raw("ActionProcessor.action").trim(), "1" | "");
    is_pause.then(|| wait(element, element.raw("ActionProcessor.duration"), work.values, work.found))
}
