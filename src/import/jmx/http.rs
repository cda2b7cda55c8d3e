//! An HTTP sampler, with what is in its scope, as a request.
//!
//! Knows one sampler at a time. Invariant: what a sampler has and a request cannot have is noted by its line.

use std::time::Duration;

use super::super::fields;
use super::super::model::{At, Criterion, Of, Request};
use super::super::text::{in_url, literal, url_decoded, url_encoded};
use super::element::{Element, Part, milliseconds};
use super::extract;
use super::headers;
use super::json_path::{self, Asked};
use super::scope::{DURATION, Place, Scope, place};
use super::work::PlanWork;
use crate::scenario::FOLLOW_MAX;

/// What JMeter takes for success, but for redirects: any status from 200 to 399.
const SUCCESS: [u16; 4] = [200, 201, 202, 204];
/// The type of a form that is written as text.
const FORM: &str = "application/x-www-form-urlencoded";
/// Redirects that are no success of their own where none is followed.
const REDIRECTS: [u16; 3] = [301, 302, 303];

/// A request of a sampler.
pub(super) fn request(element: Element<'_>, scope: &Scope<'_>, work: &mut PlanWork<'_>) -> Request {
    let line = element.line();
    let (name, comments) = work.name(element, "request");
    let method = method(element, work);
    let mut request = Request { name, method, comments, ..Request::default() };
    request.path = path(element, scope, work);
    request.headers = headers::fields(scope, false, work);
    request.basic_auth = headers::basic_auth(scope, &request.path, &request.headers, work);
    content(element, scope, work, &mut request);
    let follows = element.flag("HTTPSampler.follow_redirects") || element.flag("HTTPSampler.auto_redirects");
    request.follow = if follows { FOLLOW_MAX as u8 } else { 0 };
    request.timeout = timeout(element, scope, work);
    for extractor in &scope.extractors {
        let takes = extract::takes(*extractor, false, work);
        extract::add(&mut request.take, takes, *extractor, work);
    }
    expectations(scope, work, &mut request);
    if request.expect.is_empty() {
        request.expect = SUCCESS.into_iter().chain(REDIRECTS.into_iter().filter(|_| !follows)).collect();
        let text = "JMeter takes any status from 200 to 399 for success: expect lists the usual ones; narrow it to what \
                    each request has to answer";
        work.found.note(Of::Changed, At::Whole, text);
    }
    unlike(element, work, line);
    request
}

fn method(element: Element<'_>, work: &mut PlanWork<'_>) -> String {
    let written = element.text("HTTPSampler.method").unwrap_or("GET").trim();
    let Some(method) = work.values.constant(written).map(|method| method.to_ascii_uppercase()) else {
        work.refuse(element, "its method is not known before the test: write a request for each method");
        return String::new();
    };
    if !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        work.refuse(element, &format!("\"{method}\" is not an HTTP method: a method has letters only"));
    }
    method
}

/// Path and query; the target is the first host that a plan names, and no request may go to another.
fn path(element: Element<'_>, scope: &Scope<'_>, work: &mut PlanWork<'_>) -> String {
    let line = element.line();
    let written = element.text("HTTPSampler.path").or(scope.defaults.path).unwrap_or("/").trim();
    let written = work.values.with_begin(written);
    let (place, path) = match written.split_once("://") {
        Some((protocol, rest)) if is_http(protocol) => {
            let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            let (host, port) = host.rsplit_once(':').map_or((host, ""), |(host, port)| (host, port));
            (place(protocol, host, port, work.values), path)
        }
        _ => (scope.defaults.place(element, work.values), written.as_str()),
    };
    go_to(element, place, work);
    work.values.path(path, line, work.found)
}

fn is_http(protocol: &str) -> bool {
    protocol.eq_ignore_ascii_case("http") || protocol.eq_ignore_ascii_case("https")
}

/// Holds that all of a session's requests go to one place.
fn go_to(element: Element<'_>, place: Place, work: &mut PlanWork<'_>) {
    let to = match &place {
        Place::Unsaid => return,
        Place::NoHost(host) => {
            return work
                .refuse(element, &format!("\"{host}\" is no host with a port: write it as HOST and PORT"));
        }
        Place::At(to) | Place::Open(to) => to.clone(),
    };
    let before = work.found.load.target.as_ref().or(work.values.open_target.as_ref());
    match before {
        Some(before) if *before == to => {}
        Some(before) => {
            let instead = format!(
                "it goes to {to}, the requests before it to {before}: a session's requests go to one target: import the \
                 requests to each alone (disable the others)"
            );
            work.refuse(element, &instead);
        }
        None if matches!(place, Place::At(_)) => work.found.load.target = Some(to),
        None => open_target(element, to, work),
    }
}

