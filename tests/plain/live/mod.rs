//! The live view's screens as a user sees them, from the control thread's snapshots down.
//!
//! The expected screens are in `tests/fixtures/live/`. After a change that is meant,
//! `STARTLINE_UPDATE=1 cargo test --test plain live` writes them anew; look at the difference.

mod played;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use startline::live::draw::{Theme, draw};
use startline::live::frame::{Frame, Rate, Reconnects, State, Step, Timed};
use startline::live::model::{HISTORY_MAX, Key, Model};
use startline::plan::Settings;

use self::played::{Played, RAMP_S};
use crate::report::fixture::Run;

const PLAIN: Theme = Theme { colour: false };

/// Everything as it should be, in the middle of the ramp.
fn ramp() -> Model {
    Played::new().until(RAMP_S / 2).model
}

/// A hold of a minute with servers that fail since the end of the ramp; played once.
fn trouble() -> Model {
    static MODEL: LazyLock<Model> = LazyLock::new(|| {
        let mut played = Played::new().until(RAMP_S - 20);
        played.in_trouble = true;
        played.until(RAMP_S + 60).model
    });
    MODEL.clone()
}

fn screen(model: &Model, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal of the test's");
    terminal.draw(|frame| draw(model, PLAIN, frame.buffer_mut())).expect("drawn");
    let buffer = terminal.backend().buffer();
    let row = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..rows).map(|y| row(y) + "\n").collect()
}

/// Compares a screen with the expected one, row by row.
#[track_caller]
fn assert_screen(name: &str, model: &Model, columns: u16, rows: u16) {
    let file = format!("tests/fixtures/live/{name}-{columns}x{rows}.txt");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&file);
    let actual = screen(model, columns, rows);
    if std::env::var_os("STARTLINE_UPDATE").is_some() {
        std::fs::write(&path, &actual).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let mut differences = String::new();
    for (row, (is, should)) in actual.lines().zip(expected.lines().chain(std::iter::repeat(""))).enumerate() {
        if is != should {
            differences += &format!("row {row}\n  expected |{should}\n  is       |{is}\n");
        }
    }
    assert!(
        actual == expected,
        "{file} (see the test's head for how to update it)\n{differences}\nin all:\n{actual}"
    );
}

#[test]
fn a_ramp_that_goes_well() {
    let model = ramp();
    assert_screen("ramp", &model, 80, 24);
    assert_screen("ramp", &model, 120, 40);
    assert_screen("ramp", &model, 60, 15);
}

#[test]
fn a_hold_in_trouble_names_what_fails_and_what_to_do() {
    let mut model = trouble();
    model.lines = vec!["warning: timeline.csv: No space left on device".into()];
    assert_screen("trouble", &model, 80, 24);
    assert_screen("trouble", &model, 120, 40);
    assert_screen("trouble", &model, 60, 15);
}

/// In the hold nobody arrives; those that dropped stand there instead.
#[test]
fn what_became_of_sessions_that_dropped_is_shown_in_the_hold() {
    let mut model = trouble();
    assert!(!screen(&model, 80, 24).contains("\nDropped"));
    let attempts = Rate { total: 1_420, per_s: 35.5 };
    model.frame.reconnects =
        Reconnects { dropped: 1_500, recovered: 1_200, gave_up: 20, attempts, failed: 220 };
    for (columns, rows) in [(80, 24), (120, 40)] {
        let screen = screen(&model, columns, rows);
        assert!(screen.contains("\nDropped    1,500 · came back 1,200"), "{columns}×{rows}\n{screen}");
    }
    let wide = screen(&model, 120, 40);
    for all in ["came back 1,200 · given up 20 ", "attempts 1,420, 220 failed, 35.5/s "] {
        assert!(wide.contains(all), "{wide}");
    }
}

/// The criteria of a mix are its parts' own.
#[test]
fn a_mix_says_where_its_criteria_are() {
    let mut model = trouble();
    model.frame.criteria.clear();
    for (of_parts, says) in
        [(false, "the scenario sets none"), (true, "each part has its own, which are in its result")]
    {
        model.frame.parts_have_criteria = of_parts;
        let screen = screen(&model, 80, 60);
        assert!(screen.contains(&format!("\nCriteria   {says}\n")), "{screen}");
    }
}

#[test]
fn troubles_stand_above_the_failures_by_name_in_every_size() {
    let mut model = trouble();
    let names =
        ["server-down (from 12.3 s on): a server went down", "bad-gateway: b", "idle-timeout: c", "d: d"];
    model.frame.troubles = names.map(str::to_owned).into();
    for (columns, rows, all) in [(80, 24, true), (120, 40, false), (60, 15, false), (80, 60, true)] {
        let screen = screen(&model, columns, rows);
        let at =
            |part: &str| screen.find(part).unwrap_or_else(|| panic!("{part} in {columns}×{rows}\n{screen}"));
        assert!(
            at("\nTroubles   server-down (from 12.3 s on): a server went down") < at("\nErrors"),
            "{screen}"
        );
        assert_eq!(screen.contains("           d: d"), all, "{screen}");
        assert!(all || screen.contains(" more\n"), "{screen}");
    }
}

