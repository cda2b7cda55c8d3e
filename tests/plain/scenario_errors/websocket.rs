//! What can be wrong with the WebSocket: its URL, its messages, its heartbeat.

use super::*;

#[test]
fn roles() {
    assert_eq!(
        spoiled("JOINED = \"entered\"", "JOINED = \"entred\""),
        "x.toml:22:10: \"messages.JOINED\" in [websocket]: there is no role \"entred\"; did you mean \"entered\"?"
    );
}

#[test]
fn what_was_written_otherwise_once_is_named() {
    for (old, new) in [
        (
            "hello = \"x\"",
            "\"hello\" in [websocket] is written otherwise now: [[websocket.steps]] with a \"name\"",
        ),
        ("open_timeout = \"5s\"", "\"timeout\" in [[websocket.steps]]"),
        ("record = \"x\"", "[[websocket.every]] with name = \"record\""),
        ("type_member = \"t\"", "type_at = \"/name\""),
        ("error_code = \"/code\"", "\"code\" of the kind"),
        ("ping = { message = \"x\" }", "[[websocket.every]] with name = \"ping\""),
    ] {
        let url = "url = \"/ws?ticket={ticket}\"";
        let said = spoiled(url, &format!("{url}\n{old}"));
        assert!(said.starts_with("x.toml:19:1: ") && said.contains(new), "{said}");
    }
    let said = spoiled("HELLO = {}", "HELLO = \"open\"");
    assert!(said.contains("write [[websocket.steps]] with await"), "{said}");
    let said = spoiled("PONG = {}", "PONG = \"reply\"");
    assert!(said.contains("in [[websocket.every]]"), "{said}");
}

#[test]
fn a_step_does_something_and_names_kinds() {
    assert_eq!(
        spoiled("await = \"HELLO\"", ""),
        "x.toml:27:1: [[websocket.steps]]: it does nothing: give \"send\", \"request\" or \"await\""
    );
    assert_eq!(
        spoiled("await = \"HELLO\"", "await = \"HELO\""),
        "x.toml:29:9: \"await\" in [[websocket.steps]]: there is no kind \"HELO\"; did you mean \"HELLO\"?"
    );
    assert_eq!(
        spoiled("await = \"HELLO\"", "send = \"x\"\ntimeout = \"5s\""),
        "x.toml:30:11: \"timeout\" in [[websocket.steps]]: the step awaits nothing: give \"await\""
    );
    assert_eq!(
        spoiled("await = \"HELLO\"", "await = \"HELLO\"\npause = \"3s..1s\""),
        "x.toml:30:9: \"pause\" in [[websocket.steps]]: the first duration must be shorter than the second"
    );
}

#[test]
fn a_share_as_a_percentage_and_a_list_as_one_table() {
    assert_eq!(
        spoiled("below = 200", "below = \"0.1%\""),
        "x.toml:46:9: \"below\" in [[criteria]]: shares are from 0 to 1, 0.1 % is 0.001"
    );
    let single = refused(&GOOD.replace("[[websocket.every]]", "[websocket.every]"));
    assert!(
        single.ends_with("not TOML: duplicate key: [websocket.every] is a list: write [[websocket.every]]"),
        "{single}"
    );
}

#[test]
fn steps_periodic_messages_and_kinds_share_their_names() {
    let once = "a name may be used once among requests, steps, periodic messages and kinds";
    for (name, where_) in
        [("PONG", "the kind in line 21"), ("login", "the request in line 5"), ("ping", "the step in line 28")]
    {
        let refused = spoiled("name = \"hello\"", &format!("name = \"{name}\""));
        let why = format!("there is another \"{name}\" ({where_}): {once}");
        assert_eq!(refused.split_once("]]: ").map(|(_, why)| why), Some(&*why));
    }
    assert_eq!(
        spoiled("name = \"record\"", "name = \"open\""),
        "x.toml:37:8: \"name\" in [[websocket.every]]: \"open\" has a meaning of its own in results"
    );
    // A single step may be all of it.
    let single = GOOD.replace("name = \"hello\"", "name = \"open\"");
    let scenario = Scenario::compile("x.toml", &single, &[]).expect("nothing is wrong");
    assert_eq!(scenario.step_names(), ["login", "enter", "connect", "open", "ping"]);
    let two = single.replace(
        "[[websocket.every]]\nname = \"ping\"",
        "[[websocket.steps]]\nname = \"more\"\nsend = \"x\"\n[[websocket.every]]\nname = \"ping\"",
    );
    assert!(refused(&two).contains("only a single step can be called so"), "{}", refused(&two));
}

