//! Where the load went and what it came from: servers, addresses, connections, this machine.
//!
//! Judges nothing.

use maud::{Markup, html};

use super::Page;
use super::accounts::{round, share_bar, share_text};
use super::parts::{Pairs, Section, Table, name, number, sentence};
use crate::numbers::{bytes, figure, grouped};
use crate::report::Ordered;
use crate::report::texts::page::Words;
use crate::report::texts::routing::Routing;

/// Servers and addresses shown.
const ROWS_MAX: usize = 64;

/// Stalls shown.
const STALLS_MAX: usize = 50;

impl Page<'_> {
    pub(super) fn spread(&self) -> Option<Section> {
        let parts = [self.servers(), self.targets(), self.sources(), self.connections()];
        let parts: Vec<Markup> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return None;
        }
        let body = html! { @for part in &parts { (part) } };
        Some(Section { id: "spread", title: self.word(Words::Spread), body })
    }

    fn servers(&self) -> Option<Markup> {
        let result = &self.recorded.result;
        if result.servers.is_empty() {
            return None;
        }
        // Where there is no heartbeat, none can fail.
        let has_heartbeats = result.heartbeats().next().is_some();
        let all: u64 =
            result.servers.iter().map(|(_, server)| server.opened).sum::<u64>() + result.routing.beyond;
        let mut table = Table::new(self.word(Words::ServersCaption))
            .wide()
            .text(self.word(Words::Server))
            .figures(self.word(Words::SessionsSent))
            .figures(self.word(Words::Opened))
            .figures(self.word(Words::Share))
            .text("")
            .figures(self.word(Routing::ExpectedColumn))
            .figures(self.word(Words::Misrouted))
            .figures(self.word(Words::FailedSessions));
        if has_heartbeats {
            table = table.figures(self.word(Words::FailedCycles));
        }
        for (url, server) in result.servers.iter().take(ROWS_MAX) {
            let share = round(server.opened, all);
            let mut cells = vec![
                name(url),
                number(server.sessions),
                number(server.opened),
                html! { (share_text(server.opened, all)) },
                share_bar(share),
                count_or_dash(server.expected),
                count_or_dash(server.misrouted),
                number(server.failed),
            ];
            cells.extend(has_heartbeats.then(|| number(server.ping_failed)));
            table.row(cells);
        }
        Some(html! {
            (table.html())
            (self.more(result.servers.len(), ROWS_MAX))
            p.soft { (self.word(Words::Routing)) " " (sentence(&self.routing_why())) (self.even()) }
            (self.moves())
        })
    }

    fn targets(&self) -> Option<Markup> {
        let addresses = &self.recorded.result.generator.connections_by_address;
        if addresses.is_empty() {
            return None;
        }
        let mut table = Table::new(self.word(Words::TargetsCaption))
            .text(self.word(Words::Address))
            .figures(self.word(Words::Begun))
            .figures(self.word(Words::CameUp));
        for (address, counts) in addresses.iter().take(ROWS_MAX) {
            table.row(vec![name(address), number(counts.begun), number(counts.up)]);
        }
        Some(html! { (table.html()) (self.more(addresses.len(), ROWS_MAX)) })
    }

    fn sources(&self) -> Option<Markup> {
        let own = &self.recorded.result.generator;
        if own.connections_by_source.is_empty() {
            return None;
        }
        let all: u64 = own.connections_by_source.values().sum();
        let mut table = Table::new(self.word(Words::SourcesCaption))
            .text(self.word(Words::Address))
            .figures(self.word(Words::Connections))
            .figures(self.word(Words::Share))
            .text("")
            .figures(self.word(Words::NotAnswered));
        for (source, count) in own.connections_by_source.iter().take(ROWS_MAX) {
            let share = round(*count, all);
            let unanswered = own.unanswered_by_source.get(source).copied().unwrap_or(0);
            let source = if source == "kernel" { self.word(Words::KernelsChoice) } else { source };
            table.row(vec![
                name(source),
                number(*count),
                html! { (share_text(*count, all)) },
                share_bar(share),
                number(unanswered),
            ]);
        }
        Some(html! { (table.html()) (self.more(own.connections_by_source.len(), ROWS_MAX)) })
    }

    fn connections(&self) -> Option<Markup> {
        let result = &self.recorded.result;
        let (http, word) = (&result.http, |text| self.word(text));
        let mut pairs = Pairs::default();
        if http.requests > 0 {
            pairs.add(word(Words::HttpConnections), grouped(http.connections));
            pairs.add(word(Words::HttpRequests), grouped(http.requests));
            pairs.add(word(Words::HttpReused), grouped(http.reused));
        }
        if let Some(shared) = http.shared_per_worker {
            pairs.add(word(Words::HttpShared), grouped(shared.into()));
            pairs.add(word(Words::HttpWaited), grouped(http.waited));
            if let (Some(p99), Some(max)) = (http.wait_p99_ms, http.wait_max_ms) {
                pairs.add(word(Words::HttpWait), format!("{} / {} ms", figure(p99), figure(max)));
            }
        }
        if let Some(tls) = &result.tls {
            pairs.add(word(Words::TlsFull), grouped(tls.full));
            pairs.add(word(Words::TlsResumed), grouped(tls.resumed));
            pairs.add(word(Words::TlsVersions), counted(&tls.versions));
            pairs.add(word(Words::TlsSuites), counted(&tls.suites));
            pairs.add(word(Words::TlsGroups), counted(&tls.key_exchanges));
            pairs.add(word(Words::TlsKeyUpdates), grouped(tls.key_updates));
        }
        if let Some(down) = &result.ramp_down {
            pairs.add(word(Words::Closed), grouped(down.closed));
            pairs.add(word(Words::ClosedClean), grouped(down.clean));
            pairs.add(word(Words::ClosedCut), grouped(down.cut));
            pairs.add(word(Words::ClosedTimedOut), grouped(down.timed_out));
            pairs.add(word(Words::RampDownMessages), grouped(down.messages));
            pairs.add(word(Words::RampDownTook), format!("{} s", figure(down.seconds)));
        }
        (!pairs.is_empty()).then(|| {
            html! { article.card { h3 { (word(Words::ConnectionsTitle)) } (pairs.html()) } }
        })
    }

    pub(super) fn machine(&self) -> Section {
        let result = &self.recorded.result;
        let (own, host, word) = (&result.generator, &result.host, |text| self.word(text));
        let millis =
            |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{} ms", figure(value)));
        let mut pairs = Pairs::default();
        pairs.add(word(Words::Processor), html! { (name(&host.cpu_model)) });
        pairs.add(word(Words::Cores), grouped(host.cores));
        pairs.add(word(Words::Memory), bytes(host.memory_bytes));
        pairs.add(word(Words::Kernel), html! { "Linux " (name(&host.kernel)) });
        pairs.add(word(Words::Workers), grouped(own.workers.into()));
        pairs.add(word(Words::LagP99), millis(own.lag_p99_ms));
        pairs.add(word(Words::LagMax), millis(own.lag_max_ms));
        pairs.add(word(Words::LagLimitPair), millis(own.lag_limit_ms));
        pairs.add(word(Words::TurnP99), millis(own.turn_p99_ms));
        pairs.add(word(Words::CpuSeconds), format!("{} s", figure(own.cpu_seconds)));
        pairs.add(word(Words::MemoryInHold), bytes(own.rss_bytes));
        pairs.add(word(Words::MemoryAtStart), bytes(own.rss_bytes_at_start));
        let each = own.bytes_per_session.filter(|each| *each > 0.0);
        pairs.add(
            word(Words::BytesPerSession),
            each.map_or_else(|| "–".into(), |each| format!("≈ {}", bytes(each as u64))),
        );
        if let Some(method) = &own.port_method {
            pairs.add(word(Words::PortMethod), html! { (name(method)) });
        }
        let body = html! {
            article.card { (pairs.html()) }
            (self.stalls())
        };
        Section { id: "machine", title: word(Words::ThisMachine), body }
    }

    fn stalls(&self) -> Markup {
        let stalls = &self.recorded.result.stalls;
        let mut table = Table::new(
            self.lang.say(Words::StallsCaption, &[&grouped(stalls.count), &figure(stalls.seconds)]),
        )
        .text(self.word(Words::From))
        .figures(self.word(Words::At))
        .figures(self.word(Words::Lasted))
        .figures(self.word(Words::WorkersStopped));
        for stall in stalls.listed.iter().take(STALLS_MAX) {
            let lasted = stall.to_seconds - stall.from_seconds;
            table.row(vec![
                html! { (figure(stall.from_seconds)) " s" },
                html! { (self.clock(stall.from_seconds)) },
                html! { (figure(lasted)) " s" },
                number(stall.workers.into()),
            ]);
        }
        html! {
            @if table.is_empty() { p.card { (self.word(Words::NoStalls)) } } @else { (table.html()) }
            (self.more(stalls.count as usize, STALLS_MAX))
        }
    }
}

fn count_or_dash(count: Option<u64>) -> Markup {
    html! { (count.map_or_else(|| "–".into(), grouped)) }
}

/// `TLS 1.3 400 · TLS 1.2 3`.
fn counted(counts: &Ordered<u64>) -> String {
    let all: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    if all.is_empty() { "–".into() } else { all.join(" · ") }
}
