//! What was run and how to run it again: the plan, the command, the files beside the page.
//!
//! Invariant: a plan of any size leaves the page small; the file beside it is whole.

use std::path::{Path, absolute};

use maud::{Markup, html};

use super::Page;
use super::parts::{Pairs, Section, code};
use crate::foreign;
use crate::numbers::grouped;
use crate::report::files::{FAILURES, LATENCY_LOG, PLAN, SERVERS, SUMMARY, TIMELINE, WATCH};
use crate::report::texts::page::Words;
use crate::shell;

/// Characters shown of the plan.
const PLAN_CHARS_MAX: usize = 30_000;

/// Characters shown of a setting.
const SETTING_CHARS_MAX: usize = 120;

impl Page<'_> {
    pub(super) fn plan(&self) -> Section {
        let path = absolute(&self.recorded.path).unwrap_or_else(|_| self.recorded.path.clone());
        let command = format!("startline run --plan {}", shell::quoted(&path.join(PLAN).to_string_lossy()));
        let body = html! {
            div.card {
                p { (self.word(Words::Repeat)) }
                code.evidence { (foreign::line(&command, 600)) }
                (self.settings())
                @if !self.recorded.plan.is_empty() {
                    details.long {
                        summary { (self.word(Words::WholePlan)) }
                        pre tabindex="0" { code { (self.plan_text()) } }
                    }
                }
            }
            (self.files(&path))
        };
        Section { id: "plan", title: self.word(Words::Plan), body }
    }

    /// The settings that are one value each, by the names that a plan has for them.
    fn settings(&self) -> Markup {
        let settings = self.recorded.result.plan.as_object().cloned().unwrap_or_default();
        let mut pairs = Pairs::default();
        for (key, value) in &settings {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Number(number) => match number.as_u64() {
                    Some(count) if key != "seed" => grouped(count),
                    _ => number.to_string(),
                },
                serde_json::Value::Bool(is_set) => is_set.to_string(),
                serde_json::Value::Array(values) if values.iter().all(serde_json::Value::is_string) => values
                    .iter()
                    .filter_map(serde_json::Value::as_str)
                    .take(20)
                    .collect::<Vec<_>>()
                    .join(", "),
                _ => continue,
            };
            if !text.is_empty() {
                pairs.add(code(key), html! { code { bdi { (foreign::line(&text, SETTING_CHARS_MAX)) } } });
            }
        }
        pairs.html()
    }

    fn plan_text(&self) -> String {
        let text = foreign::shown_plain(&self.recorded.plan);
        match text.char_indices().nth(PLAN_CHARS_MAX) {
            Some((end, _)) => format!("{}\n… {}", &text[..end], self.word(Words::PlanCut)),
            None => text,
        }
    }

    fn files(&self, path: &Path) -> Markup {
        let files = [
            (SUMMARY, Words::SummaryFile),
            (TIMELINE, Words::TimelineFile),
            (LATENCY_LOG, Words::LatencyFile),
            (SERVERS, Words::ServersFile),
            (FAILURES, Words::FailuresFile),
            (PLAN, Words::PlanFile),
        ];
        let watched = self.watch().map(|_| (WATCH, Words::WatchFile));
        html! {
            div.card {
                h3 { (self.word(Words::FilesBeside)) }
                p.soft { code { (foreign::line(&path.to_string_lossy(), 400)) } }
                ul.files {
                    @for (file, about) in files.into_iter().chain(watched) {
                        li { a href=(file) { code { (file) } } " " span.soft { (self.word(about)) } }
                    }
                }
            }
        }
    }
}
