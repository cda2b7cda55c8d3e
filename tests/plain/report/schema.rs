//! `summary.json` against its published schema.

use serde_json::{Value, json};
use startline::measure::Totals;
use startline::report::{Ending, RunResult};

use super::fixture::{Run, layout, rich};

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../../../schema/summary.schema.json")).unwrap();
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn assert_valid(value: &Value) {
    let errors: Vec<String> = validator()
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

fn as_json(result: &RunResult) -> Value {
    serde_json::to_value(result).unwrap()
}

#[test]
fn results_of_every_kind_fit_the_schema() {
    assert_valid(&as_json(&rich()));
    assert_valid(&as_json(&Run::good().result()));
    assert_valid(&as_json(&super::watched::every_outcome()));

    let mut bare = Run::good();
    bare.facts.ending = Ending::Running;
    bare.facts.ledger = None;
    bare.facts.ramp_down = None;
    bare.facts.min_in_hold = None;
    bare.facts.first_start = None;
    bare.plan.settings.ramp = std::time::Duration::ZERO;
    bare.facts.open_at_rss = 0;
    // Without any step there is no timeout.
    bare.scenario.http.clear();
    bare.scenario.websocket = None;
    assert_valid(&as_json(&bare.built(&Totals::new(&layout()))));
}

#[test]
fn keys_that_the_schema_does_not_know_are_refused_everywhere() {
    let whole = as_json(&rich());
    let validator = validator();
    let places = [
        "",
        "/criteria/0",
        "/sessions",
        "/arrivals",
        "/hold",
        "/steps/login",
        "/steps/login/from_sent",
        "/ping",
        "/errors",
        "/errors/by_blame",
        "/errors/details/0",
        "/errors/details/0/sample",
        "/messages",
        "/ledger",
        "/ledger/missing_samples/0",
        "/ledger/shape",
        "/ledger/shape/stages/fan_out",
        "/ledger/shape/by_servers/0",
        "/ledger/shape/receivers",
        "/ledger/shape/receivers/tenths/0",
        "/ledger/shape/receivers/last_reached",
        "/ledger/shape/over_time/0",
        "/ledger/shape/in_stalls",
        "/ledger/shape/order",
        "/routing",
        "/ramp_down",
        "/generator",
        "/host",
        "/servers/wss:~1~1a.example~1ws~11",
        "/troubles/0",
        "/troubles/0/evidence/0",
    ];
    for place in places {
        let mut spoilt = whole.clone();
        let object = spoilt.pointer_mut(place).and_then(Value::as_object_mut);
        object.unwrap_or_else(|| panic!("no object at {place:?}")).insert("surprise".into(), json!(1));
        assert!(!validator.is_valid(&spoilt), "an unknown key at {place:?} is accepted");
    }
}

#[test]
fn keys_that_are_gone_are_noticed() {
    let whole = as_json(&rich());
    let validator = validator();
    for section in [
        "",
        "/sessions",
        "/steps/login",
        "/ping",
        "/errors",
        "/messages",
        "/ledger",
        "/ledger/shape",
        "/ledger/shape/by_servers/0",
        "/generator",
    ] {
        let keys: Vec<String> =
            whole.pointer(section).unwrap().as_object().unwrap().keys().cloned().collect();
        for key in keys {
            let mut spoilt = whole.clone();
            spoilt.pointer_mut(section).unwrap().as_object_mut().unwrap().remove(&key);
            assert!(!validator.is_valid(&spoilt), "{section}/{key} may be left out");
        }
    }
}

#[test]
fn a_result_survives_json() {
    let result = rich();
    let json = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<RunResult>(&json).unwrap(), result);
}

#[test]
fn the_sums_of_a_summary_close() {
    let result = rich();
    let ping = &result.ping;
    assert_eq!(ping.due, ping.sent + ping.missed);
    assert_eq!(ping.sent, ping.answered + ping.late + ping.unanswered + ping.pending);
    let errors = &result.errors;
    assert_eq!(errors.total, errors.by_kind.iter().map(|(_, count)| count).sum::<u64>());
    assert_eq!(errors.total, errors.by_blame.iter().map(|(_, count)| count).sum::<u64>());
    // Open sessions that fail do so in no step.
    let in_hold = errors.details.iter().filter(|it| it.step == "hold").map(|it| it.count).sum::<u64>();
    assert_eq!(errors.total, in_hold + result.steps.iter().map(|(_, step)| step.errors).sum::<u64>());
    let messages = &result.messages;
    assert_eq!(messages.received, messages.by_type.iter().map(|(_, count)| count).sum::<u64>());
    let ledger = result.ledger.as_ref().unwrap();
    assert_eq!(ledger.expected, ledger.seen + ledger.missing);
}
