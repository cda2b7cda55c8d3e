//! Makes a [`RunResult`] from what was recorded and from the [`Facts`] of the run.
//!
//! The one place where a figure of the result is computed. Invariant: building the same totals
//! twice gives the same result; nothing here reads a clock or a file.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::latencies::{latency, latency_without, millis};
use super::measures::Excuses;
use super::verdict::{self, Grounds};
use super::{
    find_max, kinds, pauses, propagation, reconnects, servers, stages, stalls, tls, troubles, watched, *,
};
use crate::fault::{Blame, Fault};
use crate::lang::Reason;
use crate::measure::{
    AddressCounts, ERROR_RATE_FORMULA, EveryName, FaultSample, Latencies, Layout, SESSION_ERROR_RATE_FORMULA,
    SourceCounts, Tally, Totals,
};
use crate::numbers;
use crate::plan::Plan;
use crate::plan::search::StepStages;
use crate::scenario::{MessageType, Scenario, StepIndex, WebSocket};

/// Missing pairs are few by construction; kinds of failures are not. More stay in `failures.jsonl`.
const DETAILS_MAX: usize = 64;

impl RunResult {
    /// The result so far: final once [`Facts::ending`] says that the run has ended and accounts are closed.
    pub fn build(totals: &Totals, facts: &Facts, plan: &Plan) -> Self {
        let mut result = measured(totals, facts, plan);
        result.stages = stages::results(facts, plan, measured);
        result.find_max = plan.search().map(|search| {
            let live = facts.find_max.clone();
            FindMaxResult::new(
                &search,
                if live.is_empty() { find_max::steps(facts, plan, measured) } else { live },
            )
        });
        let grounds = grounds(totals, facts, plan, &result);
        let watched = match &facts.watched {
            Some(by_shard) => by_shard.criteria.clone(),
            None => facts.watch.as_ref().map(watched::criteria).unwrap_or_default(),
        };
        match result.find_max {
            Some(_) => find_max::judge(&mut result, plan, watched, &grounds),
            None => verdict::judge(&mut result, &plan.scenario.criteria, watched, &grounds),
        }
        result.troubles = troubles::diagnose(&result);
        result
    }

    /// The same of a mix whose parts have these results.
    pub fn build_mix(totals: &Totals, facts: &Facts, plan: &Plan, parts: Vec<MixPart>) -> Self {
        Self::build(totals, facts, plan).judged_by(parts)
    }
}

impl RunResult {
    /// What was measured in a part of the run so far; nothing is judged.
    pub fn of_part(part: Part, totals: &Totals, facts: &Facts, plan: &Plan) -> Self {
        part.measured(totals, (facts, plan), measured)
    }
}

/// Returns what was measured in a step of a search so far, judged by itself.
pub fn judged_step(step: &StepStages, stages: &[StageFacts], known: (&Facts, &Plan)) -> RunResult {
    find_max::judged(step, stages, known, measured)
}

/// Everything that is measured; nothing is judged.
fn measured(totals: &Totals, facts: &Facts, plan: &Plan) -> RunResult {
    let (tally, scenario) = (totals.tally(), &*plan.scenario);
    let steps = steps(totals);
    RunResult {
        schema_version: SCHEMA_VERSION,
        verdict: Verdict::Inconclusive,
        exit_status: Verdict::Inconclusive.exit_status(),
        reasons: Vec::new(),
        criteria: Vec::new(),
        sessions: sessions(tally, facts, plan),
        arrivals: arrivals(tally, facts, plan),
        hold: HoldResult {
            planned_seconds: numbers::seconds(plan.shape.held_span()),
            seconds: numbers::seconds(facts.hold_actual),
        },
        pauses: pauses::results(facts),
        reconnects: reconnects::result(tally, totals.layout(), facts, plan),
        ticket_age: latency(&tally.ticket_age),
        ping: ping(tally),
        every: every(totals),
        errors: errors(totals, scenario),
        messages: messages(totals, facts, plan),
        ledger: facts.ledger.as_ref().map(LedgerResult::new),
        updates: updates(tally, facts, plan),
        membership: facts.membership.as_ref().map(MembershipResult::new),
        propagation: propagation::result(&tally.propagated, totals.layout()),
        servers: servers::result(totals, scenario, plan.settings.expect_servers),
        routing: servers::routing(tally, plan.settings.expect_servers),
        http: http(tally, plan),
        tls: tls::result(&tally.secured, plan.tls.insecure),
        ramp_down: facts
            .ramp_down
            .as_ref()
            .map(|after| ramp_down(after, propagation::result(&facts.propagated_after, totals.layout()))),
        generator: generator(totals, facts, plan),
        stalls: stalls::result(totals.stalls(), facts),
        watch: match &facts.watched {
            Some(by_shard) => Some(by_shard.result.clone()),
            None => facts.watch.as_ref().map(|seen| watched::result(seen, &steps)),
        },
        stages: Vec::new(),
        find_max: None,
        steps,
        troubles: Vec::new(),
        parts: Vec::new(),
        ending: ending_key(&facts.ending).to_owned(),
        scenario: scenario.name.clone(),
        acceptance_shown: scenario.websocket.as_ref().is_none_or(WebSocket::shows_acceptance),
        shard: facts.shard.clone(),
        merged: facts.merged.clone(),
        plan: serde_json::to_value(&plan.settings).unwrap_or_default(),
        started_at: facts.started_at,
        version: facts.version.clone(),
        host: facts.host.clone(),
    }
}