#[test]
fn periodic_messages() {
    for (line, by, why) in [
        ("start = \"off\"", "start = \"no\"", "\"no\" is neither \"on\" nor \"off\""),
        ("start = \"off\"", "share = 1.5", "1.5 is not a share over 0 and up to 1"),
        ("start = \"off\"", "times = 0", "it must be from 1 to 4294967295"),
        (
            "start = \"off\"",
            "frame = \"pong\"",
            "\"pong\" is not \"ping\", the only frame besides the message's own",
        ),
        ("start = \"off\"", "timeout = \"1s\"", "nothing is awaited: give \"reply\""),
        ("start = \"off\"", "reply_at = \"/id\"", "nothing is awaited: give \"reply\""),
    ] {
        let said = spoiled(line, by);
        assert!(said.starts_with("x.toml:40:") && said.ends_with(why), "{said}");
    }
}

#[test]
fn presence_needs_announcements_and_the_other_way_round() {
    assert_eq!(
        spoiled("JOINED = \"entered\"", ""),
        "x.toml:24:1: [websocket.presence]: no message in [websocket.messages] has the role \"entered\", \"left\" \
         or \"updated\""
    );
    assert_eq!(
        spoiled(
            "[websocket.presence]\nsubject = \"/id\"\nlisted = { kind = \"HELLO\", at = \"/all/*/id\" }",
            ""
        ),
        "x.toml:19:1: \"messages\" in [websocket]: \"JOINED\" announces a member, and there is no \
         [websocket.presence] to say where its id is"
    );
}

/// Without who enters there is no pair, and without who leaves no departure.
#[test]
fn a_criterion_needs_what_members_are_told() {
    let with = |measure: &str| {
        let criterion = format!("[[criteria]]\nname = \"c\"\nmeasure = \"{measure}\"\nat_most = 0\n");
        spoiled(
            "[[websocket.every]]\nname = \"ping\"",
            &format!("{criterion}[[websocket.every]]\nname = \"ping\""),
        )
    };
    for measure in ["ledger.gone_while_open", "membership.missing"] {
        let why =
            format!("this scenario has no kind with the role \"left\", so it cannot measure \"{measure}\"");
        assert!(with(measure).ends_with(&why), "{}", with(measure));
    }
}

#[test]
fn what_would_be_ignored_is_refused() {
    assert_eq!(
        spoiled("OOPS = { role = \"error\", code = \"/code\" }", ""),
        "x.toml:41:1: [[websocket.errors]]: no kind of the role \"error\" says with \"code\" where its code is"
    );
    assert_eq!(
        spoiled("PONG = {}", "PONG = { code = \"/code\" }"),
        "x.toml:21:17: \"code\" in \"PONG\" in [websocket.messages]: only a kind of the role \"error\" has a code"
    );
    assert_eq!(
        refused("name = \"x\"\n[websocket]\nurl = \"/ws\"\nend = \"quit\"\n"),
        "x.toml:4:7: \"end\" in [websocket]: there is no \"quit\" to send"
    );
}

#[test]
fn an_error_may_have_several_codes() {
    let source = GOOD.replace("code = \"BAD\"", "code = [\"BAD\", \"BAD.\"]\nblame = \"scenario\"");
    let scenario = Scenario::compile("x.toml", &source, &[]).expect("nothing is wrong");
    let codes = &scenario.websocket.as_ref().expect("it has one").kinds.error_codes;
    let [bad, stopped] = &codes[..] else { panic!("two codes: {codes:?}") };
    assert_eq!((bad.code.as_str(), stopped.code.as_str()), ("BAD", "BAD."));
    for code in codes {
        let fault = scenario.named(code.error);
        assert_eq!((fault.key(&scenario).as_str(), fault.blame().key()), ("BAD", "scenario"));
    }
}

#[test]
fn websocket_urls() {
    assert_eq!(
        spoiled("url = \"/ws?ticket={ticket}\"", "url = \"https://x/{ticket}\""),
        "x.toml:18:7: \"url\" in [websocket]: it must begin with ws://, wss://, \"/\" (on the target) or a taken \
         value"
    );
    for url in ["ws://x/{ticket}", "wss://x/", "{ticket}"] {
        let source = GOOD.replace("/ws?ticket={ticket}", url);
        assert!(Scenario::compile("x.toml", &source, &[]).is_ok(), "{url}");
    }
}

fn compiled(source: &str) -> Result<Scenario, startline::scenario::ScenarioError> {
    Scenario::compile("x.toml", source, &[])
}

