//! Servers over time: sessions opened and open, failures, members who came to another one than their hash
//! says.
//!
//! Judges nothing. Invariant: of many servers, those with the most are drawn and the rest is one line.

use maud::{Markup, html};

use super::Page;
use super::charts::Plot;
use super::parts::{Table, name, number};
use super::series::{Figure, Kind, Series, most, per_second};
use crate::foreign;
use crate::report::phrases;
use crate::report::recorded::{ServerPoint, ServerSeries};
use crate::report::texts::page::Words;
use crate::report::texts::routing::Routing;

/// Servers with lines of their own, at most …
const LINES_MAX: usize = 8;

/// … and figures of a chart, which long runs have many of.
const FIGURES_MAX: usize = 6_000;

/// Servers whose expectation is drawn beside what is open there.
const EXPECTED_MAX: usize = 4;

/// Rows of the table of moves.
const MOVES_MAX: usize = 32;

/// Characters of a server's name in a legend.
const NAME_CHARS_MAX: usize = 40;

/// What is counted of a server.
type Count = fn(&ServerPoint) -> u64;

impl Page<'_> {
    /// Where there is something to compare.
    fn has_servers(&self) -> bool {
        let expected = self.recorded.result.routing.expected_servers.unwrap_or(0);
        self.recorded.servers.len() > 1 || (expected > 1 && !self.recorded.servers.is_empty())
    }

    pub(super) fn server_plots(&self) -> Vec<Plot> {
        if !self.has_servers() {
            return Vec::new();
        }
        let mut plots = vec![
            self.plot(
                "servers-opened",
                Routing::OpenedByServer,
                Words::PerSecond,
                Kind::Lines,
                "rate",
                self.by_server(|point| point.opened),
            ),
            self.plot(
                "servers-open",
                Routing::OpenByServer,
                Routing::OpenNote,
                Kind::Lines,
                "count",
                self.open_by_server(),
            ),
        ];
        let more: [(&str, Routing, Count); 2] = [
            ("servers-failed", Routing::FailedByServer, |point| point.failed),
            ("servers-misrouted", Routing::MisroutedByServer, |point| point.misrouted),
        ];
        for (id, title, of) in more {
            let series = self.by_server(of);
            if !series.is_empty() {
                plots.push(self.plot(id, title, Words::PerSecond, Kind::Stacked, "rate", series));
            }
        }
        plots
    }

    fn server_lines(&self, counts: &[Vec<u64>], rate: bool) -> Vec<Series> {
        let names: Vec<String> =
            self.recorded.servers.iter().map(|one| foreign::line(&one.url, NAME_CHARS_MAX)).collect();
        let other = |others: usize| self.lang.say(Routing::OtherServers, &[&others]);
        let figure = |count, point: &_| if rate { per_second(count, point) } else { Some(count as f64) };
        let points = self.recorded.timeline.points.len().max(1);
        let lines = (FIGURES_MAX / points).clamp(2, LINES_MAX);
        most((&names, counts), lines, &self.recorded.timeline, figure, other)
    }

    fn by_server(&self, of: impl Fn(&ServerPoint) -> u64) -> Vec<Series> {
        let counts = |one: &ServerSeries| one.points.iter().map(&of).collect();
        self.server_lines(&self.recorded.servers.iter().map(counts).collect::<Vec<_>>(), true)
    }

    /// What is open, as long as accounts are; beside it what the hash says, which is so once all have come.
    fn open_by_server(&self) -> Vec<Series> {
        let counts: Vec<Vec<u64>> = self.recorded.servers.iter().map(ServerSeries::open).collect();
        let mut series = self.server_lines(&counts, false);
        let points = &self.recorded.timeline.points;
        let servers = &self.recorded.result.servers;
        let expected = servers.iter().filter_map(|(url, server)| Some((url, server.expected?)));
        if servers.len() <= EXPECTED_MAX {
            series.extend(expected.map(|(url, expected)| Series {
                name: self.lang.say(Routing::ByHash, &[&foreign::line(url, NAME_CHARS_MAX)]),
                planned: true,
                v: vec![Figure(Some(expected as f64)); points.len()],
            }));
        }
        let is_over = |k: usize| points.get(k).is_none_or(|point| point.phase == "ramp-down");
        for one in &mut series {
            one.v.iter_mut().enumerate().filter(|(k, _)| is_over(*k)).for_each(|(_, v)| *v = Figure(None));
        }
        series
    }

    /// Which servers' members came to others, and when.
    pub(super) fn moves(&self) -> Markup {
        let moves = &self.recorded.result.routing.moves;
        let mut table = Table::new(self.word(Routing::MovesCaption))
            .text(self.word(Routing::Home))
            .text(self.word(Routing::CameTo))
            .figures(self.word(Routing::Members))
            .short(self.word(Routing::CameBetween));
        for one in moves.iter().take(MOVES_MAX) {
            let home = one.home.as_deref().map_or_else(|| html! { (self.word(Routing::Unseen)) }, name);
            table.row(vec![
                home,
                name(&one.server),
                number(one.sessions),
                self.misrouted_between(&one.server),
            ]);
        }
        html! { @if !table.is_empty() { (table.html()) (self.more(moves.len(), MOVES_MAX)) } }
    }

    /// From when to when misrouted members came to a server.
    fn misrouted_between(&self, url: &str) -> Markup {
        let points = &self.recorded.timeline.points;
        let own = self.recorded.servers.iter().find(|one| one.url == url);
        let between = own.and_then(|one| one.between(|point| point.misrouted));
        let ends = between.and_then(|(first, last)| points.get(first).zip(points.get(last)));
        let Some((first, last)) = ends else { return html! { "–" } };
        html! {
            (self.clock(first.start_s)) "–" (self.clock(last.end_s)) " "
            span.soft { (self.span(first.start_s)) "–" (self.span(last.end_s)) }
        }
    }

    /// How the servers' sessions compare with an even share.
    pub(super) fn even(&self) -> String {
        let spread = self.recorded.result.spread();
        spread.map(|spread| format!("; {}", phrases::even(&spread, self.lang))).unwrap_or_default()
    }
}
