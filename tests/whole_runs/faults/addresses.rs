//! A host with several addresses, one of which is dead: nobody fails, and the result says so.

use crate::common::peer::Script;
use crate::common::played::run_with;

#[test]
fn a_dead_address_of_several_is_named() {
    let script = Script::good().enter(|to| {
        // Back under the name that has both addresses.
        let url = format!("ws://two.invalid:{}/ws/ws1", to.address.port());
        to.json(&format!(r#"{{"data":{{"ticket":"t-1","wsUrl":"{url}"}}}}"#));
    });
    let played = run_with(script, |run| {
        let port = run.value("target").rsplit(':').next().expect("a port").to_owned();
        run.with("target", format!("http://two.invalid:{port}"))
            .with("resolve", format!("two.invalid:{port}:127.0.0.1,127.0.0.77"))
    });
    played.assert_undisturbed();
    let up = |address: &str| {
        let counts = &played.summary["generator"]["connections_by_address"][address];
        (counts["begun"].as_u64().unwrap_or(0), counts["up"].as_u64().unwrap_or(0))
    };
    let ((_, alive), (dead_begun, dead)) = (up("127.0.0.1"), up("127.0.0.77"));
    assert!(dead == 0 && dead_begun > 0 && alive >= 6, "{:#}", played.summary["generator"]);
    let said = played.finished.text();
    assert!(said.contains("connections to 127.0.0.77 came up, of 2 addresses"), "{said}");
}
