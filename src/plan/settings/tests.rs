//! Settings, read, written, checked and made into plans.

use super::*;
use crate::members::{MemberId, SessionNumber};
use crate::plan::CaFile;
use crate::scenario::every::Interval;

const MACHINE: Limits =
    Limits { descriptors_hard: 20_000, ports: Some(28_232), loopback_time_wait: Duration::from_secs(1) };

fn settings() -> Settings {
    let (file, source) = Scenario::find("runnity").expect("built in");
    Settings {
        member_files: Vec::new(),
        rows: Arc::default(),
        recycle: false,
        startline: "0.1.0".into(),
        target: Some("http://10.0.0.1:8080".into()),
        stages: Vec::new(),
        find_max: None,
        drops: Vec::new(),
        shard: None,
        start_at: None,
        part: None,
        lifetime: None,
        sessions: 6000,
        members: Roster::range(13, 6012, 38),
        ramp: Duration::from_secs(240),
        hold: Duration::from_secs(1800),
        ramp_down: Duration::from_secs(30),
        end: End::Close,
        ping_interval: Some(Duration::from_secs(20)),
        pong_timeout: None,
        record_interval: None,
        every: Vec::new(),
        expect_servers: Some(2),
        no_broadcast: false,
        observers: Some(Observers::Count(64)),
        workers: Some(2),
        source_ips: vec!["10.0.0.11-10.0.0.17".parse().expect("a range")],
        ports: None,
        lag_limit: Some(Duration::from_millis(750)),
        abort_on: AbortRule::default_rules(),
        seed: 42,
        allow_hosts: vec!["ws.example".into()],
        ws_map: vec![("wss://a".into(), "ws://b".into())],
        resolve: vec!["runnity.example:443:10.0.0.5".parse().expect("one")],
        wait_ready: true,
        time_zone: "+09:00".into(),
        http: HttpMode::Pooled,
        http_connections: Some(7),
        mock_tls: false,
        tls: Tls { resumption: false, ..Tls::default() },
        scenario: ScenarioSettings { file, source, ..ScenarioSettings::default() },
    }
}

fn plan(settings: Settings) -> Result<Plan, String> {
    let target = Target::at("10.0.0.1:8080".parse().expect("an address"));
    settings.into_plan(target, &MACHINE).map_err(|error| error.to_string())
}

#[test]
fn silent_cuts_leave_sockets_open_where_sessions_come_back() {
    let of = |scenario: ScenarioSettings| {
        let drops = vec!["10%@5m:silent".parse().expect("a drop"), "20%@6m:fin".parse().expect("a drop")];
        plan(Settings { drops, scenario, ..settings() }).expect("a plan")
    };
    let own = settings().scenario;
    let source = own.source.replacen("\n[websocket]\n", "\n[reconnect]\n\n[websocket]\n", 1);
    let (stays_away, comes_back) = (of(own.clone()), of(ScenarioSettings { source, ..own }));
    assert_eq!((stays_away.storms().half_open(), stays_away.connections()), (0, 6_000 + 2 * 7));
    assert_eq!((comes_back.storms().half_open(), comes_back.connections()), (600, 6_600 + 2 * 7));
}

/// Where members may enter again, levels between are tried: who was closed comes back within the rest of its row.
#[test]
fn a_search_s_need_is_of_the_course_that_moves_most() {
    let steps = FindMax { step: 1_000, ramp: Duration::from_secs(10), hold: Duration::from_secs(15) };
    let own = settings().scenario;
    let at_rest = |reentry: &str| {
        let source = own.source.replacen("reentry = false", reentry, 1);
        let scenario = ScenarioSettings { source, ..own.clone() };
        let plan = plan(Settings { find_max: Some(steps), scenario, ..settings() }).expect("a plan");
        let comings = plan.comings();
        (
            comings.lingering(Duration::from_secs(31)),
            plan.turnover.expect("of stages").begun_within(plan.settings.ramp * 9),
        )
    };
    let (never, again) = (at_rest("reentry = false"), at_rest("reentry = true"));
    assert_eq!(never, (0, 6_000), "nobody comes back");
    // 1,500 of 6,000 leave, and 1,000 come in the 10 s after.
    assert!((1_000..=1_100).contains(&again.0), "{again:?}");
    assert_eq!(again.1, 6_000 + 4 * 1_000, "three levels between, and the best one again: {again:?}");
}

