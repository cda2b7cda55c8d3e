//! Phases and accounts, with workers that a test plays.

use super::*;
use crate::engine::link::{Order, WorkerLink};
use crate::plan::capacity::Limits;
use crate::plan::roster::Roster;
use crate::plan::{ScenarioSettings, Settings, Target};

const WORKERS: usize = 3;

fn plan() -> Plan {
    let settings = Settings {
        target: Some("http://10.0.0.1:8080".into()),
        members: Roster::range(13, 72, 38),
        sessions: 60,
        workers: Some(WORKERS),
        time_zone: "system".into(),
        scenario: ScenarioSettings::find("runnity").expect("built in"),
        ..Settings::default()
    };
    let limits =
        Limits { descriptors_hard: 20_000, ports: Some(28_232), loopback_time_wait: Duration::from_secs(1) };
    let target = Target::at("10.0.0.1:8080".parse().expect("an address"));
    settings.into_plan(target, &limits).expect("a plan")
}

/// A look that comes late into a fall is not of the hold before it.
#[test]
fn a_hold_ends_with_its_stage_whatever_the_phase_was() {
    let mut plan = plan();
    let stages = ["1s:20", "2s:20", "1s:10", "2s:10"].map(|stage| stage.parse().expect("a stage"));
    plan = plan.clone().with_settings(Settings { stages: stages.into(), ..plan.settings.clone() });
    let layout = layout(&plan);
    let mut control = Control::new(&plan, &layout, Clock::start(), Shared::new(WORKERS), None);
    let held = |control: &Control<'_>| {
        [500, 1_500, 2_999, 3_001, 4_500, 6_000].map(|at| control.holds_at(Duration::from_millis(at)))
    };
    control.enter(Phase::Hold);
    assert_eq!(held(&control), [false, true, true, false, true, false]);
    control.enter(Phase::RampDown);
    assert_eq!(held(&control), [false; 6]);
}

fn layout(plan: &Plan) -> Layout {
    Layout::of(&plan.scenario)
}

/// A worker that sees the order late still counts what others' sessions do as theirs end.
#[test]
fn no_session_is_ended_before_every_worker_has_closed_its_accounts() {
    for broken in [None, Some(1)] {
        let plan = plan();
        let layout = layout(&plan);
        let shared = Shared::new(WORKERS);
        let (sender, _receiver) = mpsc::channel();
        let link = WorkerLink::new(0, &shared, &sender);
        let mut control = Control::new(&plan, &layout, Clock::start(), shared, None);
        assert_eq!(link.order(), Order::Run);
        control.close(Duration::from_secs(5));
        for worker in [2, 0, 1] {
            control.step();
            assert_eq!(link.order(), Order::CloseAccounts, "before worker {worker}");
            let nobody = || SessionSet::new(60);
            let message = match broken {
                Some(broken) if broken == worker => Message::Broken("no more epoll".into()),
                _ => Message::Accounts {
                    interval: Box::default(),
                    ledger: None,
                    open: nobody(),
                    known: nobody(),
                    told: Box::default(),
                    connections: Vec::new(),
                },
            };
            control.take(worker, message);
        }
        control.step();
        assert!(matches!(link.order(), Order::RampDown { .. }), "{:?}", link.order());
    }
}

/// A second signal does not end sessions before the accounts close.
#[test]
fn a_second_signal_waits_for_the_accounts_too() {
    let plan = plan();
    let layout = layout(&plan);
    let shared = Shared::new(WORKERS);
    let (sender, _receiver) = mpsc::channel();
    let link = WorkerLink::new(0, &shared, &sender);
    let mut control = Control::new(&plan, &layout, Clock::start(), shared, None);
    control.stop(Reason::Interrupted.into());
    control.stop(Reason::Interrupted.into());
    control.step();
    assert_eq!(link.order(), Order::CloseAccounts);
}