fn grounds(totals: &Totals, facts: &Facts, plan: &Plan, result: &RunResult) -> Grounds {
    let (mut broken, mut aborted) = (Vec::new(), None);
    match &facts.ending {
        Ending::Finished => {}
        Ending::Running => broken.push(Reason::NotFinished.into()),
        Ending::Aborted(reason) => aborted = Some(Reason::Aborted.with(reason.clone())),
        Ending::Stopped(reason) => broken.push(Reason::Stopped.with(reason.clone())),
    }
    // While it runs, replies are outstanding and sums are open by nature.
    if facts.ending != Ending::Running
        && let Err(sum) = totals.check()
    {
        broken.push(Reason::AccountsOpen.with(sum));
    }
    let merged = facts.merged.as_ref();
    broken.extend(merged.map(MergedResult::doubts).unwrap_or_default());
    let tally = totals.tally();
    let limit = result.generator.lag_limit_ms;
    let lagging = merged.is_some_and(MergedResult::lags)
        || limit.zip(result.generator.lag_p99_ms).is_some_and(|(limit, lag)| lag > limit);
    let excuses: Excuses = verdict::excuses(tally, lagging);
    Grounds {
        broken,
        aborted,
        excuses,
        held: plan.held(),
        is_lag_limit_given: plan.settings.lag_limit.is_some(),
        requires_all: facts.requires_all,
    }
}

fn sessions(tally: &Tally, facts: &Facts, plan: &Plan) -> SessionsResult {
    let counts = &tally.counts;
    SessionsResult {
        planned: plan.lives,
        started: counts.started,
        established: counts.opened,
        completed: counts.completed,
        finished: counts.finished,
        failed: counts.failed,
        peak: facts.peak,
        min_in_hold: facts.min_in_hold,
        held_to_end: facts.held_to_end,
        held_seconds: numbers::tidy(facts.held_seconds),
        planned_seconds: numbers::tidy(plan.shape.held_seconds()),
    }
}

/// From the first start to the last, when there are two, without pauses.
fn ramp_taken(tally: &Tally, facts: &Facts) -> Option<Duration> {
    let (first, last) = (facts.first_start?, facts.last_start?);
    let taken = last.checked_sub(first)?.saturating_sub(facts.pauses.within(first, last));
    (tally.counts.started >= 2 && !taken.is_zero()).then_some(taken)
}

/// How much longer the ramp took than the plan gives for as many arrivals.
fn ramp_overrun(tally: &Tally, facts: &Facts, planned_per_s: Option<f64>) -> Duration {
    let Some((taken, per_s)) = ramp_taken(tally, facts).zip(planned_per_s) else {
        return Duration::ZERO;
    };
    let planned = (tally.counts.started - 1) as f64 / per_s.max(f64::MIN_POSITIVE);
    Duration::try_from_secs_f64((taken.as_secs_f64() - planned).max(0.0)).unwrap_or(Duration::ZERO)
}