#[test]
fn connections_are_cut_before_the_hold_ends_and_in_no_search() {
    let of = |drop: &str, find_max| {
        let drops = vec![drop.parse().expect("a drop")];
        plan(Settings { drops, find_max, ..settings() }).map(|_| ())
    };
    assert_eq!(of("10%@33m59s:fin", None), Ok(()));
    assert_eq!(
        of("10%@34m:fin", None),
        Err("drop: 10%@34m:fin would cut nobody: the hold ends 34m after the start; give another --drop, \
             or --drop off for none"
            .into())
    );
    let steps = FindMax { step: 1_000, ramp: Duration::from_secs(10), hold: Duration::from_secs(15) };
    let refused = of("10%@1m:fin", Some(steps)).expect_err("it is a search");
    assert!(refused.contains("sessions that are cut count as held"), "{refused}");
    assert!(refused.contains("--drop off"), "{refused}");
}

#[test]
fn what_is_written_reads_back_the_same() {
    let mut settings = settings();
    settings.scenario.set.insert("pace_s_per_km".into(), "300".into());
    let text = settings.to_toml();
    assert!(text.contains("members = [\"13-6012@38\"]"), "{text}");
    assert!(text.contains("ramp = \"4m\""), "{text}");
    assert_eq!(Settings::from_toml("plan.toml", &text), Ok(settings));
}

#[test]
fn a_plan_file_from_before_connections_were_shared_still_reads() {
    let text = settings().to_toml();
    let older: String =
        text.lines().filter(|line| !line.starts_with("http")).map(|line| format!("{line}\n")).collect();
    assert_eq!(text.lines().count() - older.lines().count(), 2);
    let older = Settings::from_toml("plan.toml", &older).expect("it reads");
    assert_eq!((older.http, older.http_connections), (HttpMode::PerSession, None));
    assert_eq!(plan(older).expect("it fits").http, Http::PerSession);
}

#[test]
fn a_plan_file_s_errors_have_a_line() {
    let text = settings().to_toml().replace("hold = \"30m\"", "hold = \"30\"");
    let error = Settings::from_toml("plan.toml", &text).expect_err("no unit").to_string();
    assert!(error.starts_with("plan.toml:"), "{error}");
    assert!(error.contains("\"30\" has no unit"), "{error}");
    let text = settings().to_toml().replace("hold =", "hodl =");
    let error = Settings::from_toml("plan.toml", &text).expect_err("unknown").to_string();
    assert!(error.contains("unknown field `hodl`"), "{error}");
}

#[test]
fn a_plan_has_the_heartbeat_that_was_asked_for() {
    let plan = plan(settings()).expect("it fits");
    let [ping, record] = &plan.scenario.websocket.as_ref().expect("it has one").every[..] else {
        panic!("two messages")
    };
    assert_eq!(ping.interval, Interval::Fixed(Duration::from_secs(20)));
    assert_eq!((ping.timeout, ping.on, record.on), (Duration::from_secs(5), true, false));
    assert_eq!(plan.members.id(SessionNumber(5999)), MemberId(6012));
}

#[test]
fn any_periodic_message_can_be_changed_and_the_last_change_counts() {
    let every = ["ping.interval=4s..8s", "ping.timeout=2s", "record.interval=~10s", "record=off"];
    let every = every.map(|text| text.parse().expect("a change")).to_vec();
    let changed = Settings { every, ..settings() };
    assert_eq!(Settings::from_toml("plan.toml", &changed.to_toml()), Ok(changed.clone()));
    let scenario = changed.scenario().expect("it compiles");
    let [ping, record] = &scenario.websocket.as_ref().expect("it has one").every[..] else {
        panic!("two messages")
    };
    let seconds = Duration::from_secs;
    assert_eq!((&ping.interval, ping.timeout), (&Interval::Between(seconds(4), seconds(8)), seconds(2)));
    assert_eq!((&record.interval, record.on), (&Interval::Exponential(seconds(10)), false));
    let refused = |text: &str| {
        let every = vec![text.parse().expect("a change")];
        Settings { every, ..settings() }.scenario().expect_err("it has none").to_string()
    };
    assert!(refused("pin=on").contains("did you mean \"ping\"?"), "{}", refused("pin=on"));
    assert!(refused("record.timeout=1s").contains("\"record\" awaits no reply"));
}

