//! `startline run` of a mix: several scenarios side by side, each with its own plan, files and verdict.
//!
//! Each part is an engine run on a thread of its own; the main thread keeps the whole ([`whole`]). Invariants:
//! all parts start at one instant, and none does if one cannot; a stop ends all of them.

mod whole;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use startline_os::system::System;
use startline_os::{descriptors, spawn};

use self::whole::{Over, PartSecond, Said, Whole};
use super::conduct::{
    Output, Wait, begin_unfit, check_key_log, check_schedule, refuse_what_cannot_fit, wait_ready,
};
use super::ending::{DISK_PATIENCE, DISK_PATIENCE_STOPPED, conclude};
use super::pausing::Pausing;
use super::settings::{self, mix::Parts};
use crate::app::abort::Abort;
use crate::app::countdown::count_down;
use crate::app::mock_process::MockServer;
use crate::app::page::{self, PageKeeper};
use crate::app::recording::{Recording, Servers};
use crate::app::report::Reports;
use crate::app::{doctor, watch};
use crate::cli::run::{RunArgs, SettingsArgs};
use crate::doctor::need::{HttpConnections, Mock, Need};
use crate::doctor::{SocketTrial, examine_this_machine};
use crate::engine::{self, Beside, Hosts, Steering};
use crate::exit_status::ExitStatus;
use crate::interrupt::{Interrupt, Notices};
use crate::lang::Sentence;
use crate::lookup::agent;
use crate::lookup::hosts::{others, trust_of};
use crate::measure::pauses::PausedBy;
use crate::plan::capacity::Limits;
use crate::plan::drops::Storms;
use crate::plan::load::Load;
use crate::plan::summary::Summary;
use crate::plan::turnover::Turnover;
use crate::plan::{Plan, Settings};
use crate::report::RunResult;
use crate::report::files::{Lacking, REPORT, ResultsDir};
use crate::report::view::View;
use crate::scenario::joined::{self, Places};
use crate::terminal::tell;

/// Between two looks at who asks for the end.
const LOOK: Duration = Duration::from_millis(50);
/// Where parts' files are.
const PARTS: &str = "parts";

/// A part that is to be played.
pub(super) struct Part {
    pub name: String,
    pub weight: u32,
    pub plan: Plan,
    pub hosts: Hosts,
    /// Where what it counts stands in the whole.
    places: Places,
}

impl Part {
    fn directory(&self) -> String {
        format!("{PARTS}/{}", self.name)
    }
}

/// A mix as it is planned: its parts, and all of it as one plan that nobody plays.
pub(super) struct Mix {
    pub parts: Vec<Part>,
    pub whole: Plan,
    pub limits: Limits,
}

impl Mix {
    /// Plans it on this machine, whose files are read under `root`.
    ///
    /// # Errors
    /// What is wrong with a part, or with all of them together.
    pub fn plan(parts: &Parts, root: &Path) -> Result<Self> {
        let mut planned = Vec::new();
        for settings in &parts.mix {
            let part = settings.part.clone().unwrap_or_default();
            let of = || format!("the part \"{}\" of the mix", part.name);
            let (plan, limits) = doctor::plan_of(settings.clone(), root).with_context(of)?;
            let hosts = doctor::hosts_of(&plan).with_context(of)?;
            planned.push((part, plan, hosts, limits));
        }
        let scenarios: Vec<_> =
            planned.iter().map(|(part, plan, ..)| (part.name.as_str(), &*plan.scenario)).collect();
        let (scenario, places) =
            joined::join(&parts.name, &scenarios).map_err(|why| anyhow!("the mix: {why}"))?;
        let Some((_, first, _, limits)) = planned.first() else { bail!("a mix has parts") };
        let limits = *limits;
        let whole = whole_plan(first, scenario, planned.iter().map(|(_, plan, ..)| plan));
        let parts = planned.into_iter().zip(places).map(|((part, plan, hosts, _), places)| Part {
            weight: part.weights.get(part.index).copied().unwrap_or(1),
            name: part.name,
            plan,
            hosts,
            places,
        });
        Ok(Self { parts: parts.collect(), whole, limits })
    }

    /// The other parts whose members are in one challenge with this one's, where any are announced.
    fn beside(&self, part: &Part) -> Vec<String> {
        let others = self.parts.iter().filter(|other| other.name != part.name);
        let hears = |other: &&Part| part.plan.hears(&other.plan);
        others.filter(hears).map(|other| other.name.clone()).collect()
    }

    /// What a user should see of a part before the run.
    fn summary<'m>(&'m self, part: &'m Part) -> Summary<'m> {
        Summary::among(&part.plan, &self.parts.iter().map(|it| &it.plan).collect::<Vec<_>>())
    }