fn arrivals(tally: &Tally, facts: &Facts, plan: &Plan) -> ArrivalsResult {
    if plan.is_staged() {
        return staged_arrivals(tally, facts, plan);
    }
    let planned_per_s = plan.arrivals_per_s();
    // n starts have n - 1 gaps between them: at the planned pace this gives the planned rate exactly.
    let achieved =
        ramp_taken(tally, facts).map(|taken| (tally.counts.started - 1) as f64 / taken.as_secs_f64());
    let forgiven = ramp_overrun(tally, facts, planned_per_s) <= verdict::ARRIVALS_SLACK;
    let share = achieved
        .zip(planned_per_s)
        .map(|(achieved, planned)| if forgiven { 1.0 } else { (achieved / planned).min(1.0) });
    ArrivalsResult {
        planned_per_s: planned_per_s.map(numbers::tidy),
        achieved_per_s: achieved.map(numbers::tidy),
        achieved_share: share.map(numbers::tidy),
        lag_p99_ms: millis(tally.start_lag.quantile(0.99)),
    }
}

/// Of a plan with stages every life has an instant of its own: how many of them began, once all were to.
fn staged_arrivals(tally: &Tally, facts: &Facts, plan: &Plan) -> ArrivalsResult {
    let is_over = !facts.stages.is_empty() && facts.ending == Ending::Finished;
    let share = || tally.counts.started as f64 / plan.lives.max(1) as f64;
    ArrivalsResult {
        planned_per_s: None,
        achieved_per_s: None,
        achieved_share: is_over.then(share).map(numbers::tidy),
        lag_p99_ms: millis(tally.start_lag.quantile(0.99)),
    }
}

fn steps(totals: &Totals) -> Ordered<StepResult> {
    let tally = totals.tally();
    let step = |(k, name): (usize, &String)| {
        let recorded = tally.step(k);
        let step = StepIndex(k as u8);
        // Of a heartbeat's step are its cycles; sessions that fail in it fail in the hold.
        let heartbeat = totals.layout().every.iter().position(|every| every.step == Some(step));
        let errors = match heartbeat {
            Some(every) => tally.every(every).failed(),
            None => tally.failures.in_step(step),
        };
        let stalled = recorded.map_or(0, |step| step.stalled);
        let result = StepResult {
            count: recorded.map_or(0, |step| step.from_due.count()),
            errors,
            from_due: recorded.map_or_else(LatencyResult::default, |step| latency(&step.from_due)),
            from_sent: recorded.map_or_else(LatencyResult::default, |step| latency(&step.from_sent)),
            stalled,
            without_stalls: recorded
                .filter(|_| stalled > 0)
                .map(|step| latency_without(&step.from_sent, stalled)),
        };
        (name.clone(), result)
    };
    totals.layout().steps.iter().enumerate().map(step).collect()
}

fn ping(tally: &Tally) -> PingResult {
    let counts = &tally.counts;
    PingResult {
        due: counts.beats.due,
        sent: counts.beats.sent,
        answered: counts.beats.answered,
        late: counts.beats.late,
        missed: counts.beats.missed,
        unanswered: counts.beats.unanswered(),
        pending: counts.beats.pending,
        stalled: counts.beats.stalled(),
        missed_wait: latency(&tally.missed_wait),
        unasked_pongs: counts.beats.unasked,
    }
}

fn every(totals: &Totals) -> Ordered<EveryResult> {
    let one = |(k, every): (usize, &EveryName)| {
        let beats = totals.tally().every(k);
        let result = EveryResult {
            due: beats.due,
            sent: beats.sent,
            answered: beats.answered,
            late: beats.late,
            missed: beats.missed,
            unanswered: beats.unanswered(),
            pending: beats.pending,
            unasked: beats.unasked,
            stalled: beats.stalled(),
        };
        (every.name.clone(), result)
    };
    totals.layout().every.iter().enumerate().map(one).collect()
}

fn errors(totals: &Totals, scenario: &Scenario) -> ErrorsResult {
    let counts = &totals.tally().counts;
    let details = error_details(totals, scenario);
    let mut by_kind = BTreeMap::<&str, u64>::new();
    for detail in &details {
        *by_kind.entry(&detail.kind).or_default() += detail.count;
    }
    let mut by_kind: Vec<(String, u64)> =
        by_kind.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect();
    by_kind.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let has_heartbeats = totals.layout().every.iter().any(|every| every.step.is_some());
    let formula = if has_heartbeats { ERROR_RATE_FORMULA } else { SESSION_ERROR_RATE_FORMULA };
    ErrorsResult {
        total: counts.errors(),
        attempts: counts.attempts(),
        rate: counts.error_rate().unwrap_or(0.0),
        rate_formula: formula.to_owned(),
        by_kind: Ordered(by_kind),
        by_blame: by_blame(totals.tally()),
        member_burned: member_burned(totals, scenario),
        messages: totals.tally().counts.error_messages,
        reconnected: totals.tally().counts.reconnected,
        details: details.into_iter().take(DETAILS_MAX).collect(),
    }
}

