//! What to do next about a failure, one sentence a kind.
//!
//! A table and nothing else, in the order of [`Fault`]. Names no remedy that this program could not know
//! about; where the answer lies in a server's log it says which.

use crate::fault::{Fault, TlsFault};
use crate::protocol::tls::PeerAlert;

/// The next step for this kind of failure.
pub fn next(fault: Fault) -> &'static str {
    use Fault::*;
    match fault {
        DescriptorsExhausted => {
            "Use more --workers (each has a limit of its own), or raise the hard limit as root (ulimit -Hn, LimitNOFILE)."
        }
        TuplesExhausted => {
            "Wait a minute if a run has just ended (TIME_WAIT holds its ports), or give more source addresses (--source-ip), or as root: \
             sysctl -w net.ipv4.ip_local_port_range='1024 65535'."
        }
        PortTaken => "Another program holds ports of this range; narrow the range or end that program.",
        SourceNotLocal => "The address was taken away; as root: startline addresses add ADDRESS.",
        SourceUnusable => {
            "The kernel sends nothing from that --source-ip to the target: give an address of the interface towards it."
        }
        MemoryExhausted => {
            "The kernel ran out of socket memory; compare net.ipv4.tcp_mem with /proc/net/sockstat."
        }
        TicketAgedHere => "This box was late to use its tickets; slow the ramp or use more cores.",
        HttpConnectionsBusy => {
            "All shared HTTP connections were in use: raise --http-connections or slow the ramp, and see what slows the answers."
        }
        ConnectRefused => {
            "Nothing listens there, or its backlog is full; check the port and the server's accept queue."
        }
        Unreachable => "No route; check the target's address and this box's routes.",
        Reset => "The peer or something between reset the connection; look in its proxy's and server's logs.",
        KernelTimeout => {
            "Packets went unanswered; look for loss, a full conntrack table or a firewall on the way."
        }
        ConnectTimeout => {
            "Nothing answered while connecting; look for a full accept queue or a firewall there, and a way back to the source \
             address (failures.jsonl names it)."
        }
        Errno(_) => "Look the errno up in errno(3); failures.jsonl has the instants.",
        StepTimeout => {
            "The server took longer than the step's timeout; see its pools and queues at these instants."
        }
        ClosedEarly => "The server hung up in mid-answer; look for worker restarts and proxy timeouts.",
        HttpStatus(401 | 403) => "The server refused who we are; check the login and the token's age.",
        HttpStatus(502..=504) => "The proxy had no server to give it to; see its error log for the upstream.",
        HttpStatus(_) => "Look at the evidence and the server's log at this instant.",
        Named(_) => "The server names this error itself; see the scenario's notes on it.",
        HttpMalformed | HttpHeadTooLarge => {
            "What answers is not the expected HTTP server; check the port and the scheme."
        }
        BodyTooLarge | BodyTruncated | BodyNotJson => {
            "The answer is not what the scenario describes; see the evidence."
        }
        ValueMissing(_) | ValueUnusable(_) => {
            "The answer lacks what the next step needs; see the evidence and the scenario's pointer."
        }
        UpgradeRefused(401 | 403) => "The upgrade was refused; check the ticket and the Origin header.",
        UpgradeRefused(502..=504) => {
            "The proxy has no WebSocket server behind it; see its upstream configuration."
        }
        UpgradeRefused(_) | UpgradeInvalid => {
            "What answers does not upgrade; check the proxy's Upgrade headers and the path."
        }
        SubprotocolRefused => {
            "The server does not speak the subprotocol that the scenario offers; compare their names."
        }
        Violation(_) => "The server or a proxy breaks RFC 6455; capture one session and read the frame.",
        ErrorMessage => "The server sent an error that the scenario does not name; see the evidence.",
        SendBacklog => "The server does not read what it is sent; look at its threads at this instant.",
        MessageMalformed => "A message is not the JSON that the scenario describes; see the evidence.",
        ReplyMismatch => {
            "What came back is not what was sent; see the evidence, and the server's handling of it."
        }
        Closed(1000) => {
            "The server ended the session: idle timeout, end of the challenge, or replaced by a re-entry."
        }
        Closed(1001) => "The server went away; look for a restart or deployment.",
        Closed(1008) => "The server refused the session; see the error message before the close.",
        Closed(1009) => "The server found a message of ours too big.",
        Closed(1011) => "The server failed inside; see its log at this instant.",
        Closed(_) => "The server closed the session; see its log at this instant.",
        Cut => "The connection ended without a close: a crash, a proxy's timeout or a lost network.",
        UrlInvalid => "The server handed out something that is no URL; see the evidence.",
        HostNotAllowed => {
            "The server handed out another host's URL; allow it (--allow-host) or rewrite it (--ws-map)."
        }
        Tls(fault) => next_of_tls(fault),
    }
}

fn next_of_tls(fault: TlsFault) -> &'static str {
    use TlsFault::*;
    match fault {
        Untrusted => {
            "No CA trusted here has signed the certificate; give the one that has with --ca FILE, or take any on a test \
             server with --insecure."
        }
        WrongName => {
            "The certificate is for other names (see the evidence): put one of them into the URL, and where it leads \
             into --resolve NAME:PORT:ADDRESS."
        }
        OfferTooNarrow => {
            "The server takes nothing that --tls-suites leaves to it; run without that option, or with another suite."
        }
        Expired => "Renew the server's certificate; if it is new, compare this box's clock.",
        CertificateInvalid => {
            "The server needs another certificate (see the evidence); openssl s_client -connect HOST:PORT shows this one."
        }
        Version => "The server speaks neither TLS 1.3 nor 1.2; update it or its proxy.",
        NoCommonSuite => {
            "The server takes none of the suites, groups and signatures that current clients offer; see its TLS settings."
        }
        HandshakeTimeout => {
            "The handshake took longer than its step may; see the server's CPU and accept queue, and whether this port \
             speaks TLS."
        }
        HandshakeClosed => {
            "The server hung up in the handshake without a word; see its and its proxy's logs, and whether this port \
             speaks TLS."
        }
        NotTls => {
            "What answers does not speak TLS (see the evidence); check the port, or write http:// and ws://."
        }
        HandshakeInvalid => "The server breaks the handshake's rules; see the evidence, and capture one.",
        Alert(PeerAlert(112)) => {
            "The server knows no host of this name; check the URL's, and --resolve for its address."
        }
        Alert(PeerAlert(116)) => {
            "The server wants a client's certificate, which startline has none of; load it where none is asked for."
        }
        Alert(_) => "The server refused with this alert; its error log says why.",
        Record(_) => {
            "The server or a proxy breaks TLS (see the evidence); capture one session, with --tls-key-log to read it."
        }
        HandshakeReset => {
            "The connection was reset in the handshake; look for full backlogs, and for proxies and firewalls on the way."
        }
        Extraction => {
            "A defect of startline: please report it with the evidence; --tls-keep-rustls goes round it."
        }
    }
}

/// The next step when PONGs come late or never.
pub const PING_TIMED_OUT: &str =
    "PONGs took longer than the timeout; compare with the server's GC pauses and thread pools.";

/// The next step when PINGs fell due while one was outstanding.
pub const PING_MISSED: &str = "A PONG took longer than the interval; the server is far behind.";

/// The next step for kinds beyond the number told apart.
pub const OTHER_KINDS: &str = "More kinds than can be told apart; something answers at random.";