    /// What all parts together need of this machine.
    pub fn need(&self) -> Need {
        let needs: Vec<Need> = self
            .parts
            .iter()
            .map(|part| {
                let summary = self.summary(part);
                let mock = Mock::of_run(
                    self.whole.connections(),
                    self.whole.settings.mock_tls,
                    self.limits.descriptors_hard,
                );
                let mock = part.plan.is_for_mock().then_some(mock);
                let given = part.plan.settings.workers.is_some();
                Need {
                    others: others(&part.plan, &part.hosts),
                    ..Need::of(&part.plan, given, mock, summary.load())
                }
            })
            .collect();
        let most = |figure: fn(&Need) -> u64| needs.iter().map(figure).max().unwrap_or(0);
        let load = needs.iter().filter_map(|need| need.load).reduce(Load::and);
        let http = needs.iter().map(|need| need.http).find(|http| *http != HttpConnections::None);
        // As if all of them went to the servers of the first: the fewest ports there can be for them.
        let Some(first) = needs.first() else { return Need::of(&self.whole, false, None, None) };
        Need {
            sessions: self.whole.settings.sessions,
            workers: self.whole.workers,
            ramp: self.whole.settings.ramp,
            turnover: self.whole.turnover.clone(),
            // Of each part it is another.
            shape: None,
            rest: needs.iter().map(|need| need.rest).max().unwrap_or_default(),
            close_timeout: needs.iter().map(|need| need.close_timeout).max().unwrap_or_default(),
            beside: needs.iter().map(|need| need.beside).max_by_key(|it| it.each).unwrap_or_default(),
            hold: self.whole.settings.hold,
            ramp_down: self.whole.settings.ramp_down,
            http: http.unwrap_or(HttpConnections::None),
            session_bytes: most(|need| need.session_bytes),
            sources: self.whole.sources.clone(),
            mock: needs.iter().find_map(|need| need.mock),
            storms: Storms::sum(needs.iter().map(|need| &need.storms)),
            observers_bytes: needs.iter().map(|need| need.observers_bytes).sum(),
            counts_updates: needs.iter().any(|need| need.counts_updates),
            load,
            ..first.clone()
        }
    }
}

/// The whole as one plan: what the doctor, the views and the files know of it.
fn whole_plan<'p>(
    first: &Plan,
    scenario: crate::scenario::Scenario,
    plans: impl Iterator<Item = &'p Plan> + Clone,
) -> Plan {
    let longest = |span: fn(&Settings) -> Duration| {
        plans.clone().map(|plan| span(&plan.settings)).max().unwrap_or_default()
    };
    let mut sources: Vec<_> = plans.clone().flat_map(|plan| plan.sources.iter().copied()).collect();
    sources.sort_unstable();
    sources.dedup();
    let settings = Settings {
        hold: longest(|settings| settings.hold),
        ramp_down: longest(|settings| settings.ramp_down),
        ramp: longest(|settings| settings.ramp),
        lifetime: None,
        abort_on: Vec::new(),
        ..first.settings.clone().of_whole()
    };
    let mut settings = Settings { part: None, ..settings };
    settings.settle_stages();
    let is_staged = plans.clone().any(Plan::is_staged);
    let shape = settings.shape();
    Plan {
        scenario: Arc::new(scenario),
        workers: plans.clone().map(|plan| plan.workers).sum(),
        sources,
        lives: plans.clone().map(|plan| plan.lives).sum(),
        turnover: turnover_of(plans.clone()),
        members_return: is_staged && plans.clone().any(|plan| plan.members_return),
        shape,
        settings,
        ..first.clone()
    }
}

/// Returns how many sessions of all parts begin, end and are there in any span, where those of one come and go.
fn turnover_of<'p>(plans: impl Iterator<Item = &'p Plan> + Clone) -> Option<Arc<Turnover>> {
    if plans.clone().all(|plan| plan.turnover.is_none()) {
        return None;
    }
    let own = |plan: &Plan| plan.turnover.clone().unwrap_or_else(|| Arc::new(Turnover::of(&plan.shape)));
    let all: Vec<_> = plans.map(own).collect();
    Turnover::sum(all.iter().map(Arc::as_ref)).map(Arc::new)
}

/// Returns what the mix that the options name needs of this machine, whose files are read under `root`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn need(args: &SettingsArgs, root: &Path) -> Result<Option<Need>> {
    settings::mix::parts(args)?.map(|parts| Mix::plan(&parts, root).map(|mix| mix.need())).transpose()
}