fn by_blame(tally: &Tally) -> Ordered<u64> {
    let count = |blame: Blame| {
        // A reply that does not come in time is held against the server, as a step's timeout is;
        // unless this machine stalled.
        let counts = &tally.counts;
        let cycles = match blame {
            Blame::Server => counts.beats.failed() - counts.beats.stalled(),
            Blame::Machine => counts.beats.stalled(),
            Blame::Network | Blame::Scenario => 0,
        };
        (blame.key().to_owned(), tally.failures.blamed_on(blame) + cycles)
    };
    Blame::ALL.map(count).into_iter().collect()
}

/// Members whom a step has marked as in, and whose WebSocket then reached no server: they cannot enter
/// again. A server that was reached frees its member as the connection closes.
fn member_burned(totals: &Totals, scenario: &Scenario) -> u64 {
    let Some(marking) = scenario.http.iter().position(|step| step.marks_member) else { return 0 };
    let connect = scenario.http.len();
    let after = scenario.websocket.as_ref().map_or(0, |websocket| websocket.steps.len().max(1));
    let is_burned = |step: usize, fault: Fault| match step {
        // Nobody heard what became of it.
        _ if step == marking => fault == Fault::StepTimeout,
        // The server was reached: it may still have refused the ticket.
        _ if connect < step && step <= connect + after => scenario.is_about_ticket(fault),
        _ => marking < step && step <= connect,
    };
    let failures = totals.tally().failures.iter();
    failures.filter(|(step, fault, _)| is_burned(step.index(), *fault)).map(|(.., count)| count).sum()
}

/// What failed, by step and kind: sessions, and cycles of the heartbeat.
pub(super) fn error_counts<'l>(
    tally: &'l Tally,
    layout: &'l Layout,
) -> impl Iterator<Item = (&'l str, Fault, u64)> {
    let heartbeats = layout.every.iter().enumerate().filter(|(_, every)| every.step.is_some());
    let cycles = heartbeats.flat_map(|(k, every)| {
        let beats = tally.every(k);
        [
            (every.name.as_str(), Fault::PingTimeout, beats.timed_out - beats.timed_out_stalled),
            (every.name.as_str(), Fault::PingMissed, beats.missed - beats.missed_stalled),
            (every.name.as_str(), Fault::StalledHere, beats.stalled()),
        ]
    });
    let sessions = tally.failures.iter();
    sessions
        .map(|(step, fault, count)| (layout.step_of_failure(step), fault, count))
        .chain(cycles)
        .chain([("", Fault::Other, tally.failures.uncounted())])
        .filter(|(.., count)| *count > 0)
}

/// Every kind of error of every step, most frequent first, with the first sample of each.
pub fn error_details(totals: &Totals, scenario: &Scenario) -> Vec<ErrorDetail> {
    let has_cookies_unkept = totals.tally().counts.cookies_unkept > 0;
    let detail = |(step, fault, count): (&str, Fault, u64)| ErrorDetail {
        step: step.to_owned(),
        kind: fault.key(scenario),
        blame: fault.blame().key().to_owned(),
        count,
        next: fault.advice_in_scenario(scenario.schedule.is_some(), has_cookies_unkept).to_owned(),
        sample: totals.sample_reported(step, fault).map(sample),
    };
    let mut details: Vec<_> = error_counts(totals.tally(), totals.layout()).map(detail).collect();
    details.sort_by_key(|detail| std::cmp::Reverse(detail.count));
    details
}

fn sample(sample: &FaultSample) -> ErrorSample {
    ErrorSample {
        session: sample.session,
        member_id: sample.member_id.clone(),
        server: sample.server.clone(),
        at_seconds: numbers::seconds(sample.at),
        evidence: sample.evidence.clone(),
    }
}

