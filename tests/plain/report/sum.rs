//! Totals that are written down, read back and added up: nothing of a result is lost on the way.

use startline::measure::{Interval, Totals};
use startline::report::{Facts, RunResult};

use super::fixture::{Run, interval, layout, rich_run};

fn back<T: serde::Serialize + serde::de::DeserializeOwned>(it: &T) -> T {
    serde_json::from_str(&serde_json::to_string(it).expect("JSON")).expect("what was written")
}

fn totals_of(intervals: &[Interval]) -> Totals {
    let mut totals = Totals::new(&layout());
    intervals.iter().for_each(|interval| totals.add(interval));
    totals
}

#[test]
fn a_result_is_the_same_from_totals_that_were_written_down() {
    let (mut run, intervals) = rich_run();
    let totals = totals_of(&intervals);
    let result = run.built(&totals);
    assert!(result.errors.total > 4_000 && result.ledger.is_some(), "there is something to lose");
    run.facts = back::<Facts>(&run.facts);
    let again: Vec<Interval> = intervals.iter().map(back).collect();
    for totals in [back(&totals), totals_of(&again)] {
        assert_eq!(run.built(&totals), result);
    }
}

#[test]
fn totals_of_parts_are_the_totals_of_the_whole() {
    let (run, mut intervals) = rich_run();
    intervals.extend((0..7).map(|_| interval()));
    let whole: RunResult = run.built(&totals_of(&intervals));
    let mut sum = Totals::new(&layout());
    intervals.chunks(3).for_each(|part| sum.merge(&totals_of(part)));
    assert_eq!(run.built(&sum), whole);
    let nothing = Run::good().built(&Totals::new(&layout()));
    assert_ne!(whole.sessions, nothing.sessions);
}
