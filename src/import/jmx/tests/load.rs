//! Thread groups of plugins as stages.

use super::*;

fn ultimate(rows: &[[&str; 5]], under: &str) -> String {
    let cell = |cell: &&str| format!("<stringProp name=\"1\">{cell}</stringProp>");
    let row = |row: &[&str; 5]| {
        let cells: String = row.iter().map(cell).collect();
        format!("<collectionProp name=\"1\">{cells}</collectionProp>")
    };
    let rows: String = rows.iter().map(row).collect();
    let class = "kg.apc.jmeter.threads.UltimateThreadGroup";
    element(class, &[], under).replacen(
        &format!("</{class}>"),
        &format!("<collectionProp name=\"ultimatethreadgroupdata\">{rows}</collectionProp></{class}>"),
        1,
    )
}

fn stepping(properties: &[(&str, &str)]) -> String {
    let samplers = get("/${__threadNum}", "") + &open("h", "", "/ws", "");
    element("kg.apc.jmeter.threads.SteppingThreadGroup", properties, &samplers)
}

fn concurrency(properties: &[(&str, &str)]) -> String {
    let class = "com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup";
    element(class, properties, &open("h", "", "/ws", ""))
}

fn command(groups: &str) -> (String, String) {
    let (made, told) = made(&plan(&variables(&[("threads", "40")]), groups));
    (made.command.join(" ").replace("\\ ", "").split_whitespace().collect::<Vec<_>>().join(" "), told)
}

#[test]
fn rows_of_an_ultimate_thread_group_add_up() {
    let rows = [["100", "0", "30", "60", "10"], ["${threads}", "60", "0", "30", "0"]];
    let (said, told) = command(&ultimate(&rows, &open("h", "", "/ws", "")));
    let stages =
        "--stage 30s:100 --stage 30s:100 --stage 0s:140 --stage 30s:140 --stage 0s:100 --stage 10s:0";
    assert_has(&said, &[stages]);
    assert_lacks(&said, &["--sessions", "--ramp", "--hold"]);
    assert_lacks(&told, &["its load", "its schedule"]);
    let (said, told) = command(&ultimate(&[["${__groovy(1)}", "0", "1", "1", "1"]], &get("/a", "")));
    assert_has(&told, &["its load is not that of a thread group"]);
    assert_lacks(&said, &["--stage"]);
}

#[test]
fn without_a_websocket_the_rise_is_the_ramp() {
    let (said, told) =
        command(&ultimate(&[["9", "0", "5", "60", "0"], ["4", "20", "10", "5", "0"]], &get("/a", "")));
    assert_has(&said, &["--sessions 13 --ramp 30s"]);
    assert_lacks(&said, &["--stage"]);
    assert_has(&told, &["without a WebSocket nothing is held"]);
}

#[test]
fn a_stepping_thread_group_rises_in_its_steps() {
    let properties = [
        ("ThreadGroup.num_threads", "${threads}"),
        ("Threads initial delay", "5"),
        ("Start users count burst", "10"),
        ("Start users count", "20"),
        ("Start users period", "30"),
        ("rampUp", "4"),
        ("flighttime", "600"),
        ("Stop users count", "10"),
        ("Stop users period", "2"),
    ];
    let (said, told) = command(&stepping(&properties));
    // The last step has half of the threads of the others, and half of their ramp.
    assert_has(
        &said,
        &[
            "--members 1-40 --stage 4s:10 --stage 30s:10 --stage 4s:30 --stage 30s:30 --stage 2s:40 --stage 10m:40 --stage 6s:0",
        ],
    );
    assert_has(&told, &["the first thread starts", "stop 10 at a time; here sessions leave evenly"]);
    let many = [
        ("ThreadGroup.num_threads", "1000"),
        ("Start users count", "1"),
        ("Start users period", "1"),
        ("flighttime", "60"),
    ];
    let (said, told) = command(&stepping(&many));
    assert_has(&said, &["--stage 16m39s:1000 --stage 1m:1000"]);
    assert_has(&told, &["999 steps are one even rise here"]);
}

#[test]
fn a_concurrency_thread_group_replaces_threads_that_end() {
    let properties = [("TargetLevel", "10"), ("RampUp", "1"), ("Steps", "3"), ("Hold", "2"), ("Unit", "M")];
    let (said, told) = command(&concurrency(&properties));
    assert_has(
        &said,
        &["--stage 0s:3 --stage 20s:3 --stage 0s:7 --stage 20s:7 --stage 0s:10 --stage 2m20s:10"],
    );
    assert_has(&told, &["plays all of it again and again", "lifetime"]);
    let (said, _) = command(&concurrency(&[("TargetLevel", "10"), ("RampUp", "1.5"), ("Hold", "60")]));
    assert_has(&said, &["--stage 1s500ms:10 --stage 1m:10"]);
}

#[test]
fn groups_beside_one_with_a_schedule_are_added_to_its_stages() {
    let samplers = open("h", "", "/ws", "");
    let plain = |more: &[(&str, &str)]| {
        let mut properties = vec![("ThreadGroup.num_threads", "5"), ("ThreadGroup.ramp_time", "10")];
        properties.extend_from_slice(more);
        element("ThreadGroup", &properties, &samplers)
    };
    let timed = plain(&[("ThreadGroup.scheduler", "true"), ("ThreadGroup.duration", "20")]);
    let shaped = ultimate(&[["10", "0", "10", "30", "0"]], &samplers);
    let (said, told) = command(&(shaped + &timed + &plain(&[])));
    assert_has(&said, &["--stage 10s:15 --stage 10s:15 --stage 0s:10 --stage 20s:10"]);
    assert_has(&told, &["added up to --stage", "does not say how long its threads stay"]);
}