#[test]
fn members_beyond_the_sessions_are_left_out() {
    let plan = plan(Settings { sessions: 100, ..settings() }).expect("it fits");
    assert_eq!(plan.members.len(), 100);
    let error = self::plan(Settings { sessions: 7000, ..settings() }).expect_err("too few");
    assert!(error.starts_with("6,000 members are given for 7,000 sessions"), "{error}");
}

#[test]
fn what_the_scenario_lacks_is_refused() {
    let source = "name = \"join\"\n[[http]]\nname = \"join\"\nmethod = \"POST\"\npath = \"/join\"\n";
    let join = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        settings.scenario =
            ScenarioSettings { file: "j.toml".into(), source: source.into(), ..ScenarioSettings::default() };
        settings.hold = Duration::ZERO;
        settings.ramp_down = Duration::ZERO;
        settings.ping_interval = None;
        settings.http_connections = None;
        settings.observers = None;
        change(&mut settings);
        plan(settings)
    };
    assert!(join(&|_| ()).is_ok());
    assert_eq!(
        join(&|settings| settings.hold = Duration::from_secs(1)).expect_err("nothing to hold"),
        "--hold is asked for, and the scenario \"join\" has no [websocket] to hold"
    );
    assert_eq!(
        join(&|settings| settings.observers = Some(Observers::All)).expect_err("nothing to judge"),
        "--observers is asked for, and the scenario \"join\" has no [websocket.presence] to judge"
    );
    assert_eq!(
        join(&|settings| settings.end = End::Quit).expect_err("nothing to say"),
        "--end quit is asked for, and the scenario \"join\" has no quit message"
    );
    let error = join(&|settings| settings.record_interval = Some(Duration::from_secs(1)));
    assert!(error.expect_err("nothing to say").contains("has no periodic message \"record\""));
    let error = join(&|settings| settings.ping_interval = Some(Duration::from_secs(1)));
    assert!(error.expect_err("nothing to say").contains("has no periodic message \"ping\""));
}

#[test]
fn values_that_cannot_be_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        plan(settings).expect_err("refused")
    };
    assert!(refused(&|s| s.workers = Some(0)).contains("0 is not from 1 to 256"));
    assert!(refused(&|s| s.seed = u64::MAX).contains("at most 9223372036854775807"));
    assert!(refused(&|s| s.workers = Some(257)).contains("257 is not from 1 to 256"));
    assert!(refused(&|s| s.http_connections = Some(0)).contains("0 is not from 1 to 1000"));
    assert!(refused(&|s| s.http = HttpMode::PerSession).contains("add --http pooled"));
    assert!(refused(&|s| s.hold = RUN_MAX).contains("a run lasts at most 240h"));
    assert!(refused(&|s| s.hold = Duration::MAX).contains("a run lasts at most 240h"));
    assert!(refused(&|s| s.ping_interval = Some(Duration::ZERO)).contains("longer than zero"));
    assert!(
        refused(&|s| s.abort_on = vec!["errors.rat>5%".parse().expect("a rule")]).contains("errors.rate")
    );
    assert!(refused(&|s| s.time_zone = "Mars".into()).contains("\"Mars\" is not a time zone known"));
    let mock = |s: &mut Settings| {
        (s.target, s.wait_ready, s.time_zone) = (None, false, schedule::SYSTEM_ZONE.into());
        (s.resolve, s.allow_hosts, s.ws_map) = Default::default();
    };
    assert!(refused(&|s| mock(s)).contains("does not use TLS: add --tls"));
    assert!(refused(&|s| s.target = None).starts_with("--allow-host: it is for a --target"));
    let file = CaFile { file: "ca.pem".into(), pem: String::new() };
    assert!(refused(&|s| s.tls.ca = vec![file.clone()]).contains("ca.pem: there is no PEM certificate"));
    assert!(
        refused(&|s| (s.tls.ca, s.tls.insecure) = (vec![file.clone()], true))
            .contains("it accepts any certificate")
    );
}