/// Carries out `startline run` of a mix.
///
/// # Errors
/// The run cannot begin.
pub(super) fn conduct(args: &RunArgs, parts: &Parts) -> Result<ExitStatus> {
    let output = Output::of(args);
    let reports = Reports::check(&args.report, args.out.as_deref())?;
    args.out.as_deref().map_or(Ok(()), ResultsDir::refuse_taken)?;
    let watch = watch::read(&args.watch)?;
    descriptors::raise_limit().context("cannot raise the soft descriptor limit to the hard one")?;
    let mut mix = Mix::plan(parts, Path::new("/"))?;
    let fit = examine_this_machine(&mix.need(), Path::new("/"), SocketTrial::IfClose);
    refuse_what_cannot_fit(&fit)?;
    show_plan(&mix, &output, &fit);
    let exporter = args.metrics.map(|address| output.serve_metrics(address, &mix.whole)).transpose()?;
    let interrupt =
        Interrupt::listen(Notices::new("nothing has been loaded yet", "nothing has been loaded"))?;
    let pausing = Pausing::listen()?;
    for part in &mix.parts {
        check_key_log(&part.plan)?;
    }
    if !args.yes && !count_down(mix.parts.iter().map(|part| &part.plan), &interrupt) {
        let reason = interrupt.reason().unwrap_or_default();
        tell(&format!("error: {reason} during the countdown: nothing was loaded"));
        return Ok(ExitStatus::Inconclusive);
    }
    let mock_server = start_mock_server(&mut mix)?;
    for part in &mut mix.parts {
        part.hosts.trust = trust_of(&part.plan)?;
    }
    let mut waits = Vec::new();
    for part in mix.parts.iter().filter(|part| !part.plan.is_for_mock() || mock_server.is_none()) {
        let asked = agent::new(&part.plan, part.hosts.trust.as_ref());
        match check_schedule(&part.plan, &asked, &interrupt, &output) {
            Ok(Wait::Nothing) => {}
            Ok(Wait::Ready { after }) => waits.push((part, asked, after)),
            Err(unfit) => return begin_unfit(unfit, &part.plan, &interrupt),
        }
    }
    let path = output.directory();
    let layout = engine::layout_of(&mix.whole);
    let mut directory = ResultsDir::create(&path, &layout, &parts.to_toml()?, None)?;
    let of_part = |part: &Part| {
        let own = path.join(part.directory());
        ResultsDir::create(&own, &engine::layout_of(&part.plan), &part.plan.settings.to_toml(), None)
    };
    let mut directories = mix.parts.iter().map(of_part).collect::<Result<Vec<_>, _>>()?;
    for (part, asked, after) in waits {
        if !wait_ready(&part.plan, &asked, after, &interrupt, &output)? {
            tell("stopped while waiting for READY; nothing was loaded");
            return Ok(ExitStatus::Inconclusive);
        }
    }
    let results_are = format!("the results up to the last second are in {}", path.display());
    interrupt.now_says(Notices::new("closing the sessions", &results_are));
    let first = &mix.parts[0];
    let servers = Servers {
        watching: watch::start(
            watch::complete(watch, &first.plan)?,
            &first.plan,
            first.hosts.trust.as_ref(),
        )?,
        requires_all: args.require.is_some(),
    };
    let keeper = PageKeeper::start(&path, output.lang());
    let mut views: Vec<Box<dyn View>> = Vec::new();
    views.extend(output.view(&mix.whole, &interrupt, &pausing));
    views.extend(exporter.map(|exporter| Box::new(exporter) as Box<dyn View>));
    let stop = || interrupt.reason().or_else(|| mock_server.as_ref().and_then(MockServer::ended));
    let patience = || if interrupt.reason().is_some() { DISK_PATIENCE_STOPPED } else { DISK_PATIENCE };
    let recording = Recording::new(&mix.whole, &mut directory, views, servers);
    let asked = Asked { stop: &stop, pausing: &pausing, patience: &patience };
    let (result, lacking) = play(&mix, recording, &mut directories, &asked)?;
    drop(mock_server);
    for part in &mix.parts {
        let own = path.join(part.directory());
        if let Err(error) = page::Writing::begin(&own, output.lang()).wait(DISK_PATIENCE) {
            tell(&format!("warning: {REPORT} of {} could not be written: {error:#}", own.display()));
        }
    }
    let print = |result: &RunResult| output.print_result(&interrupt, result, &path);
    Ok(conclude(result, (&lacking, &path), (&reports, keeper), output.lang(), print))
}

fn show_plan(mix: &Mix, output: &Output, fit: &crate::doctor::Report) {
    output.show_checks(fit, false);
    for part in &mix.parts {
        output.say(format!("{} (weight {})", part.name, part.weight));
        let summary = mix.summary(part).beside(System::read(Path::new("/")).memory_available.ok());
        output.say(summary.to_string());
    }
}

