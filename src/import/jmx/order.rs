//! What requests use before any answer has given it: JMeter sends the text `${name}` then, and goes on.
//!
//! Knows templates, not elements. Invariant: after it nothing refers to a value that is not taken yet, but through a variable of
//! the plan's.

use std::collections::BTreeSet;

use super::super::model::{At, Found, Of, Request, Variable};
use super::super::text::{Cut, cut, literal, names_in};

/// Replaces what is used too early.
pub(super) fn settle(found: &mut Found) {
    let steps = || found.socket.iter().flat_map(|socket| &socket.steps);
    let requests = found.requests.iter().chain(steps().filter_map(|step| step.request.as_ref()));
    let takes = requests.flat_map(|request| &request.take).chain(steps().flat_map(|step| &step.take));
    let mut early = Early {
        later: takes.map(|(name, _)| name.clone()).collect(),
        variables: found.variables.clone(),
        notes: Vec::new(),
    };
    for request in &mut found.requests {
        early.request(request);
        early.takes(&request.take);
    }
    if let Some(socket) = &mut found.socket {
        socket.url = early.text(&socket.url, "the upgrade");
        early.headers(&mut socket.headers, "the upgrade");
        for step in &mut socket.steps {
            let by = format!("\"{}\"", step.name);
            step.send = step.send.as_ref().map(|send| early.text(send, &by));
            if let Some(request) = &mut step.request {
                early.request(request);
                early.takes(&request.take);
            }
            early.takes(&step.take);
        }
    }
    early.notes.into_iter().for_each(|text| found.note(Of::Changed, At::Whole, text));
}

/// What has no value yet.
struct Early {
    /// Names that are taken later.
    later: BTreeSet<String>,
    variables: Vec<Variable>,
    notes: Vec<String>,
}

impl Early {
    fn takes(&mut self, takes: &[(String, String)]) {
        takes.iter().for_each(|(name, _)| {
            self.later.remove(name);
        });
    }

    fn request(&mut self, request: &mut Request) {
        let by = format!("\"{}\"", request.name);
        request.path = self.text(&request.path, &by);
        self.headers(&mut request.headers, &by);
        request.body = request.body.as_ref().map(|body| self.text(body, &by));
        request.form.iter_mut().for_each(|(_, value)| *value = self.text(value, &by));
    }

    /// Header fields whose values are all there: half a token is of no use to a server.
    fn headers(&mut self, headers: &mut Vec<(String, String)>, by: &str) {
        headers.retain(|(name, value)| {
            let missing = names_in(value).into_iter().find(|name| self.is_missing(name));
            if let Some(missing) = missing {
                self.notes.push(format!(
                    "{by} has no header {name}: {{{missing}}} is taken by a later step, and JMeter sends its name there"
                ));
            }
            missing.is_none()
        });
        headers.iter_mut().for_each(|(_, value)| *value = self.text(value, by));
    }

    /// Whether a name has no value yet, be it through variables.
    fn is_missing(&self, name: &str) -> bool {
        let mut names = vec![name.to_owned()];
        let mut next = 0;
        while let Some(name) = names.get(next).cloned() {
            if self.later.contains(&name) {
                return true;
            }
            let of = self.variables.iter().filter(|variable| variable.name == name);
            let inner: Vec<&str> = of.flat_map(|variable| names_in(&variable.value)).collect();
            let new: Vec<&str> =
                inner.into_iter().filter(|inner| !names.iter().any(|it| it == inner)).collect();
            names.extend(new.into_iter().map(str::to_owned));
            next += 1;
        }
        false
    }

    /// A template in which what has no value yet is text, and what counts messages counts sessions.
    fn text(&mut self, template: &str, by: &str) -> String {
        let mut out = String::new();
        for piece in cut(template) {
            let brace = match piece {
                Cut::Text(text) => {
                    out.push_str(&literal(&text));
                    continue;
                }
                Cut::Brace(brace) => brace,
            };
            let name = names_in(brace).first().copied().unwrap_or_default();
            match name {
                "sequence" => {
                    self.notes.push(format!("{by} has {{session}} for a counter: a session sends it once"));
                    out.push_str(&brace.replacen("sequence", "session", 1));
                }
                name if self.later.contains(name) => {
                    self.notes.push(format!(
                        "{by} sends the text ${{{name}}}, as JMeter does: {{{name}}} is taken by a later step"
                    ));
                    out.push_str(&literal(&format!("${{{name}}}")));
                }
                _ => out.push_str(brace),
            }
        }
        out
    }
}
