//! What is printed of updates and of members who left.
//!
//! Computes nothing. Invariant: nothing is printed of what the scenario does not announce.

use std::collections::BTreeMap;

use super::super::texts::summary::Title;
use super::super::texts::told::Told;
use super::super::{RunResult, UpdatesResult};
use super::{SERVERS_SHOWN_MAX, Text};
use crate::numbers::{grouped, percent};

impl Text {
    pub(super) fn updates(&mut self, result: &RunResult) {
        let Some(updates) = result.updates.as_ref().filter(|updates| updates.sent > 0) else { return };
        let UpdatesResult { sent, expected, missing, duplicate, out_of_order, .. } = *updates;
        let [sent, expected, missing, duplicate, order] =
            [sent, expected, missing, duplicate, out_of_order].map(grouped);
        let share = percent(updates.missing_share.unwrap_or(0.0));
        let line = [&sent, &expected, &missing, &share, &duplicate, &order];
        let line = line.map(|it| it as &dyn std::fmt::Display);
        self.line(Title::Updates, &self.lang.say(Told::UpdatesLine, &line));
        if updates.unknown + updates.strangers + updates.own > 0 {
            let [unknown, strangers, own] = [updates.unknown, updates.strangers, updates.own].map(grouped);
            self.more(&self.lang.say(Told::UpdatesUnclear, &[&unknown, &strangers, &own]));
        }
        if let Some(it) = updates.missing_samples.first() {
            let parts = [&it.observer as &dyn std::fmt::Display, &it.member, &it.number, &it.second];
            let text = self.lang.say(Told::MissingUpdate, &parts);
            self.more(&self.lang.say(Told::FirstMissing, &[&text]));
        }
    }

    pub(super) fn membership(&mut self, result: &RunResult) {
        let Some(membership) = &result.membership else { return };
        let lang = self.lang;
        if !membership.gone_while_open.is_empty() {
            self.more(&lang.say(Told::GoneByServer, &[&by_server(&membership.gone_while_open)]));
        }
        if membership.closed + membership.pending == 0 {
            return;
        }
        let counts = [membership.closed, membership.expected, membership.missing, membership.unannounced];
        let [closed, expected, missing, unannounced] = counts.map(grouped);
        self.line(
            Title::Departures,
            &lang.say(Told::DeparturesLine, &[&closed, &expected, &missing, &unannounced]),
        );
        if membership.pending > 0 {
            self.more(&lang.say(Told::PendingLine, &[&grouped(membership.pending)]));
        }
        if !membership.unannounced_by_server.is_empty() {
            self.more(&lang.say(Told::UnannouncedByServer, &[&by_server(&membership.unannounced_by_server)]));
        }
        if !membership.still_listed.is_empty() {
            self.more(&lang.say(Told::StillListed, &[&by_server(&membership.still_listed)]));
        }
        for leg in membership.missing_by_server.iter().take(SERVERS_SHOWN_MAX) {
            self.more(&lang.say(Told::UntoldBetween, &[&grouped(leg.count), &leg.from, &leg.to]));
        }
        if let Some(pair) = membership.missing_samples.first() {
            let text = lang.say(Told::Untold, &[&pair.observer, &pair.member]);
            self.more(&lang.say(Told::FirstMissing, &[&text]));
        }
    }
}

fn by_server(servers: &BTreeMap<String, u64>) -> String {
    let all = servers.iter().take(SERVERS_SHOWN_MAX).map(|(url, count)| format!("{url} {}", grouped(*count)));
    all.collect::<Vec<_>>().join(", ")
}