/// Starts the one mock server that all parts without a target load.
fn start_mock_server(mix: &mut Mix) -> Result<Option<MockServer>> {
    let plans: Vec<&Plan> =
        mix.parts.iter().map(|part| &part.plan).filter(|plan| plan.is_for_mock()).collect();
    if plans.is_empty() {
        return Ok(None);
    }
    let challenges: Vec<Option<u64>> = plans.iter().map(|plan| plan.members.only_challenge()).collect();
    let Some(challenge) = challenges[0].filter(|_| challenges.iter().all(|it| *it == challenges[0])) else {
        bail!(
            "the members are in several challenges and the built-in mock server has one: give the members of one challenge, or a --target"
        );
    };
    let arguments = MockServer::arguments(&plans, challenge, mix.limits.descriptors_hard);
    let mock_server = MockServer::start(&arguments)?;
    for part in mix.parts.iter_mut().filter(|part| part.plan.is_for_mock()) {
        super::conduct::load_mock_server(&mut part.plan, &mock_server)?;
    }
    Ok(Some(mock_server))
}

type Patience<'p> = &'p (dyn Fn() -> Duration + Sync);

/// What the main thread is asked by others.
struct Asked<'a> {
    stop: &'a dyn Fn() -> Option<Sentence>,
    pausing: &'a Pausing,
    patience: Patience<'a>,
}

/// What all parts are to do.
#[derive(Default)]
struct Orders {
    stopped: Option<Sentence>,
    paused: Option<PausedBy>,
}

fn locked(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays all parts and records each, and the whole.
fn play(
    mix: &Mix,
    recording: Recording<'_>,
    directories: &mut [ResultsDir],
    asked: &Asked<'_>,
) -> Result<(RunResult, Lacking)> {
    let workers: Vec<usize> = mix.parts.iter().map(|part| part.plan.workers).collect();
    let (orders, patience) = (Mutex::new(Orders::default()), asked.patience);
    let (sender, receiver) = mpsc::channel();
    let mut whole = Whole::new(mix, recording);
    thread::scope(|scope| {
        let places = Beside::all(&workers);
        let gate = places.first().cloned();
        for (k, ((part, directory), beside)) in mix.parts.iter().zip(directories).zip(places).enumerate() {
            let (sender, orders) = (sender.clone(), &orders);
            let name = format!("part-{k}");
            let work = move || {
                let over = play_part((k, part), directory, &beside, orders, patience, &sender);
                // Nobody listens any more only when the main thread is gone.
                let _ = sender.send(Said::Over(k, Box::new(over)));
            };
            let spawned = thread::Builder::new().name(name).spawn_scoped(scope, work);
            if let Err(error) = spawned {
                // The others wait for it.
                gate.iter().for_each(Beside::give_up);
                return Err(spawn::explained(error)).context("cannot start a thread");
            }
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(Said::Second(second)) => whole.take(*second),
                Ok(Said::Over(part, over)) => whole.over(part, (*over)?),
                Err(mpsc::RecvTimeoutError::Timeout) => whole.look(),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            let mut orders = locked(&orders);
            orders.paused = asked.pausing.wanted();
            if orders.stopped.is_none() {
                orders.stopped = (asked.stop)().or_else(|| whole.aborted());
            }
        }
        Ok(whole.finish(patience))
    })
}

fn play_part(
    (k, part): (usize, &Part),
    directory: &mut ResultsDir,
    beside: &Beside,
    orders: &Mutex<Orders>,
    patience: Patience<'_>,
    sender: &mpsc::Sender<Said>,
) -> Result<Over> {
    let mut recording = Recording::of_part(&part.plan, directory);
    let abort = std::cell::RefCell::new(Abort::new(&part.plan.settings.abort_on));
    let stop = || locked(orders).stopped.clone().or_else(|| abort.borrow().reason());
    let steering = Steering { stop: &stop, paused: &|| locked(orders).paused, course: None };
    let mut on_second = |second: &engine::Second<'_>| {
        let result = recording.second(second);
        abort.borrow_mut().look(second, &result, &|of, totals| recording.part(of, totals));
        let said = PartSecond::of(k, second, &part.places, result);
        // Nobody listens any more only when the main thread is gone.
        let _ = sender.send(Said::Second(Box::new(said)));
    };
    let outcome = engine::run_beside(&part.plan, &part.hosts, &steering, &mut on_second, beside)
        .with_context(|| format!("the part \"{}\" of the mix", part.name))?;
    let (result, lacking) = recording.finish(&outcome, abort.into_inner().ending(), patience);
    Ok(Over::of(outcome, result, lacking))
}
