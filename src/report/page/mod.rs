//! `report.html`: a run as one page that needs nothing else, from what a results directory holds.
//!
//! Every sentence and table is HTML; the charts are drawn in the browser, by uPlot, from figures in
//! the page. Reads no file and computes no verdict. Invariants: a page loads nothing; text from
//! outside is escaped; it exists for any run, also for one that has nothing yet; it stays under 1 MB.

mod accounts;
mod charts;
mod checklist;
mod distributions;
mod failures;
mod find_max;
mod judged;
mod mix;
mod parts;
mod places;
mod plan;
mod propagation;
mod reconnects;
mod routing;
mod said;
mod series;
mod servers;
mod shape;
mod shards;
mod stages;
mod told;
mod top;
mod watched;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::parts::Section;
use super::recorded::Recorded;
use super::texts::page::Words;
use crate::foreign;
use crate::lang::Lang;

const STYLE: &str = include_str!("page.css");
/// In a block, so that its names are its own.
const SCRIPT: &str = concat!(
    "'use strict';\n{\n",
    include_str!("figures.js"),
    include_str!("marks.js"),
    include_str!("page.js"),
    "}\n"
);
const CHART_STYLE: &str = include_str!("../../../third_party/uplot/uPlot.min.css");
const CHART_SCRIPT: &str = include_str!("../../../third_party/uplot/uPlot.iife.min.js");

/// Nothing is loaded, from nowhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Bytes of a page with its figures; the frames of charts are beside them.
const BYTES_MAX: usize = 960_000;

/// A run, in a language.
struct Page<'a> {
    recorded: &'a Recorded,
    lang: Lang,
}

/// Returns the page.
pub fn html(recorded: &Recorded, lang: Lang) -> String {
    Page { recorded, lang }.html().into_string()
}

impl Page<'_> {
    fn html(&self) -> Markup {
        let top = self.top();
        let judged = [self.find_max(), self.mix(), self.criteria(), self.shards()];
        let before = judged.into_iter().chain([self.load_stages(), self.reconnects(), self.steps()]);
        let before: Vec<Option<Section>> = before.collect();
        let servers = [self.servers_side(), self.checklist()];
        let after = [
            Some(self.failures()),
            self.accounts(),
            self.propagation(),
            self.spread(),
            Some(self.machine()),
            Some(self.plan()),
        ];
        let written = before.iter().chain(&servers).chain(&after).flatten();
        let written = top.0.len() + written.map(|section| section.body.0.len()).sum::<usize>();
        let own = STYLE.len() + SCRIPT.len() + CHART_STYLE.len() + CHART_SCRIPT.len();
        let (drawn, json) = self.drawn(BYTES_MAX.saturating_sub(written + own));
        let sections = before.into_iter().chain([Some(self.timelines(&drawn))]).chain(servers);
        let sections = sections.chain([self.distributions(&drawn)]).chain(after);
        let sections: Vec<Section> = sections.flatten().collect();
        html! {
            (DOCTYPE)
            html lang=(self.lang.tag()) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="color-scheme" content="light dark";
                    title { (self.title()) }
                    style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) }
                }
                body {
                    div.frame {
                        nav aria-label=(self.word(Words::Contents)) {
                            p.brand { "startline" }
                            ul { @for one in &sections { li { a href={ "#" (one.id) } { (one.title) } } } }
                        }
                        main {
                            (top)
                            @for one in &sections { section id=(one.id) { h2 { (one.title) } (one.body) } }
                            footer { (self.foot()) }
                        }
                    }
                    // What could end the element is escaped in the figures. Scripts hold nothing from
                    // outside.
                    script #data type="application/json" { (PreEscaped(json)) }
                    script { (PreEscaped(CHART_SCRIPT)) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }

    fn title(&self) -> String {
        let result = &self.recorded.result;
        format!(
            "{} · {} · {}",
            self.verdict_word(),
            foreign::line(&result.scenario, 60),
            result.started_at.strftime("%F %T UTC")
        )
    }

    fn foot(&self) -> Markup {
        let result = &self.recorded.result;
        let version = foreign::line(&result.version, 40);
        html! { (self.lang.say(Words::Foot, &[&version, &result.schema_version])) }
    }
}
