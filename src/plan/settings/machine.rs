//! What of this machine a plan uses, where the user does not say: threads, source addresses, sockets.
//!
//! Arithmetic on the plan and the limits. Invariant: as few addresses as there are ports needed for.

use std::net::IpAddr;
use std::sync::Arc;

use startline_os::affinity;

use super::{PlanError, Settings};
use crate::plan::beside::Beside;
use crate::plan::capacity::{self, Limits, WORKERS_MAX};
use crate::plan::search::Search;
use crate::plan::shape::{Shape, Stage};
use crate::plan::turnover::{Comings, Turnover};
use crate::plan::{Http, Target, sources};
use crate::scenario::Scenario;

impl Settings {
    /// Returns the engine threads: as given, or by the cores and the descriptor limit.
    pub(super) fn workers(&self, scenario: &Scenario, comings: Comings<'_>, limits: &Limits) -> usize {
        self.workers.unwrap_or_else(|| {
            let sockets = comings.sessions.saturating_add(self.beyond_sessions(scenario, comings));
            let shared = self.http().connections();
            capacity::workers(sockets, shared, affinity::cores(), limits.descriptors_hard).min(WORKERS_MAX)
        })
    }

    /// Returns the sockets that may be open beside the sessions' own: of requests beside them, of sessions
    /// whose close is not answered yet, and of those that were cut silently.
    pub(in crate::plan) fn beyond_sessions(&self, scenario: &Scenario, comings: Comings<'_>) -> u32 {
        let close = scenario.websocket.as_ref().map_or_else(Default::default, |it| it.close_timeout);
        let beyond = Beside::of(scenario).at_once(comings)
            + comings.lingering(close)
            + self.storms(scenario).half_open();
        u32::try_from(beyond).unwrap_or(u32::MAX)
    }

    /// Returns how many sessions begin, end and are there in any span, where they come and go. Of a search,
    /// it is that of the course in which most do: nothing fails before the last step, then every level that
    /// has not held.
    pub(in crate::plan) fn turnover(&self, shape: &Shape, scenario: &Scenario) -> Option<Arc<Turnover>> {
        let Some(steps) = self.find_max.filter(|_| self.stages.is_empty()) else {
            return self.is_staged().then(|| Arc::new(Turnover::of(shape)));
        };
        let search = Search { steps, most: self.sessions, reentry: scenario.reentry };
        let best = steps.step * steps.count(self.sessions).saturating_sub(1);
        Some(Arc::new(Turnover::of(&Shape::new(search.course(best), self.sessions, self.seed))))
    }

    /// Returns the stages of a search in which nothing fails, if that is what is asked for.
    pub(super) fn climb(&self) -> Option<Vec<Stage>> {
        let steps = self.find_max.filter(|_| self.stages.is_empty())?;
        Some(Search { steps, most: self.sessions, reentry: false }.course(self.sessions))
    }

    /// Returns the addresses that connections come from.
    pub(super) fn sources(
        &self,
        scenario: &Scenario,
        target: &Target,
        (workers, comings): (usize, Comings<'_>),
        limits: &Limits,
    ) -> Result<Vec<IpAddr>, PlanError> {
        let value = |reason| PlanError::Value { what: "--source-ip", reason };
        let given = self.own_sources(sources::all(&self.source_ips).map_err(value)?);
        if !given.is_empty() {
            return Ok(given);
        }
        let is_near = target.addresses.iter().all(|it| it.is_ipv4() && it.ip().is_loopback());
        let Some(of_an_address) = limits.ports.filter(|_| is_near) else { return Ok(Vec::new()) };
        let time_wait = limits.loopback_time_wait;
        let (waiting, shared) = match self.http() {
            _ if scenario.http.is_empty() => (0, 0),
            Http::PerSession => (comings.begun_within(time_wait), 0),
            Http::Pooled { connections } => (0, u64::from(connections) * workers as u64),
        };
        let beside = Beside::of(scenario).ports(comings, time_wait);
        let storms = self.storms(scenario);
        let cut = storms.half_open() + storms.closed_within(time_wait) + storms.requests_within(time_wait);
        let websockets = u64::from(comings.sessions) + comings.lingering(time_wait) + cut;
        let ports = (websockets + waiting + shared + beside).div_ceil(target.addresses.len() as u64);
        Ok(self.own_loopback_sources(capacity::loopback_sources(ports, of_an_address)))
    }
}