/// What follows a periodic message is told by a kind, and by a value in it.
#[test]
fn a_broadcast_is_refused_that_could_not_be_told_from_others() {
    let at = "broadcast_at = \"/km\"";
    let equals = "broadcast_equals = \"{distance_km}\"";
    let moved = "JOINED = \"entered\"\nMOVED = \"updated\"";
    for (keys, why) in [
        (at.to_owned(), "\"broadcast_at\" in [[websocket.every]]: nothing is announced: give \"broadcast\""),
        (
            format!("broadcast = \"MOVES\"\n{at}\n{equals}"),
            "there is no kind \"MOVES\"; did you mean \"MOVED\"?",
        ),
        (
            format!("broadcast = \"JOINED\"\n{at}\n{equals}"),
            "the kind \"JOINED\" needs the role \"updated\" for that",
        ),
        (
            format!("broadcast = \"MOVED\"\n{at}"),
            "\"broadcast\" needs \"broadcast_equals\": it tells which of its messages is announced",
        ),
        (
            format!("broadcast = \"MOVED\"\n{equals}"),
            "\"broadcast\" needs \"broadcast_at\": it tells which of its messages is announced",
        ),
    ] {
        let source = GOOD.replace("JOINED = \"entered\"", moved).replace("start = \"off\"", &keys);
        let said = compiled(&source).expect_err(&keys).to_string();
        assert!(said.starts_with("x.toml:41:") && said.ends_with(why), "{said}");
    }
    let both = format!("broadcast = \"MOVED\"\n{at}\n{equals}");
    let good = GOOD.replace("JOINED = \"entered\"", moved).replace("start = \"off\"", &both);
    compiled(&good).expect("it compiles");
    let twice = good.replace(
        "timeout = \"5s\"\n[[websocket.every]]",
        &format!("timeout = \"5s\"\n{both}\n[[websocket.every]]"),
    );
    let said = compiled(&twice).expect_err("two of them").to_string();
    assert!(said.ends_with("the kind \"MOVED\" announces another periodic message already"), "{said}");
    let named = good.replace("name = \"record\"", "name = \"left\"");
    let said = compiled(&named).expect_err("a name of results").to_string();
    assert!(said.ends_with("\"left\" has a meaning of its own in results"), "{said}");
}

#[test]
fn members_enter_with_one_step_that_sends_something() {
    let hello = "await = \"HELLO\"";
    for (by, why) in [
        ("await = \"HELLO\"\nbroadcast = \"JOINED\"", "the step sends nothing: give \"send\" or \"request\""),
        ("send = \"x\"\nbroadcast = \"HELLO\"", "the kind \"HELLO\" needs the role \"entered\" for that"),
        (
            "send = \"x\"\nbroadcast = \"JOINED\"\n[[websocket.steps]]\nname = \"more\"\nsend = \"y\"\n\
             broadcast = \"JOINED\"",
            "members enter with the step \"hello\" already",
        ),
    ] {
        let said = compiled(&GOOD.replace(hello, by)).expect_err(by).to_string();
        assert!(said.ends_with(why), "{said}");
    }
}

#[test]
fn an_id_within_text_stands_in_it_once() {
    let subject = "subject = \"/id\"";
    for text in ["runner", "{member_id}-{member_id}", "{session}", "{member_id}{now_ms}"] {
        let with = format!("{subject}\nsubject_equals = \"{text}\"");
        let said = compiled(&GOOD.replace(subject, &with)).expect_err(text).to_string();
        let why = "it is text with one {member_id} in it, such as \"runner{member_id}\"";
        assert!(said.starts_with("x.toml:26:") && said.ends_with(why), "{said}");
    }
    let with = format!("{subject}\nsubject_equals = \"u-{{member_id}}@test\"");
    compiled(&GOOD.replace(subject, &with)).expect("it compiles");
}

#[test]
fn a_limit_on_an_announcement_needs_one() {
    let measure = |name: &str| refused(&GOOD.replace("steps.enter.p95_ms", &format!("propagation.{name}")));
    assert!(measure("left.p99_ms").ends_with("no announcement of \"left\" is measured; valid: entered"));
    assert!(measure("entered.p98_ms").contains("there is no statistic \"p98_ms\""));
    assert!(measure("entered.middle.p99_ms").contains("there is no statistic \"middle.p99_ms\""));
    assert!(measure("entered").ends_with("is not propagation.<name>.<statistic>_ms"));
    for good in ["entered.p99_ms", "entered.first.p50_ms", "entered.last.max_ms"] {
        compiled(&GOOD.replace("steps.enter.p95_ms", &format!("propagation.{good}"))).expect(good);
    }
}
