//! The parts of a mix: what each of them was judged by, and what is between its own sessions.

use std::path::Path;

use super::{Text, Title, try_command};
use crate::numbers::grouped;
use crate::report::texts::summary::Summary;
use crate::report::{MixPart, RunResult};

impl Text {
    /// Prints each part of a mix after the whole.
    pub(super) fn mix(&mut self, result: &RunResult, results: Option<&Path>) {
        result.parts.iter().for_each(|part| self.mix_part(part, results));
        if !result.parts.is_empty() {
            self.out.push('\n');
        }
    }

    fn mix_part(&mut self, part: &MixPart, results: Option<&Path>) {
        let result = &part.result;
        let planned = grouped(result.sessions.planned);
        let head = self.lang.say(Summary::Part, &[&part.name, &planned, &part.weight, &result.scenario]);
        self.out.push('\n');
        self.put("", &head, None);
        self.verdict(result);
        self.troubles(result);
        self.out.push('\n');
        self.criteria(&result.criteria);
        self.stages(result);
        self.sessions(result);
        self.ledger(result);
        if !part.unjudged_with.is_empty() {
            let others = part.unjudged_with.join(", ");
            self.under("  ", &self.lang.say(Summary::UnjudgedWith, &[&others]), None);
        }
        self.membership(result);
        self.updates(result);
        self.propagation(result);
        self.errors(result);
        if let Some(command) = try_command(result, results.map(|it| it.join(&part.directory)).as_deref()) {
            self.under("  → ", self.lang.word(Summary::OneSession), None);
            // Not wrapped, so that it can be copied.
            self.out += &format!("{}    {command}\n", self.title(None));
        }
        if let Some(results) = results {
            let (title, path) = (self.title(Some(Title::Results)), results.join(&part.directory));
            self.out += &format!("{title}{}\n", path.display());
        }
    }
}
