//! Threads that a user, a control group and the machine let start.

use startline_os::system::ThreadRoom;
use startline_os::user::ThreadsOfUser;

use super::*;

/// As many workers as descriptors ask for, at both ends.
fn a_million() -> Need {
    let mock = Some(Mock { workers: 54, tls: false });
    Need { workers: 51, workers_given: false, mock, ..on_this_box(1_000_000, 1_000) }
}

#[test]
fn a_worker_is_a_thread_at_both_ends() {
    let threads = check("threads", &a_million(), &readings("default"));
    assert_eq!((threads.verdict, threads.need.value), (Verdict::Ok, Some(51 + 54 + 8)));
    assert_eq!(threads.need.text, "113: 51 workers and 54 of the mock server, and 8 to spare");
    // Of 126,887 threads 412 are there.
    assert_eq!(threads.reading.value, Some(126_887 - 412));
    assert_eq!(threads.reading.text, "126,475 (kernel.threads-max 126,887, 412 of them running)");
}

#[test]
fn the_tightest_limit_is_named_with_what_mends_it() {
    let mut readings = readings("default");
    let user = ThreadsOfUser { soft: 100, hard: 100, running: 40 };
    readings.trials.threads_of_user = Ok(Some(user));
    let refused = check("threads", &a_million(), &readings);
    assert_eq!((refused.verdict, refused.reading.value), (Verdict::Refuse, Some(60)));
    assert_eq!(
        refused.why.as_deref(),
        Some(
            "the plan needs 113 threads (51 workers and 54 of the mock server, and 8 to spare) and 60 more may be started: ulimit -u 100, 40 of \
             them running"
        )
    );
    assert_eq!((commands(&refused), refused.fixes[0].needs_root), (vec!["ulimit -u 153"], true));
    assert!(refused.fixes[1].text.contains("fewer workers"), "{refused:#?}");
    readings.trials.threads_of_user = Ok(Some(ThreadsOfUser { hard: 200, ..user }));
    let raised = check("threads", &a_million(), &readings);
    assert_eq!((commands(&raised), raised.fixes[0].needs_root), (vec!["ulimit -Su 153"], false));

    let limit = "/sys/fs/cgroup/app/pids.max".to_owned();
    readings.system.thread_room = Ok(Some(ThreadRoom { limit, running: 7, room: 43 }));
    let group = check("threads", &a_million(), &readings);
    assert_eq!((group.verdict, group.reading.value), (Verdict::Refuse, Some(43)));
    assert_eq!(commands(&group), ["echo 120 > /sys/fs/cgroup/app/pids.max"]);

    readings.system.threads_max = Ok(430);
    let whole = check("threads", &a_million(), &readings);
    assert_eq!((whole.verdict, whole.reading.value), (Verdict::Refuse, Some(18)));
    assert_eq!(commands(&whole), ["sysctl -w kernel.threads-max=525"]);
    assert_eq!(check("threads", &need(6_000, 240), &readings).verdict, Verdict::Ok, "two workers and eight");
}

#[test]
fn a_limit_that_cannot_be_read_is_unknown_unless_another_refuses() {
    let mut readings = readings("default");
    readings.system.threads_max = Err("no file".to_owned());
    let unknown = check("threads", &a_million(), &readings);
    assert_eq!((unknown.verdict, unknown.why.as_deref()), (Verdict::Unknown, Some("no file")));
    readings.trials.threads_of_user = Ok(Some(ThreadsOfUser { soft: 1_000, hard: 1_000, running: 1 }));
    let enough = check("threads", &a_million(), &readings);
    assert_eq!((enough.verdict, enough.reading.value), (Verdict::Unknown, Some(999)));
    readings.trials.threads_of_user = Ok(Some(ThreadsOfUser { soft: 20, hard: 20, running: 1 }));
    assert_eq!(check("threads", &a_million(), &readings).verdict, Verdict::Refuse);
}
