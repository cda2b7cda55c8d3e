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

/// A thread group whose threads arrive at a rate, and stay for 20 s.
fn arriving(class: &str, properties: &[(&str, &str)], rows: &[[&str; 3]]) -> String {
    let class = format!("com.blazemeter.jmeter.threads.arrivals.{class}");
    let cell = |cell: &&str| format!("<stringProp name=\"1\">{cell}</stringProp>");
    let row = |row: &[&str; 3]| {
        let cells: String = row.iter().map(cell).collect();
        format!("<collectionProp name=\"1\">{cells}</collectionProp>")
    };
    let rows: String = rows.iter().map(row).collect();
    let samplers = open("h", "", "/ws", "") + &looped("2", &(timer() + &write("x", "")));
    element(&class, properties, &samplers).replacen(
        &format!("</{class}>"),
        &format!("<collectionProp name=\"Schedule\">{rows}</collectionProp></{class}>"),
        1,
    )
}

#[test]
fn arrivals_are_sessions_with_a_lifetime() {
    let of = |properties: &[(&str, &str)]| command(&arriving("ArrivalsThreadGroup", properties, &[]));
    let steady = [("TargetLevel", "300"), ("Hold", "10"), ("Unit", "M")];
    let (said, told) = of(&steady);
    // 5/s for 20 s each, then those who come take the places of those who leave.
    assert_has(&said, &["--stage 20s:100 --stage 9m40s:100 --lifetime 20s"]);
    assert_lacks(&said, &["--hold", "--ramp", "--sessions"]);
    assert_has(&told, &["arrive at a rate are sessions with a lifetime (20s)"]);
    assert_lacks(&told, &["its load is not"]);
    let (said, _) = of(&[("TargetLevel", "5"), ("RampUp", "60"), ("Hold", "60"), ("Unit", "S")]);
    assert_has(&said, &["--stage 20s:17 --stage 40s:83 --stage 20s:100 --stage 40s:100 --lifetime 20s"]);
    let (said, _) = of(&[("TargetLevel", "${threads}"), ("RampUp", "2"), ("Steps", "2"), ("Hold", "1")]);
    // 20 and 40 a minute: 13.3 sessions stay for 20 s, 14 for 21 s.
    assert_has(&said, &["--stage 21s:7 --stage 39s:7 --stage 21s:14 --stage 1m39s:14 --lifetime 21s"]);
    let (said, told) = of(&[("TargetLevel", "5"), ("Hold", "60"), ("Unit", "S"), ("ConcurrencyLimit", "70")]);
    assert_has(&said, &["--stage 20s:70 --stage 40s:70"]);
    assert_has(&told, &["its limit of 70 threads"]);
    let (_, told) = of(&[("TargetLevel", "${__groovy(1)}"), ("Hold", "1")]);
    assert_has(&told, &["its load is not that of a thread group"]);
}

#[test]
fn free_arrivals_go_through_their_rows() {
    let rows = [["10", "10", "60"], ["2", "2", "60"]];
    let (said, told) = command(&arriving("FreeFormArrivalsThreadGroup", &[("Unit", "S")], &rows));
    assert_has(&said, &["--stage 20s:200 --stage 40s:200 --stage 20s:40 --stage 40s:40 --lifetime 20s"]);
    assert_has(&told, &["sessions with a lifetime"]);
    let short = [["1", "1", "10"]];
    let (said, told) = command(&arriving("FreeFormArrivalsThreadGroup", &[("Unit", "S")], &short));
    assert_has(&said, &["--stage 10s:10"]);
    assert_lacks(&said, &["--lifetime"]);
    assert_has(&told, &["nobody leaves before the last has arrived"]);
}

#[test]
fn arrivals_without_a_websocket_are_a_ramp() {
    let class = "com.blazemeter.jmeter.threads.arrivals.ArrivalsThreadGroup";
    let group = element(
        class,
        &[("TargetLevel", "60"), ("RampUp", "2"), ("Hold", "4"), ("Unit", "M")],
        &get("/a", ""),
    );
    let (said, told) = command(&group);
    assert_has(&said, &["--sessions 300 --ramp 6m"]);
    assert_has(&told, &["as many sessions arrive in the same time"]);
}
