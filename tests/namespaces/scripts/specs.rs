//! What `startline addresses` takes for addresses. It has to read them as `startline run --source-ip` does.

use super::ran::in_own_network;
use crate::common::Finished;

/// `add SPEC --dry-run` where nobody has such an address: nothing is added, and nothing is remembered.
#[track_caller]
fn add(words: &str) -> Finished {
    let temp = tempfile::tempdir().expect("a directory");
    let finished = in_own_network(temp.path(), &format!("sources add {words} --dry-run"));
    assert!(!temp.path().join("source-addresses").exists());
    finished
}

/// The addresses that a SPEC is.
#[track_caller]
fn read(spec: &str) -> Vec<String> {
    let finished = add(&format!("{spec} --dev lo"));
    finished.assert_status(0);
    let added = finished.stdout.lines().filter_map(|line| line.strip_prefix("ip address add "));
    added.map(|line| line.split('/').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn addresses_ranges_and_blocks() {
    assert_eq!(read("10.1.0.11"), ["10.1.0.11"]);
    assert_eq!(read("10.1.0.254-10.1.1.1"), ["10.1.0.254", "10.1.0.255", "10.1.1.0", "10.1.1.1"]);
    assert_eq!(read("10.1.0.11-13"), ["10.1.0.11", "10.1.0.12", "10.1.0.13"]);
    assert_eq!(read("10.1.0.5/30"), ["10.1.0.5", "10.1.0.6"], "of .4 to .7, without network and broadcast");
    assert_eq!(read("10.1.0.5/31"), ["10.1.0.4", "10.1.0.5"]);
    assert_eq!(read("10.1.0.4/32"), ["10.1.0.4"]);
    assert_eq!(read("fd01::5-fd01::6"), ["fd01::5", "fd01::6"]);
    assert_eq!(read("fd01::/126"), ["fd01::1", "fd01::2", "fd01::3"]);
    assert_eq!(read("fd01:0:0:1:ffff:ffff:ffff:fffe-fd01:0:0:1:ffff:ffff:ffff:ffff").len(), 2);
    assert_eq!(
        read("fd01:0:0:1:7fff:ffff:ffff:ffff-fd01:0:0:1:8000::").len(),
        2,
        "over the sign of a number of 64 bits"
    );
    assert_eq!(read("10.1.0.11 10.1.0.11-12"), ["10.1.0.11", "10.1.0.12"], "each once");
}

#[test]
fn every_spelling_of_an_address_is_the_same() {
    for spelled in ["fd01::b", "FD01:0:0::B", "fd01:0:0:0:0:0:0:b", "fd01:0000::000b"] {
        assert_eq!(read(spelled), ["fd01::b"]);
    }
    assert_eq!(read("fd01:0:0:1:0:0:0:1"), ["fd01:0:0:1::1"], "the longest run of zeros (RFC 5952)");
    assert_eq!(read("fd01::"), ["fd01::"]);
}

#[test]
fn loopback_has_all_of_its_addresses_already() {
    for spec in ["127.0.0.9", "127.0.1.0/24", "127.0.1.1-254", "127.0.0.0/20"] {
        let finished = add(spec);
        finished.assert_status(0);
        assert!(finished.stdout.contains("nothing to add"), "{}", finished.stdout);
        assert!(!finished.stdout.contains("ip "), "{}", finished.stdout);
    }
}

#[test]
fn what_is_none_is_refused_by_what_is_wrong_with_it() {
    let cases = [
        ("10.0.0", "not an IP address"),
        ("10.0.0.256", "not an IP address"),
        ("10.0.0.011", "not an IP address"),
        ("ten", "not an IP address"),
        ("fd00:::1", "not an IP address"),
        ("fd00::1::2", "not an IP address"),
        ("fd00:1", "not an IP address"),
        ("1:2:3:4:5:6:7:8:9", "not an IP address"),
        ("fd00::1%eth0", "has a zone"),
        ("10.0.0.9-10.0.0.3", "ends before it begins"),
        ("10.0.0.9-3", "ends before it begins"),
        ("10.0.0.9-", "not an IP address"),
        ("10.0.0.9-fd00::1", "one family"),
        ("10.0.0.0/33", "not a prefix length"),
        ("10.0.0.0/", "not a prefix length"),
        ("fd00::/129", "not a prefix length"),
        ("10.0.0.0/8", "more than the 4096"),
        ("10.0.0.0-10.0.16.0", "more than the 4096"),
        ("fd00::/64", "more than the 4096"),
        ("fd00::1-fd01::1", "more than the 4096"),
        ("0.0.0.0", "nothing can be sent from"),
        ("224.0.0.1", "nothing can be sent from"),
        ("255.255.255.255", "nothing can be sent from"),
        ("::", "nothing can be sent from"),
        ("ff02::1", "nothing can be sent from"),
        ("fe80::1", "link-local"),
        ("10.0.0.1 --dev none-such", "no device"),
        ("--route 10.0.0.1", "is not a block"),
        ("--route 10.0.0.0/24 --dev lo", "cannot be used with"),
        ("--nonsense", "unexpected argument"),
    ];
    let temp = tempfile::tempdir().expect("a directory");
    let tried: Vec<String> = cases
        .iter()
        .map(|(spec, _)| format!("sources add {spec} --dry-run 2>&1; echo \"status $?\""))
        .collect();
    let finished = in_own_network(temp.path(), &tried.join("\n"));
    let mut said = finished.stdout.lines();
    for (spec, why) in cases {
        let answer: Vec<&str> = said.by_ref().take_while(|line| !line.starts_with("status ")).collect();
        assert!(answer[0].contains(why), "{spec}: {answer:?}");
        assert!(answer.last().expect("more").contains("--help"), "{spec}: {answer:?}");
    }
    assert_eq!(finished.stdout.matches("status 2\n").count(), cases.len(), "{}", finished.stdout);
    assert!(!temp.path().join("source-addresses").exists());
}
