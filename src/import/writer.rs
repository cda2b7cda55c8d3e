//! Lays out what was found as a scenario's file, as a person would write it.
//!
//! Knows neither JMX nor HAR. Invariants: what nothing uses is not written; every note that no comment
//! says in its place stands at the file's head.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use startline_os::units::duration_text;

use super::command;
use super::model::{Every, Found, Kind, Of, Pause, Request, Socket, Step};
use super::text::{key, names_in, quoted, table};
use crate::foreign;

/// Columns of comments.
const COLUMNS: usize = 80;

/// The scenario's text. `file` is the name that the command at its head gives it.
pub(super) fn toml(found: &Found, file: &str) -> String {
    let mut out = String::new();
    head(&mut out, found, file);
    let _ = writeln!(out, "\nname = {}", quoted(&found.name));
    if found.cookies && !found.requests.is_empty() {
        comment(&mut out, "Cookies from answers are sent with later requests and the upgrade.");
        out.push_str("cookies = true\n");
    }
    let used = used(found);
    let secret: Vec<String> =
        found.secret.iter().filter(|name| used.contains(*name)).map(|name| quoted(name)).collect();
    if !secret.is_empty() {
        comment(&mut out, "No output shows what these are.");
        let _ = writeln!(out, "secret = [{}]", secret.join(", "));
    }
    variables(&mut out, found, &used);
    for one in &found.requests {
        out.push('\n');
        one.comments.iter().for_each(|line| comment(&mut out, line));
        let _ = writeln!(out, "[[http]]\nname = {}", quoted(&one.name));
        request(&mut out, one);
    }
    if let Some(one) = &found.socket {
        socket(&mut out, one);
    }
    criteria(&mut out, found);
    out
}

fn comment(out: &mut String, text: &str) {
    let options = textwrap::Options::new(COLUMNS).initial_indent("# ").subsequent_indent("# ");
    // A line end of the plan's own would end the comment.
    let _ = writeln!(out, "{}", textwrap::fill(&foreign::line(text, usize::MAX), options.break_words(false)));
}

fn head(out: &mut String, found: &Found, file: &str) {
    comment(out, &format!("{}: made of {} by startline scenario import.", found.name, found.origin));
    let words = command::words(file, &found.load, found.socket.is_some());
    for line in command::lines(&words, COLUMNS - 2) {
        let _ = writeln!(out, "# {line}");
    }
    let titles =
        [(Of::Left, "Not taken over:"), (Of::Changed, "Otherwise than there:"), (Of::Warning, "To look at:")];
    for (of, title) in titles {
        let mut notes = found.notes.iter().filter(|note| note.of == of && !note.in_place).peekable();
        if notes.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "#\n# {title}");
        for note in notes {
            let text = foreign::line(&note.text, usize::MAX);
            let options = textwrap::Options::new(COLUMNS).break_words(false);
            let options = options.initial_indent("# - ").subsequent_indent("#   ");
            let _ = writeln!(out, "{}", textwrap::fill(&format!("{}{text}", note.at), options));
        }
    }
}

/// The names that anything refers to, also through variables.
pub(super) fn used(found: &Found) -> BTreeSet<String> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut add = |text: &str| used.extend(names_in(text).into_iter().map(str::to_owned));
    found.requests.iter().for_each(|request| texts_of(request, &mut add));
    if let Some(socket) = &found.socket {
        add(&socket.url);
        socket.headers.iter().for_each(|(_, value)| add(value));
        socket.basic_auth.iter().for_each(|(user, password)| {
            add(user);
            add(password);
        });
        socket.subprotocols.iter().chain(&socket.quit).for_each(|text| add(text));
        for kind in &socket.kinds {
            let rule = &kind.rule;
            [&rule.is, &rule.starts, &rule.contains, &kind.answer]
                .into_iter()
                .flatten()
                .for_each(|it| add(it));
            rule.fields.iter().for_each(|(_, value)| add(value));
        }
        for step in &socket.steps {
            step.send.iter().chain(step.reply.iter().map(|own| &own.equals)).for_each(|text| add(text));
            step.request.iter().for_each(|request| texts_of(request, &mut add));
        }
        for every in &socket.every {
            add(&every.send);
            every.own.iter().for_each(|own| add(&own.equals));
        }
    }
    loop {
        let values = found.variables.iter().filter(|variable| used.contains(&variable.name));
        let further: Vec<String> =
            values.flat_map(|variable| names_in(&variable.value)).map(str::to_owned).collect();
        let before = used.len();
        used.extend(further);
        if used.len() == before {
            return used;
        }
    }
}