#[test]
fn as_many_workers_and_loopback_addresses_as_this_machine_needs() {
    let planned = |target: &str, change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        (settings.workers, settings.source_ips) = (None, Vec::new());
        (settings.sessions, settings.members) = (100_000, Roster::range(13, 100_012, 38));
        change(&mut settings);
        let target = Target::at(target.parse().expect("an address"));
        settings.into_plan(target, &MACHINE).expect("it makes sense")
    };
    let near = planned("127.0.0.1:80", &|_| {});
    assert_eq!((near.workers.max(6), near.sources.len()), (near.workers, 4));
    assert!(planned("10.0.0.1:80", &|_| {}).sources.is_empty(), "the kernel's choice");
    assert!(planned("[::1]:80", &|_| {}).sources.is_empty(), "there is only one");
    let few = |s: &mut Settings| (s.sessions, s.members) = (6_000, Roster::range(13, 6_012, 38));
    assert!(planned("127.0.0.1:80", &few).sources.is_empty(), "one address has enough");
    let given = |s: &mut Settings| {
        (s.workers, s.source_ips) = (Some(7), vec!["127.0.2.1-127.0.2.9".parse().expect("a range")]);
    };
    let given = planned("127.0.0.1:80", &given);
    assert_eq!((given.workers, given.sources.len()), (7, 9));
}

#[test]
fn of_a_target_with_both_families_what_can_be_reached_is_left() {
    let mut target = Target::at("10.0.0.1:80".parse().expect("an address"));
    target.addresses.push("[fd00::9]:80".parse().expect("an address"));
    let plan = settings().into_plan(target.clone(), &MACHINE).expect("IPv4 leads there");
    assert_eq!(plan.target.addresses, [target.addresses[0]]);
    let kernel_s = Settings { source_ips: Vec::new(), ..settings() };
    assert_eq!(kernel_s.into_plan(target, &MACHINE).expect("either").target.addresses.len(), 2);
}

#[test]
fn addresses_of_no_family_of_the_target_s_are_refused() {
    let mut settings = settings();
    settings.source_ips = vec!["fd00::1".parse().expect("an address")];
    let error = plan(settings).expect_err("refused");
    assert!(error.contains("--source-ip: all of them are IPv6") && error.contains("10.0.0.1"), "{error}");
}

#[test]
fn observers_are_of_broadcasts_that_are_expected() {
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        plan(settings)
    };
    assert_eq!(with(&|_| {}).unwrap().observers(), 64);
    assert_eq!(with(&|it| it.observers = Some(Observers::All)).unwrap().observers(), 6000);
    assert_eq!(with(&|it| it.observers = None).unwrap().observers(), 6000);
    let refused = with(&|it| it.no_broadcast = true).unwrap_err();
    assert!(refused.starts_with("observers: it says who judges broadcasts, and --no-broadcast"), "{refused}");
    let refused = with(&|it| it.observers = Some(Observers::Count(0))).unwrap_err();
    assert_eq!(refused, "observers: it must be at least 1, or all");
}

/// A millisecond is the finest that is written.
#[test]
fn plan_toml_repeats_any_shape_exactly() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..60 {
        let mut asked = settings();
        let stage = |k: usize, random: &mut fastrand::Rng| {
            let name = if random.bool() { format!("s{k}=") } else { String::new() };
            let text = format!("{name}{}ms:{}", random.u64(1..20_000), random.u32(0..30));
            text.parse().expect("a stage")
        };
        asked.stages = (0..random.usize(1..6)).map(|k| stage(k, &mut random)).collect();
        let (a, b) =
            (Duration::from_millis(random.u64(100..9_000)), Duration::from_millis(random.u64(1..9_000)));
        asked.lifetime = match random.u8(0..4) {
            0 => Some(Interval::Fixed(a)),
            1 => Some(Interval::Between(a, a + b)),
            2 => Some(Interval::Exponential(a)),
            _ => None,
        };
        asked.seed = random.u64(..1 << 40);
        asked.settle_stages();
        let again = Settings::from_toml("plan.toml", &asked.to_toml()).expect("it reads");
        let lives = |settings: &Settings| {
            let shape = settings.shape();
            (0..shape.slots()).flat_map(|slot| shape.of(slot).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(lives(&again), lives(&asked), "{}", asked.to_toml());
    }
}

/// What a search came to is stages, which take their own time when they are repeated.
#[test]
fn a_search_that_is_repeated_takes_the_time_of_its_stages() {
    let mut asked = settings();
    let seconds = Duration::from_secs;
    asked.find_max = Some(FindMax { step: 50, ramp: seconds(2), hold: seconds(3) });
    asked.stages = vec!["rise=2s:50".parse().expect("a stage"), "hold=4s:50".parse().expect("a stage")];
    asked.settle_stages();
    assert_eq!((asked.ramp + asked.hold, asked.sessions), (seconds(6), 6000));
}
