//! Plans as they are printed.

use super::*;
use crate::plan::capacity::Limits;
use crate::plan::roster::Roster;
use crate::plan::{HttpMode, Observers, ScenarioSettings, Settings, Target};

fn plan(change: &dyn Fn(&mut Settings)) -> Plan {
    let mut settings = Settings {
        target: Some("http://10.0.0.1:8080".into()),
        members: Roster::range(13, 6012, 38),
        sessions: 6000,
        ramp: Duration::from_secs(240),
        hold: Duration::from_secs(1800),
        ramp_down: Duration::from_secs(240),
        workers: Some(1),
        seed: 42,
        time_zone: "system".into(),
        scenario: ScenarioSettings::find("runnity").expect("built in"),
        ..Settings::default()
    };
    change(&mut settings);
    let target = Target::at("10.0.0.1:8080".parse().expect("an address"));
    let limits = Limits { descriptors_hard: 20_000, ports: None, loopback_time_wait: Duration::from_secs(1) };
    settings.into_plan(target, &limits).expect("it makes sense")
}

#[test]
fn the_guide_s_run_in_a_few_lines() {
    assert_eq!(
        Summary::new(&plan(&|_| {})).to_string(),
        "\
target     http://10.0.0.1:8080
scenario   runnity (login → enter → connect → open → ping)
sessions   6,000 on 1 worker, members 13-6012 in challenge 38, seed 42
phases     ramp 4m (25.0/s), hold 30m, ramp-down 4m ending by close 1000
messages   ping every 30s, answered within 5s (200/s)
broadcast  ramp: 17,997,000 deliveries, 74,988/s on average, 149,975/s at its end
           ramp: about 2,520 MB of announcements and 1,674 MB of lists
           ramp-down: as many, 74,988/s on average, 149,975/s at its start
observers  all 6,000 sessions judge their broadcasts, 9 MB
"
    );
}

#[test]
fn who_judges_broadcasts_is_said_with_its_memory() {
    let plan = |observers| {
        plan(&|settings| {
            settings.members = Roster::range(13, 20_012, 38);
            (settings.sessions, settings.observers) = (20_000, observers);
        })
    };
    let said = |observers, memory_bytes| {
        Summary::new(&plan(observers)).beside(memory_bytes).observers().unwrap_or_default()
    };
    assert_eq!(said(None, None), "64 of 20,000 sessions judge their broadcasts, 1 MB");
    assert_eq!(said(None, Some(400_000_000)), said(None, None), "more than an eighth of it");
    let proposed = "64 of 20,000 sessions judge their broadcasts, 1 MB; --observers all takes 100 MB";
    assert_eq!(said(None, Some(4_000_000_000)), proposed);
    assert_eq!(said(Some(Observers::All), None), "all 20,000 sessions judge their broadcasts, 100 MB");
    let some = "1,000 of 20,000 sessions judge their broadcasts, 5 MB";
    assert_eq!(said(Some(Observers::Count(1_000)), None), some);
}

#[test]
fn of_members_who_come_and_go_more_judge_than_are_in_at_once() {
    let plan = plan(&|settings| {
        settings.members = Roster::range(13, 2_012, 38);
        settings.stages = ["2s:100", "60s:100"].map(|stage| stage.parse().expect("a stage")).to_vec();
        settings.lifetime = Some(crate::scenario::every::Interval::Fixed(Duration::from_secs(10)));
        settings.settle_stages();
    });
    let said = Summary::new(&plan).observers().unwrap_or_default();
    assert!(said.starts_with("all ") && said.contains(" members judge their broadcasts, "), "{said}");
}

#[test]
fn turned_off_broadcasts_are_not_predicted() {
    let plan = plan(&|settings| {
        (settings.target, settings.no_broadcast, settings.ramp) = (None, true, Duration::from_secs(1));
    });
    let summary = Summary::new(&plan);
    assert!(summary.load().is_none());
    assert!(summary.warnings().is_empty(), "the guide's rate is not for the mock server");
    assert!(summary.to_string().contains("the built-in mock server, on a free port"));
}

#[test]
fn shared_connections_are_said() {
    let plan = plan(&|settings| {
        (settings.http, settings.http_connections) = (HttpMode::Pooled, Some(1_000));
    });
    let text = Summary::new(&plan).to_string();
    let line = "http       1,000 connections a worker, kept alive and shared by its sessions";
    assert!(text.contains(line), "{text}");
}

#[test]
fn workers_beyond_the_cores_are_accounted_for() {
    assert_eq!(workers_text(2, 2), None);
    let text = "(19 workers: 2 cores and 17 more, at most 256: each has a descriptor limit of its own)";
    assert_eq!(workers_text(19, 2).as_deref(), Some(text));
}

#[test]
fn warnings_are_part_of_it() {
    let plan = plan(&|settings| settings.ramp = Duration::from_secs(10));
    let text = Summary::new(&plan).to_string();
    assert!(text.contains("warning    600 arrivals a second"), "{text}");
    assert!(text.contains("warning    more deliveries than 1 core can"), "{text}");
}

#[test]
fn what_comes_and_goes_is_said_with_what_it_takes() {
    let plan = plan(&|settings| {
        settings.sessions = 1_000;
        (settings.ramp, settings.hold) = (Duration::from_secs(2), Duration::from_secs(20));
        settings.lifetime = Some("2s".parse().expect("an interval"));
    });
    let text = Summary::new(&plan).to_string();
    assert!(text.contains("lifetime   2s, then another session: 500.0/s at the highest level; "), "{text}");
    assert!(text.contains("turnover   at most 5"), "{text}");
    // After 20 s all who have left are still at rest, and their connections in TIME_WAIT.
    assert!(text.contains("           rows: 1,000 in use and at most 10,"), "{text}");
    assert!(text.contains(" HTTP and 10,"), "{text}");
    let hold = "hold: 500 sessions/s replaced, 999,000 announcements/s, about 187 MB/s (1.5 Gbit/s), ";
    assert!(text.contains(hold), "{text}");
}

#[test]
fn a_spike_is_predicted_by_its_steepest_stage() {
    let plan = plan(&|settings| {
        let stages = ["60s:100", "10s:1000", "60s:1000", "60s:100"];
        settings.stages = stages.map(|stage| stage.parse().expect("a stage")).to_vec();
        settings.settle_stages();
    });
    let text = Summary::new(&plan).to_string();
    assert!(
        text.contains("broadcast  rises: 499,500 deliveries, 7,136/s on average, 89,910/s at the steepest"),
        "{text}"
    );
    assert!(text.contains("ramp-down: 4,995, "), "{text}");
}