fn texts_of(request: &Request, add: &mut impl FnMut(&str)) {
    add(&request.path);
    request.headers.iter().chain(&request.form).for_each(|(_, value)| add(value));
    request.body.iter().for_each(|body| add(body));
    if let Some((user, password)) = &request.basic_auth {
        add(user);
        add(password);
    }
}

fn variables(out: &mut String, found: &Found, used: &BTreeSet<String>) {
    let mut title = "\n[variables]\n";
    let mut said = "";
    for variable in found.variables.iter().filter(|variable| used.contains(&variable.name)) {
        out.push_str(title);
        title = "";
        if !variable.comment.is_empty() && variable.comment != said {
            comment(out, &variable.comment);
        }
        said = &variable.comment;
        let _ = writeln!(out, "{} = {}", key(&variable.name), quoted(&variable.value));
    }
}

/// The keys that `[[http]]` and the request of a step have in common.
fn request(out: &mut String, request: &Request) {
    let _ = writeln!(out, "method = {}\npath = {}", quoted(&request.method), quoted(&request.path));
    headers(out, &request.headers, request.basic_auth.as_ref());
    if !request.form.is_empty() {
        let _ = writeln!(out, "form = {}", table(&request.form));
    }
    text(out, "body", request.body.as_deref());
    match &request.expect[..] {
        [] => {}
        [one] => {
            let _ = writeln!(out, "expect = {one}");
        }
        all => {
            let all: Vec<String> = all.iter().map(u16::to_string).collect();
            let _ = writeln!(out, "expect = [{}]", all.join(", "));
        }
    }
    if request.follow > 0 {
        let _ = writeln!(out, "follow = {}", request.follow);
    }
    duration(out, "timeout", request.timeout);
    if !request.take.is_empty() {
        let _ = writeln!(out, "take = {}", table(&request.take));
    }
}

fn headers(out: &mut String, headers: &[(String, String)], basic_auth: Option<&(String, String)>) {
    if !headers.is_empty() {
        let _ = writeln!(out, "headers = {}", table(headers));
    }
    if let Some((user, password)) = basic_auth {
        let _ = writeln!(out, "basic_auth = {{ user = {}, password = {} }}", quoted(user), quoted(password));
    }
}

fn text(out: &mut String, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = writeln!(out, "{name} = {}", quoted(text));
    }
}

fn duration(out: &mut String, name: &str, value: Option<Duration>) {
    if let Some(value) = value {
        let _ = writeln!(out, "{name} = {}", quoted(&duration_text(value)));
    }
}

fn pause_text(pause: Pause) -> String {
    let text = |ms| duration_text(Duration::from_millis(ms));
    match pause.from_ms == pause.to_ms {
        true => text(pause.from_ms),
        false => format!("{}..{}", text(pause.from_ms), text(pause.to_ms)),
    }
}

fn socket(out: &mut String, socket: &Socket) {
    out.push('\n');
    socket.comments.iter().for_each(|line| comment(out, line));
    let _ = writeln!(out, "[websocket]\nurl = {}", quoted(&socket.url));
    headers(out, &socket.headers, socket.basic_auth.as_ref());
    match &socket.subprotocols[..] {
        [] => {}
        [one] => text(out, "subprotocol", Some(one)),
        all => {
            let all: Vec<String> = all.iter().map(|one| quoted(one)).collect();
            let _ = writeln!(out, "subprotocol = [{}]", all.join(", "));
        }
    }
    if socket.deflate {
        out.push_str("compression = \"deflate\"\n");
    }
    duration(out, "connect_timeout", socket.connect_timeout);
    if socket.is_binary {
        out.push_str("frames = \"binary\"\n");
    }
    text(out, "type_at", socket.type_at.as_deref());
    if let Some(quit) = &socket.quit {
        text(out, "quit", Some(quit));
        out.push_str("end = \"quit\"\n");
    }
    if !socket.kinds.is_empty() {
        out.push_str("\n[websocket.messages]\n");
        socket.kinds.iter().for_each(|one| kind(out, one));
    }
    socket.steps.iter().for_each(|one| step(out, one));
    socket.every.iter().for_each(|one| every(out, one));
}

