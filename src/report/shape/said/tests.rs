//! Sentences of shapes as they occur.

use super::super::{OwedResult, ReceiversResult, StagesResult};
use super::*;
use crate::report::Ordered;

fn reach(broadcasts: u64, cut: u64, lost: u64) -> ReachResult {
    ReachResult {
        broadcasts,
        cut,
        lost,
        owed: OwedResult { expected: broadcasts * 100, missing: cut * 50 + lost * 100 },
    }
}

fn leg(announcing: &str, delivering: &str, reach: ReachResult) -> LegResult {
    LegResult { announcing: Some(announcing.into()), delivering: Some(delivering.into()), reach }
}

fn slices(all: impl IntoIterator<Item = ReachResult>) -> Vec<SliceResult> {
    let slice =
        |(k, reach): (u64, ReachResult)| SliceResult { from_seconds: k * 5, to_seconds: k * 5 + 5, reach };
    (0u64..).zip(all).map(slice).collect()
}

/// As on the real servers: both servers alike, more and more of them.
fn measured() -> ShapeResult {
    let all = reach(11_514, 6_489, 0);
    let loss = LossResult { broadcasts: 6_489, missing: all.owed.missing };
    let half = reach(5_757, 3_244, 0);
    ShapeResult {
        all,
        stages: StagesResult { fan_out: loss, ..StagesResult::default() },
        by_servers: vec![
            leg("a", "a", half),
            leg("a", "b", reach(5_757, 3_260, 0)),
            leg("b", "a", half),
            leg("b", "b", reach(5_757, 3_201, 0)),
        ],
        receivers: ReceiversResult {
            patterns: Ordered(vec![("scattered".to_owned(), loss)]),
            ..ReceiversResult::default()
        },
        over_time: slices((0..10).map(|k| reach(1_151, 100 * k + 200, 0))),
        workers: vec![OwedResult { expected: 575_700, missing: 162_225 }; 2],
        ..ShapeResult::default()
    }
}

#[track_caller]
fn says(shape: &ShapeResult, sentence: &str) {
    assert_eq!(shape.sentence(Lang::En).as_deref(), Some(sentence));
    // No part is missing in the other language.
    let parts = |lang| shape.sentence(lang).map(|text| text.split("; ").count());
    assert_eq!(parts(Lang::Ko), parts(Lang::En));
}

#[test]
fn what_the_real_servers_do_is_said() {
    says(
        &measured(),
        "6,489 of 11,514 broadcasts reached only some receivers; receivers here and there miss them; \
         both servers alike; grows with arrivals",
    );
    assert_eq!(ShapeResult { all: reach(100, 0, 0), ..measured() }.sentence(Lang::En), None);
}

#[test]
fn of_a_few_only_the_number_is_said() {
    says(
        &ShapeResult { all: reach(500, 2, 1), ..measured() },
        "2 of 500 broadcasts reached only some receivers, and 1 nobody",
    );
}

#[test]
fn servers_that_differ_are_named() {
    let with = |by_servers| ShapeResult { by_servers, ..measured() };
    let (good, bad, worse) = (reach(5_000, 10, 0), reach(5_000, 1_000, 0), reach(5_000, 2_500, 0));
    for (legs, part) in [
        (
            vec![leg("a", "a", good), leg("b", "a", good), leg("a", "b", bad), leg("b", "b", bad)],
            "only receivers at b",
        ),
        (
            vec![leg("a", "a", good), leg("a", "b", good), leg("b", "a", bad), leg("b", "b", bad)],
            "only members who entered at b",
        ),
        (
            vec![leg("a", "a", bad), leg("b", "a", bad), leg("a", "b", worse), leg("b", "b", worse)],
            "more at receivers of b than elsewhere",
        ),
        (
            vec![leg("a", "a", worse), leg("a", "b", worse), leg("b", "a", bad), leg("b", "b", bad)],
            "more for members who entered at a",
        ),
    ] {
        assert_eq!(with(legs).place(Lang::En).as_deref(), Some(part));
    }
    assert_eq!(with(vec![leg("a", "a", bad)]).place(Lang::En), None, "one server");
    let three = ["a", "b", "c"].map(|to| leg("a", to, bad)).to_vec();
    assert_eq!(with(three).place(Lang::En).as_deref(), Some("all 3 servers alike"));
}

#[test]
fn when_it_happened_is_said() {
    let with = |all: Vec<ReachResult>| {
        let sum = ReachResult::sum(all.iter());
        ShapeResult { all: sum, over_time: slices(all), ..measured() }.time(Lang::En)
    };
    let at = |bad: fn(u64) -> u64| with((0..20).map(|k| reach(100, bad(k), 0)).collect());
    assert_eq!(at(|k| k * 4).as_deref(), Some("grows with arrivals"));
    assert_eq!(at(|k| 80 - k * 4).as_deref(), Some("fewer as more arrive"));
    assert_eq!(at(|k| 30 + k % 3).as_deref(), Some("at the same rate from the first arrivals to the last"));
    assert_eq!(at(|k| u64::from(k == 7 || k == 8) * 90).as_deref(), Some("only from 35 s to 45 s"));
    assert_eq!(with(vec![reach(100, 50, 0)]), None, "one slice has no course");
}

#[test]
fn each_form_is_said() {
    let loss = LossResult { broadcasts: 100, missing: 5_000 };
    let shape = ShapeResult { all: reach(1_000, 100, 0), ..ShapeResult::default() };
    let staged = |stages| ShapeResult { stages, ..shape.clone() }.form(Lang::En);
    let form = staged(StagesResult { everywhere: loss, ..StagesResult::default() });
    assert_eq!(form.as_deref(), Some("lost before any server passed them on"));
    let form = staged(StagesResult { one_server: loss, ..StagesResult::default() });
    assert_eq!(form.as_deref(), Some("a server passed on nothing of them while others did"));
    let place = Some(SpreadResult { min: 1, median: 12, max: 1_900 });
    for (key, text) in [
        ("last", "the receivers that opened last miss them (median: after receiver 12 of a server)"),
        ("first", "the receivers that opened first miss them (median: before receiver 12 of a server)"),
        ("block", "receivers that opened one after the other miss them"),
        ("scattered", "receivers here and there miss them"),
    ] {
        let patterns = Ordered(vec![(key.to_owned(), loss)]);
        let receivers =
            ReceiversResult { patterns, first_reached: place, last_reached: place, ..Default::default() };
        let shape = ShapeResult { receivers, ..shape.clone() };
        assert_eq!(shape.form(Lang::En).as_deref(), Some(text));
    }
    assert_eq!(shape.form(Lang::En), None, "several ways, none of them most");
}

#[test]
fn this_machine_s_part_is_said() {
    let mut shape = measured();
    assert_eq!(shape.own_part(Lang::En), None);
    shape.workers[0].missing = 324_450;
    shape.workers[1].missing = 0;
    assert!(shape.own_part(Lang::En).is_some_and(|text| text.starts_with("only at receivers of one worker")));
    shape = ShapeResult { in_stalls: reach(30, 30, 0), ..measured() };
    assert_eq!(shape.own_part(Lang::En).as_deref(), Some("30 of them while this machine stalled"));
    // As many in a stall as at any other time.
    shape.in_stalls = reach(100, 56, 0);
    assert_eq!(shape.own_part(Lang::En), None);
}
