//! What the loss of broadcasts looks like, in every form of a result.

use startline::checks::Page;
use startline::lang::Lang;
use startline::measure::ledger::{Owed, Reach};
use startline::report::recorded::Recorded;
use startline::report::text::summary;
use startline::report::{Outcome, page};

use super::fixture::{Run, lossy};
use super::pages::ordinary;

#[test]
fn a_summary_says_it_in_a_sentence_and_what_to_look_at() {
    let text = summary(&lossy(), None, Lang::En, Page::PLAIN);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "2,000 of 5,999 broadcasts reached only some receivers; the receivers that opened last miss them (median: \
         after receiver 1,012 of a server); both servers alike; at the same rate from the first arrivals to the last",
        "12 more pairs are missing from the lists",
        "in 2 pairs a member's departure was announced before its entering (returns aside)",
        "→ Look in the servers' logs for sends that fail",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let good = summary(&Run::good().result(), None, Lang::En, Page::PLAIN);
    assert!(!good.contains("receivers"), "{good}");
}

#[test]
fn a_page_draws_what_the_loss_of_broadcasts_looks_like() {
    let mut recorded = ordinary();
    let intact = page::html(&recorded, Lang::En);
    recorded.result.ledger = lossy().ledger;
    let page = page::html(&recorded, Lang::En);
    for part in [
        "2,000 of 5,999 broadcasts reached only some receivers; the receivers that opened last miss them (median: \
         after receiver 1,012 of a server); both servers alike; at the same rate from the first arrivals to the last",
        "12 more pairs are missing from the lists",
        "in 2 pairs a member's departure was announced before its entering (returns aside)",
        "one receiver's failure must not end the rest",
        "id=\"c-broadcasts\"",
        "2,000 broadcasts, 3,000,000 missing pairs",
        "median 1,012, from 1 to 2,998",
        "another server",
        "the last receivers 2,000",
        "90–100 %",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    let none = Recorded { result: Run::good().result(), ..recorded };
    let page = page::html(&none, Lang::En);
    assert!(
        !page.contains("c-broadcasts") && intact.contains("c-broadcasts"),
        "two broadcasts are drawn, none is not"
    );
}

/// What was lost while this machine stalled does not count against the servers, as with PINGs.
#[test]
fn what_only_a_stall_of_this_machine_explains_is_in_doubt() {
    let outcome = |in_stalls: u64| {
        let mut run = Run::good();
        let mut ledger = run.facts.ledger.take().expect("a ledger");
        (ledger.missing, ledger.seen) = (40, ledger.expected - 40);
        let reach = |broadcasts, cut| {
            let owed = Owed { expected: broadcasts * 1_000, missing: cut };
            Reach { broadcasts, cut, lost: 0, owed }
        };
        ledger.shape.reach = reach(5_999, 40);
        ledger.shape.in_stalls = reach(100, in_stalls);
        run.facts.ledger = Some(ledger);
        let result = run.result();
        let criterion = result.criteria.iter().find(|one| one.measure == "ledger.missing");
        criterion.map(|one| (one.outcome, one.stands)).expect("it is judged")
    };
    assert_eq!(outcome(0), (Outcome::Fail, true));
    assert_eq!(outcome(39), (Outcome::Fail, true));
    assert_eq!(outcome(40), (Outcome::Fail, false));
    // As often as at any other time.
    assert_eq!(outcome(1), (Outcome::Fail, true));
}