fn kind(out: &mut String, kind: &Kind) {
    if !kind.comment.is_empty() {
        comment(out, &kind.comment);
    }
    let rule = &kind.rule;
    let mut keys = Vec::new();
    for (name, value) in [("is", &rule.is), ("starts", &rule.starts), ("contains", &rule.contains)] {
        keys.extend(value.as_ref().map(|value| format!("{name} = {}", quoted(value))));
    }
    if !rule.fields.is_empty() {
        keys.push(format!("fields = {}", table(&rule.fields)));
    }
    keys.extend(kind.answer.as_ref().map(|answer| format!("answer = {}", quoted(answer))));
    let value = if keys.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", keys.join(", ")) };
    let _ = writeln!(out, "{} = {value}", key(&kind.name));
}

fn step(out: &mut String, step: &Step) {
    out.push('\n');
    step.comments.iter().for_each(|line| comment(out, line));
    let _ = writeln!(out, "[[websocket.steps]]\nname = {}", quoted(&step.name));
    if !step.pause.is_none() {
        let _ = writeln!(out, "pause = {}", quoted(&pause_text(step.pause)));
    }
    text(out, "send", step.send.as_deref());
    match &step.awaits[..] {
        [] => {}
        [one] => text(out, "await", Some(one)),
        all => {
            let all: Vec<String> = all.iter().map(|one| quoted(one)).collect();
            let _ = writeln!(out, "await = [{}]", all.join(", "));
        }
    }
    own(out, step.reply.as_ref().map(|own| (&own.at, &own.equals)));
    duration(out, "timeout", step.timeout);
    if !step.take.is_empty() {
        let _ = writeln!(out, "take = {}", table(&step.take));
    }
    if let Some(one) = &step.request {
        out.push('\n');
        one.comments.iter().for_each(|line| comment(out, line));
        out.push_str("[websocket.steps.request]\n");
        request(out, one);
    }
}

fn own(out: &mut String, own: Option<(&String, &String)>) {
    if let Some((at, equals)) = own {
        let _ = writeln!(out, "reply_at = {}\nreply_equals = {}", quoted(at), quoted(equals));
    }
}

fn every(out: &mut String, every: &Every) {
    out.push('\n');
    every.comments.iter().for_each(|line| comment(out, line));
    let _ = writeln!(out, "[[websocket.every]]\nname = {}", quoted(&every.name));
    text(out, "send", Some(&every.send));
    if every.is_ping_frame {
        out.push_str("frame = \"ping\"\n");
    }
    let _ = writeln!(out, "interval = {}", quoted(&pause_text(every.interval)));
    if let Some(times) = every.times {
        let _ = writeln!(out, "times = {times}");
    }
    text(out, "reply", every.reply.as_deref());
    own(out, every.own.as_ref().map(|own| (&own.at, &own.equals)));
    duration(out, "timeout", every.timeout);
}

fn criteria(out: &mut String, found: &Found) {
    let mut criterion = |name: &str, measure: &str, limits: &str| {
        let _ =
            write!(out, "\n[[criteria]]\nname = {}\nmeasure = {}\n{limits}\n", quoted(name), quoted(measure));
    };
    if found.socket.is_some() {
        criterion("connections-held", "sessions.min_in_hold_share", "at_least = 0.999");
    }
    criterion("error-rate", "errors.rate", "below = 0.001\nwarn = 0.01");
    criterion("arrivals", "arrivals.achieved_share", "at_least = 0.99");
    for one in &found.criteria {
        let measure = format!("steps.{}.max_ms", one.step);
        criterion(&one.name, &measure, &format!("at_most = {}", one.at_most_ms));
    }
}