/// Has the command line say where requests go, since the plan does not.
pub(super) fn open_target(element: Element<'_>, to: String, work: &mut PlanWork<'_>) {
    let text = format!(
        "{}: {to} is not known before the test: --target says where all sessions go",
        element.called()
    );
    work.found.note(Of::Warning, At::Line(element.line()), text);
    work.values.open_target = Some(to);
}

/// Arguments and body.
fn content(element: Element<'_>, scope: &Scope<'_>, work: &mut PlanWork<'_>, request: &mut Request) {
    let line = element.line();
    let arguments = element.list_in("HTTPsampler.Arguments", "Arguments.arguments");
    let name_of = |argument: &Part<'_>| argument.text("Argument.name").to_owned();
    let own: Vec<String> = arguments.iter().map(name_of).collect();
    let defaults = scope.defaults.arguments.iter().copied().filter(|one| !own.contains(&name_of(one)));
    let arguments: Vec<Part<'_>> = defaults.chain(arguments).collect();
    let has_twice = own.iter().enumerate().any(|(k, name)| own[..k].contains(name));
    let has_body = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    let is_nameless = || arguments.iter().all(|argument| argument.text("Argument.name").is_empty());
    if element.flag("HTTPSampler.postBodyRaw") || has_body && is_nameless() {
        request.body = Some(raw_body(&arguments, line, work));
    } else if has_body {
        for argument in arguments {
            let name = argument.text("Argument.name");
            let value = work.values.field(name, argument.text("Argument.value"), work.found);
            let value = work.template(&value, line);
            // What stands there encoded is encoded by the form itself.
            let value = if argument.flag("HTTPArgument.always_encode") { value } else { url_decoded(&value) };
            request.form.push((name.to_owned(), value));
        }
        // The form says itself of which type it is.
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        if has_twice {
            // A form has each field once.
            let pair = |(name, value): (String, String)| {
                format!("{}={}", url_encoded(&literal(&name)), url_encoded(&value))
            };
            let pairs: Vec<String> = std::mem::take(&mut request.form).into_iter().map(pair).collect();
            request.body = Some(pairs.join("&"));
            request.headers.push(("Content-Type".to_owned(), FORM.to_owned()));
        }
    } else {
        for argument in arguments {
            let name = argument.text("Argument.name");
            let value = work.values.field(name, argument.text("Argument.value"), work.found);
            let value = work.template(&value, line);
            let value = if argument.flag("HTTPArgument.always_encode") { url_encoded(&value) } else { value };
            let (name, value) = (in_url(&literal(name)), in_url(&value));
            let between = if request.path.contains('?') { '&' } else { '?' };
            request.path.push_str(&format!("{between}{name}={value}"));
        }
    }
}