fn messages(totals: &Totals, facts: &Facts, plan: &Plan) -> MessagesResult {
    let tally = totals.tally();
    let names = &totals.layout().messages;
    let listed = names.iter().enumerate();
    let mut by_type: Vec<(String, u64)> =
        listed.map(|(k, name)| (name.clone(), tally.messages_of(MessageType(k as u8)))).collect();
    by_type.push(("other".to_owned(), tally.messages_other(names.len())));
    MessagesResult {
        received: tally.counts.messages,
        bytes: tally.counts.message_bytes,
        compressed: kinds::compressed(&tally.counts.compression, plan),
        joined: tally.counts.messages_joined,
        by_type: Ordered(by_type),
        seconds: numbers::seconds(ramp_taken(tally, facts).unwrap_or_default() + facts.hold_actual),
        answers: kinds::answers(tally, plan),
        ages: kinds::ages(tally, plan),
        sequences: kinds::sequences(tally, plan),
        first_other: totals.first_unmatched().map(|first| OtherMessage {
            session: first.session,
            member_id: first.member_id.clone(),
            at_seconds: numbers::seconds(first.at),
            text: first.text.clone(),
        }),
        socket_bytes_received: tally.counts.bytes_received,
        socket_bytes_sent: tally.counts.bytes_sent,
    }
}

fn updates(tally: &Tally, facts: &Facts, plan: &Plan) -> Option<UpdatesResult> {
    let is_over = facts.ending != Ending::Running;
    plan.counts_updates().then(|| UpdatesResult::new(&tally.updates, is_over, &facts.missing_updates))
}

fn http(tally: &Tally, plan: &Plan) -> HttpResult {
    HttpResult {
        shared_per_worker: Some(plan.http.connections()).filter(|connections| *connections > 0),
        connections: tally.counts.http_connections,
        requests: tally.counts.http_requests,
        reused: tally.counts.http_reused,
        waited: tally.http_wait.count(),
        wait_p99_ms: millis(tally.http_wait.quantile(0.99)),
        wait_max_ms: millis(tally.http_wait.max()),
    }
}

fn ramp_down(facts: &RampDownFacts, propagation: Ordered<PropagationResult>) -> RampDownResult {
    let RampDownFacts { messages, sent, answers, closed, clean, cut, timed_out, took } = *facts;
    let seconds = numbers::seconds(took);
    RampDownResult { messages, sent, answers, closed, clean, cut, timed_out, seconds, propagation }
}

fn generator(totals: &Totals, facts: &Facts, plan: &Plan) -> GeneratorResult {
    let (tally, stalls) = (totals.tally(), totals.stalls());
    // Arrivals are counted apart; the worse of the two is the worker's lateness.
    let worse = |figure: fn(&Latencies) -> Option<Duration>| figure(&tally.lag).max(figure(&tally.start_lag));
    let default = plan.tightest_timeout().mul_f64(verdict::LAG_SHARE_MAX);
    let limit = plan.settings.lag_limit.unwrap_or(default);
    let grown = facts.rss_in_hold as f64 - facts.rss_at_start as f64;
    GeneratorResult {
        workers: plan.workers as u32,
        port_method: facts.port_method.clone(),
        connections_by_source: by_source(facts, |counts| Some(counts.begun)),
        unanswered_by_source: by_source(facts, |counts| Some(counts.unanswered).filter(|count| *count > 0)),
        connections_by_address: by_address(tally),
        lag_p99_ms: millis(worse(|lag| lag.quantile(0.99))),
        lag_max_ms: millis(worse(Latencies::max).max(stalls.longest().map(|stall| stall.lasted()))),
        lag_limit_ms: (!limit.is_zero()).then(|| numbers::millis(limit)),
        turn_p99_ms: millis(tally.turn.quantile(0.99)),
        cpu_seconds: numbers::tidy(facts.cpu_seconds),
        rss_bytes: facts.rss_in_hold,
        rss_bytes_at_start: facts.rss_at_start,
        bytes_per_session: (facts.open_at_rss > 0).then(|| numbers::tidy(grown / facts.open_at_rss as f64)),
    }
}

fn by_source(facts: &Facts, count: impl Fn(&SourceCounts) -> Option<u64>) -> BTreeMap<String, u64> {
    let name = |source: Option<IpAddr>| source.map_or_else(|| "kernel".to_owned(), |it| it.to_string());
    facts.sources.iter().filter_map(|(source, counts)| Some((name(*source), count(counts)?))).collect()
}

fn by_address(tally: &Tally) -> BTreeMap<String, AddressResult> {
    let result = |counts: &AddressCounts| AddressResult { begun: counts.begun, up: counts.up };
    tally.addresses.iter().map(|(address, counts)| (address.to_string(), result(counts))).collect()
}

pub(super) fn ending_key(ending: &Ending) -> &'static str {
    match ending {
        Ending::Finished => "finished",
        Ending::Running => "running",
        Ending::Aborted(_) => "aborted",
        Ending::Stopped(_) => "stopped",
    }
}
