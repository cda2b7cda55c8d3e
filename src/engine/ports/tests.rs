//! Ports of one worker and of several, all over loopback.

use std::collections::HashSet;
use std::net::TcpListener;

use super::*;

fn port_of(socket: &Socket) -> u16 {
    address_of(socket).port()
}

fn address_of(socket: &Socket) -> SocketAddr {
    socket.local_addr().expect("bound").as_socket().expect("IP")
}

fn local_range() -> (u16, u16) {
    PortRange::read(std::path::Path::new("/")).expect("Linux has it").bounds()
}

fn ports(method: PortMethod, range: (u16, u16), sources: &[&str], start: u32) -> Ports {
    let sources: Vec<IpAddr> = sources.iter().map(|source| source.parse().expect("an address")).collect();
    PortSpace::new(method, Some(PortRange::new(range, &[])), &sources, 1).of_worker(0, 1, start)
}

fn now() -> Tick {
    Tick::default()
}

#[test]
fn windows_stay_in_the_slice_and_come_round() {
    let mut slice = Slice::new(None, (1_000, 1_039), 39);
    assert_eq!(slice.window(), (1_039, 1_039));
    slice.advance(1);
    assert_eq!(slice.window(), (1_000, 1_015));
    slice.advance(WINDOW);
    slice.advance(WINDOW);
    assert_eq!(slice.window(), (1_032, 1_039));
}

#[test]
fn with_more_workers_than_ports_the_kernel_chooses() {
    let range = || Some(PortRange::new((1_000, 1_001), &[]));
    let method = |range, workers| PortSpace::new(PortMethod::Windows, range, &[], workers).method();
    assert_eq!(method(range(), 3), PortMethod::Kernel, "for all of them");
    assert_eq!(method(range(), 2), PortMethod::Windows);
    assert_eq!(method(None, 1), PortMethod::Kernel);
}

/// Of the kernel's own range, so that bounds are not ignored (they only narrow it).
#[test]
fn every_port_of_a_slice_is_found_before_others_are_taken() {
    let range = local_range();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    // 37 ports of the range's end; some may be another process's.
    let mut ports = ports(PortMethod::Windows, (range.1 - 36, range.1), &[], 11);
    let own = range.1 - 36..=range.1;
    let mut sockets = Vec::new();
    let mut taken = HashSet::new();
    loop {
        let socket = ports.connect(address, 0, now()).expect("there are more outside the slice");
        let port = port_of(&socket);
        sockets.push(socket);
        if !own.contains(&port) {
            break;
        }
        assert!(taken.insert(port), "{port} came twice");
    }
    assert!(taken.len() > 20, "{} of 37", taken.len());
}

#[test]
fn explicit_ports_are_each_taken_once_and_then_there_are_none() {
    let range = local_range();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let range = (range.1 - 99, range.1 - 60);
    let mut ports = ports(PortMethod::Explicit, range, &["127.0.9.1"], 17);
    let mut taken = HashSet::new();
    let mut sockets = Vec::new();
    let fault = loop {
        match ports.connect(address, 0, now()) {
            Ok(socket) => {
                let from = address_of(&socket);
                assert_eq!(from.ip().to_string(), "127.0.9.1");
                assert!((range.0..=range.1).contains(&from.port()) && taken.insert(from.port()));
                sockets.push(socket);
            }
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, Fault::TuplesExhausted);
    assert!(taken.len() > 20, "{} of 40", taken.len());
    // Not looked through again at once, even though there is a port; after a while it is.
    let gone = sockets.pop().expect("more than 20");
    gone.set_linger(Some(Duration::ZERO)).expect("a reset frees the port at once");
    drop(gone);
    assert!(ports.connect(address, 0, now()).is_err());
    // A child that another test has just forked holds the socket until it runs its own program.
    let later = now() + Ticks::from_duration(FULL_FOR);
    let freed = (0..1_000).find_map(|_| {
        let socket = ports.clone().connect(address, 0, later).ok();
        if socket.is_none() {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        socket
    });
    assert!(freed.is_some(), "no packet was exchanged that would have to be waited for");
    let v6 = "[::1]:9".parse().expect("an address");
    assert_eq!(
        ports.connect(v6, 0, now()).err(),
        Some(Fault::Unreachable),
        "no source address of its family"
    );
}

/// Of two workers, the one whose part of the range others hold.
#[test]
fn a_worker_whose_ports_are_taken_uses_those_that_others_do_not_need() {
    let range = local_range();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let range = PortRange::new((range.1 - 179, range.1 - 160), &[]);
    let source: IpAddr = "127.0.9.5".parse().expect("an address");
    let (first, last) = range.slice(0, 2).expect("ten");
    let held: Vec<TcpListener> =
        (first..=last).filter_map(|port| TcpListener::bind((source, port)).ok()).collect();
    let mut ports = PortSpace::new(PortMethod::Explicit, Some(range), &[source], 2).of_worker(0, 2, 7);
    let mut sockets = Vec::new();
    let fault = loop {
        match ports.connect(address, 0, now()) {
            Ok(socket) => sockets.push(socket),
            Err(fault) => break fault,
        }
    };
    assert!(sockets.iter().all(|socket| port_of(socket) > last), "{} are held", held.len());
    assert!(sockets.len() > 5, "{} of the other ten", sockets.len());
    assert_eq!(fault, Fault::TuplesExhausted, "ours are among those in use");
    assert_eq!(ports.counts().map(|counts| counts.begun).collect::<Vec<_>>(), [sockets.len() as u64]);
}

/// The kernel has no way from the loopback to anywhere else.
#[test]
fn a_source_from_which_nothing_leads_to_the_target_is_this_machine_s_trouble() {
    let elsewhere = "192.0.2.1:9".parse().expect("an address");
    for method in [PortMethod::Windows, PortMethod::Explicit, PortMethod::Kernel] {
        let fault = ports(method, local_range(), &["127.0.9.6"], 5).connect(elsewhere, 0, now());
        // Without any route there is none to find wrong.
        assert!(
            matches!(fault, Err(Fault::SourceUnusable | Fault::Unreachable)),
            "{method:?}: {:?}",
            fault.err()
        );
    }
}

#[test]
fn addresses_are_gone_round_and_another_helps_out() {
    let range = local_range();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let sources = ["127.0.9.2", "127.0.9.3", "::1"];
    let range = (range.1 - 139, range.1 - 120);
    for method in [PortMethod::Windows, PortMethod::Explicit] {
        let mut ports = ports(method, range, &sources, 3);
        let mut sockets = Vec::new();
        for key in 0..20 {
            let socket = ports.connect(address, key, now()).expect("a port");
            let from = address_of(&socket).ip().to_string();
            // The third is of another family.
            assert_eq!(from, ["127.0.9.2", "127.0.9.3"][key % 2]);
            sockets.push(socket);
        }
        assert_eq!(ports.counts().map(|counts| counts.begun).collect::<Vec<_>>(), [10, 10, 0]);
    }
}