/// A body that is sent as it stands.
fn raw_body(arguments: &[Part<'_>], line: usize, work: &mut PlanWork<'_>) -> String {
    let body: String = arguments.iter().map(|argument| argument.text("Argument.value")).collect();
    let body = work.values.fields(&body, fields::of_draft(&body), work.found);
    work.template(&body, line)
}

fn timeout(element: Element<'_>, scope: &Scope<'_>, work: &mut PlanWork<'_>) -> Option<Duration> {
    let connect = element.text("HTTPSampler.connect_timeout").or(scope.defaults.connect_timeout);
    let response = element.text("HTTPSampler.response_timeout").or(scope.defaults.response_timeout);
    let connect = connect.and_then(|text| milliseconds_of(text, element, work));
    if response.is_none() && connect.is_some() {
        let text = format!(
            "{}: its timeout for connecting alone: here one is for all of a request",
            element.called()
        );
        work.found.note(Of::Left, At::Line(element.line()), text);
    }
    let response = milliseconds_of(response?, element, work)?;
    Some(response.saturating_add(connect.unwrap_or_default()).min(Duration::from_millis(super::DELAY_MAX_MS)))
}

/// A timeout as a plan writes it; none is 0, and one that the test says is noted.
pub(super) fn milliseconds_of(text: &str, element: Element<'_>, work: &mut PlanWork<'_>) -> Option<Duration> {
    let Some(ms) = work.values.constant(text).as_deref().and_then(milliseconds) else {
        let text = format!(
            "{}: its timeout \"{text}\" is not known before the test: write it in timeout",
            element.called()
        );
        work.found.note(Of::Left, At::Line(element.line()), text);
        return None;
    };
    (ms > 0).then(|| Duration::from_millis(ms.min(super::DELAY_MAX_MS)))
}

/// What assertions expect of an answer.
fn expectations(scope: &Scope<'_>, work: &mut PlanWork<'_>, request: &mut Request) {
    for assertion in &scope.assertions {
        let assertion = *assertion;
        match assertion.class() {
            "ResponseAssertion" => response_assertion(assertion, work, request),
            "JSONPathAssertion" => json_assertion(assertion, work, request),
            _ => {}
        }
    }
    limit_time(scope, &request.name, work);
}

/// Limits a step's time as the assertions that hold for it do.
pub(super) fn limit_time(scope: &Scope<'_>, step: &str, work: &mut PlanWork<'_>) {
    for assertion in scope.assertions.iter().filter(|one| one.class() == DURATION) {
        let written = assertion.raw("DurationAssertion.duration");
        match work.values.constant(written).as_deref().and_then(milliseconds) {
            Some(0) => {}
            Some(at_most_ms) => {
                let name = work.names.give(&format!("{step}-time"), "time");
                work.found.criteria.push(Criterion { name, step: step.to_owned(), at_most_ms });
            }
            None => {
                let text = format!(
                    "{}: its time \"{written}\" is not known before the test: write a criterion on steps.{step}.max_ms",
                    assertion.called()
                );
                work.found.note(Of::Left, At::Line(assertion.line()), text);
            }
        }
    }
}

fn json_assertion(assertion: Element<'_>, work: &mut PlanWork<'_>, request: &mut Request) {
    let asked = json_path::asked(assertion);
    if let Asked::Not(why) = asked {
        let text = format!("{}: {why}: name such answers by [[http.errors]]", assertion.called());
        return work.found.note(Of::Left, At::Line(assertion.line()), text);
    }
    match json_path::place(assertion.raw("JSON_PATH")) {
        Ok(place) => request.take.push((format!("checked_{}", request.take.len() + 1), place)),
        Err(instead) => return work.refuse(assertion, &instead),
    }
    if asked != Asked::There {
        let text = format!(
            "{}: that the value is there is checked by take, not that it is \"{}\"",
            assertion.called(),
            assertion.raw("EXPECTED_VALUE")
        );
        work.found.note(Of::Changed, At::Line(assertion.line()), text);
    }
}

fn response_assertion(assertion: Element<'_>, work: &mut PlanWork<'_>, request: &mut Request) {
    let kind: u32 = assertion.raw("Assertion.test_type").trim().parse().unwrap_or(16);
    let texts: Vec<&str> =
        assertion.inner("Asserion.test_strings").iter().map(|part| part.own_text()).collect();
    let is_not = kind & 4 != 0;
    match assertion.raw("Assertion.test_field") {
        "Assertion.response_code" if !is_not => {
            let codes = texts.iter().filter_map(|text| work.values.number(text));
            let codes: Vec<u16> = codes
                .filter_map(|code| u16::try_from(code).ok())
                .filter(|code| (200..=599).contains(code))
                .collect();
            if codes.len() == texts.len() && !codes.is_empty() {
                request.expect = codes;
                // A status that is expected is not followed.
                if request.expect.iter().any(|code| (300..400).contains(code)) {
                    request.follow = 0;
                }
                return;
            }
        }
        "Assertion.response_data" | "" if !is_not && kind & 32 == 0 => {
            for text in &texts {
                let is_plain = kind & 16 != 0 || kind & 8 != 0;
                let pattern = if is_plain { regex::escape(text) } else { (*text).to_owned() };
                match extract::as_one_group(&pattern).filter(|_| !text.contains("${")) {
                    Some(pattern) => {
                        let name = format!("checked_{}", request.take.len() + 1);
                        request.take.push((name, format!("match:{pattern}")));
                    }
                    None => left(assertion, work),
                }
            }
            return;
        }
        _ => {}
    }
    left(assertion, work);
}

fn left(assertion: Element<'_>, work: &mut PlanWork<'_>) {
    let text = format!(
        "{}: an answer is judged by its status (expect), by values that must be in it (take), and named by [[http.errors]]",
        assertion.called()
    );
    work.found.note(Of::Left, At::Line(assertion.line()), text);
}

/// What a request here cannot have.
fn unlike(element: Element<'_>, work: &mut PlanWork<'_>, line: usize) {
    if element.flag("HTTPSampler.DO_MULTIPART_POST")
        || !element.list_in("HTTPsampler.Files", "HTTPFileArgs.files").is_empty()
    {
        work.refuse(
            element,
            "write the multipart body as \"body\", with its Content-Type and boundary in \"headers\"",
        );
    }
    let mut left = |is_there: bool, what: &str| {
        if is_there {
            work.found.note(Of::Left, At::Line(line), format!("{}: {what}", element.called()));
        }
    };
    left(
        element.flag("HTTPSampler.image_parser"),
        "embedded resources are not loaded: sessions load what they list",
    );
    left(
        element.text("HTTPSampler.proxyHost").is_some(),
        "its proxy: requests go to the target itself (--resolve says where that is)",
    );
    left(
        element.text("HTTPSampler.ipSource").is_some(),
        "its source address: --source-ip gives the run several",
    );
    if element.text("HTTPSampler.use_keepalive").is_some() && !element.flag("HTTPSampler.use_keepalive") {
        work.found.note(
            Of::Changed,
            At::Whole,
            "Requests without keep-alive: a session's requests go over one connection",
        );
    }
}