/// A scenario with many steps on a small terminal: what is going on stands there, what is over may not.
#[test]
fn in_the_hold_heartbeats_and_ages_stand_before_steps_that_are_over() {
    let with_more = |mut model: Model| {
        let steps = &mut model.frame.steps;
        for name in ["form", "greeting", "join", "subscribe", "profile", "list"] {
            steps.insert(0, Step { name: name.into(), errors: Some(0), ..Step::default() });
        }
        let age = Step { name: "said age".into(), timed: Timed::Again, ..Step::default() };
        steps.push(age);
        model
    };
    let hold = with_more(Played::new().until(RAMP_S + 20).model);
    let small = screen(&hold, 80, 24);
    let at = |part: &str| small.find(part).unwrap_or_else(|| panic!("{part} is not in\n{small}"));
    assert!(at("\nping ") < at("\nsaid age ") && at("\nsaid age ") < at("\nlist "), "{small}");
    assert!(at("said age ") < at("… and ") && !small.contains("\nlogin "), "{small}");
    assert!(!small.contains("Arrivals") && small.contains("Sessions open"), "all have come: {small}");
    // In the ramp, and where all have room, they stand in the scenario's order.
    for (model, rows) in [(with_more(ramp()), 24), (hold, 60)] {
        let screen = screen(&model, 80, rows);
        let (list, ping) = (screen.find("\nlist "), screen.find("\nping "));
        assert!(list.is_some() && ping.is_none_or(|ping| list < Some(ping)), "{screen}");
    }
}

#[test]
fn before_the_first_second_the_plan_is_there() {
    assert_screen("start", &Played::new().model, 80, 24);
}

/// As in the verdict, whatever the highest level is.
#[test]
fn a_criterion_is_off_by_the_lowest_level_held() {
    let run = Run::good();
    let state = |stages: [&str; 4]| {
        let stages = stages.iter().map(|stage| stage.parse().expect("a stage")).collect();
        let mut plan = run.plan.clone().with_settings(Settings { stages, ..run.plan.settings.clone() });
        plan.scenario = run.scenario.clone().into();
        let criteria = Frame::empty(&plan).criteria;
        criteria.iter().find(|it| it.name == "held-4000").expect("it is the fixture's").state
    };
    assert_eq!(state(["1m:3000", "30m:3000", "30s:6000", "30m:6000"]), State::Off);
    assert_eq!(state(["1m:4000", "30m:4000", "30s:6000", "30m:6000"]), State::Open);
    // It needs 20 minutes, those of all levels together.
    assert_eq!(state(["1m:4000", "9m:4000", "30s:6000", "11m:6000"]), State::Open);
    assert_eq!(state(["1m:4000", "9m:4000", "30s:6000", "10m:6000"]), State::Off);
}

#[test]
fn a_run_that_was_ended_early_says_so() {
    assert_screen("ended", &Played::new().until(RAMP_S + 10).leaves().model, 80, 24);
}

#[test]
fn the_words_are_explained() {
    let mut model = ramp();
    assert_eq!(model.press(Key::Help), None);
    assert_screen("help", &model, 80, 24);
    assert_eq!(model.press(Key::Other), None);
    assert!(!model.is_help);
}

#[test]
fn no_size_is_too_small_or_too_large_to_draw() {
    let mut model = trouble();
    for is_help in [false, true] {
        model.is_help = is_help;
        for (columns, rows) in (0..=150).step_by(7).flat_map(|x| (0..=60).step_by(3).map(move |y| (x, y))) {
            let area = Rect::new(0, 0, columns, rows);
            let mut buffer = Buffer::empty(area);
            draw(&model, PLAIN, &mut buffer);
            assert_eq!(buffer.area, area);
        }
    }
}

#[test]
fn without_colour_nothing_is_coloured_and_with_it_failures_are_red() {
    let model = trouble();
    let drawn = |colour| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
        draw(&model, Theme { colour }, &mut buffer);
        buffer
    };
    let plain = drawn(false);
    assert!(plain.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let coloured = drawn(true);
    assert!(coloured.content.iter().any(|cell| cell.fg == Color::Red && cell.symbol() == "✗"));
    // The same words in both.
    let words = |buffer: &Buffer| buffer.content.iter().map(|cell| cell.symbol()).collect::<String>();
    assert_eq!(words(&plain), words(&coloured));
}

#[test]
fn sessions_add_up_in_every_second() {
    for second in [1, RAMP_S / 3, RAMP_S, RAMP_S + 30] {
        let mut played = Played::new();
        played.in_trouble = true;
        let sessions = played.until(second).model.frame.sessions;
        let all = [
            sessions.waiting(),
            sessions.setting_up,
            sessions.open,
            sessions.failed,
            sessions.closed,
            sessions.completed,
        ];
        assert_eq!(all.iter().sum::<u64>(), sessions.planned, "{sessions:?}");
        assert!(sessions.failed > 0 && sessions.open > 0);
    }
}

#[test]
fn time_left_is_of_the_phase_and_of_the_run() {
    let s = Duration::from_secs;
    let played = Played::new().until(100);
    let standing = played.model.standing();
    assert_eq!((standing.so_far, standing.planned), (s(100), Some(s(RAMP_S))));
    assert_eq!(
        standing.left_in_all,
        Some(s(RAMP_S - 100) + played.model.plan.hold + played.model.plan.ramp_down)
    );
    let played = played.until(RAMP_S + 100);
    let standing = played.model.standing();
    assert_eq!((standing.so_far, standing.planned), (s(100), Some(played.model.plan.hold)));
    // Ended early: nobody knows how long that takes.
    let standing = played.leaves().model.standing();
    assert_eq!((standing.planned, standing.left_in_all), (None, None));
}

#[test]
fn what_is_kept_does_not_grow_with_the_run() {
    let model = trouble();
    assert_eq!(model.history.len(), HISTORY_MAX);
    let last = model.history.back().expect("a point");
    assert_eq!((last.planned_per_s, last.begun_per_s), (0.0, 0.0));
    let first = model.history.front().expect("a point");
    assert_eq!((first.planned_per_s, first.begun_per_s), (25.0, 25.0));
}
