//! Every fault: its name in results, whom it is blamed on, what can excuse it, and what to do next.
//!
//! A new fault is one row here, and one in `docs/failures.md`, which a test holds against this
//! table. Advice names no fix that this program could not know about; where the answer is in a
//! server's log it says which.

use Blame::{Machine, Network, Scenario, Server};
use startline_protocol::tls::{PeerAlert, RecordFault};
use startline_protocol::websocket::Violation;

use super::row::{
    Blame, Excuse, FaultNames, NamedFault, NoNames, Row, error_name, faults, plain, value_name,
};

/// No condition of this machine can cause it.
const NOTHING: &[Excuse] = &[];

/// A wait that was too long: a client that sends or reads late, or cannot be reached, can cause it.
const WAITED: &[Excuse] = &[Excuse::Stall, Excuse::Lag, Excuse::SourceLost];

/// The peer closed, or the connection ended: a peer that hears nothing for long gives up.
const GIVEN_UP: &[Excuse] = &[Excuse::LongStall, Excuse::SourceLost];

faults! {
    /// One kind of failure. The step in which it happened is kept beside it.
    Fault {
        // This machine.
        /// EMFILE or ENFILE: no descriptor left.
        DescriptorsExhausted => ("descriptors-exhausted", Machine, NOTHING,
            "Use more --workers (each has its own limit), or raise the hard limit as root (ulimit -Hn, LimitNOFILE=).")
        /// EADDRNOTAVAIL from connect: every port of the source address to this target is in use.
        TuplesExhausted => ("tuples-exhausted", Machine, NOTHING,
            "Wait a minute if a run has just ended (TIME_WAIT holds its ports), or add source addresses \
             (--source-ip), or as root: sysctl -w net.ipv4.ip_local_port_range='1024 65535'.")
        /// EADDRINUSE: the source port is taken.
        PortTaken => ("port-taken", Machine, NOTHING,
            "Another program holds ports of this range; narrow the range or stop that program.")
        /// EADDRNOTAVAIL from bind: the source address is not, or no longer, an address of this
        /// machine.
        SourceNotLocal => ("source-not-local", Machine, NOTHING,
            "The source address was removed; as root: startline addresses add ADDRESS.")
        /// EINVAL from connect with a source address: the kernel sends nothing from it to this
        /// target.
        SourceUnusable => ("source-unusable", Machine, NOTHING,
            "The kernel sends nothing from that --source-ip to the target: use an address of the interface towards it.")
        /// EPERM or EACCES: a firewall rule or a policy of this machine forbids it.
        NotPermitted => ("not-permitted", Machine, NOTHING,
            "This machine forbids the connection: look at its firewall (nft list ruleset), and at seccomp, AppArmor and \
             cgroup rules.")
        /// ENOMEM or ENOBUFS.
        MemoryExhausted => ("memory-exhausted", Machine, NOTHING,
            "The kernel ran out of socket memory; compare net.ipv4.tcp_mem with /proc/net/sockstat.")
        /// The one-time ticket expired because this machine used it too late.
        TicketAgedHere => ("ticket-aged-here", Machine, NOTHING,
            "This machine used its tickets too late; slow the ramp or use more cores.")
        /// This machine stalled during the wait, or for so long that the peer gave up.
        StalledHere => ("stalled-here", Machine, NOTHING,
            "This machine did not run the load generator for a while (see stalls): give it the machine for itself, and \
             do not stop or suspend it.")
        /// Most of the step's time passed before one of the shared HTTP connections was free.
        HttpConnectionsBusy => ("http-connections-busy", Machine, NOTHING,
            "All shared HTTP connections were in use: raise --http-connections or slow the ramp, and see what slows \
             the answers.")

        // The network.
        /// ECONNREFUSED: nothing listens there.
        ConnectRefused => ("connect-refused", Network, NOTHING,
            "Nothing listens there, or its backlog is full; check the port and the server's accept queue.")
        /// ENETUNREACH or EHOSTUNREACH.
        Unreachable => ("unreachable", Network, NOTHING,
            "There is no route; check the target's address and the routes of this machine.")
        /// ECONNRESET or EPIPE outside an open WebSocket.
        Reset => ("reset", Network, NOTHING,
            "The peer, or something between, reset the connection; see the logs of the proxy and the server.")
        /// ETIMEDOUT from the kernel: retransmissions went unanswered.
        KernelTimeout => ("kernel-timeout", Network, GIVEN_UP,
            "Packets went unanswered; look for loss, a full conntrack table or a firewall on the way.")
        /// The connection was not up within the step's timeout: nothing answered its SYNs.
        ConnectTimeout => ("connect-timeout", Network, WAITED,
            "Nothing answered while connecting; look for a full accept queue or a firewall there, and for a route back \
             to the source address (failures.jsonl has it).")
        /// Another errno.
        Errno(i32, plain) => ("errno-<n>", Network, NOTHING,
            "Look up the errno in errno(3); failures.jsonl has the instants.")

        // The servers.
        /// The step was not over within its timeout.
        StepTimeout => ("timeout", Server, WAITED,
            "The server took longer than the step's timeout; see in the sample what came meanwhile, and its pools and queues \
             at these instants.")
        /// The peer closed in the middle of the step.
        ClosedEarly => ("closed-early", Server, GIVEN_UP,
            "The server closed the connection in mid-answer; look for worker restarts and proxy timeouts.")
        /// An HTTP status that the step does not expect, with no name in the scenario.
        HttpStatus(u16, plain) => ("http-<status>", Server, NOTHING,
            "See the evidence and the server's log at this instant.")
        {
            301 | 302 | 303 | 307 | 308 => ("http-<status>", Server, NOTHING,
                "The server redirects: give the URL of Location (in the evidence) as --target, or in the step's path."),
            401 | 403 => ("http-<status>", Server, NOTHING,
                "The server refused the member; check the login and the token's age."),
            502..=504 => ("http-<status>", Server, NOTHING,
                "The proxy had no server to pass the request to; see its error log for the upstream.")
        }
        /// An error that the scenario names. Whom it is blamed on is the scenario's to say.
        Named(NamedFault, error_name) => ("<name>", Server, NOTHING,
            "The server returned an error that the scenario names; see the scenario's notes on it.")
        {
            NamedFault { blame: Machine, .. } => ("<name>", Machine, NOTHING,
                "The scenario blames this machine for this error; see its notes on it."),
            NamedFault { blame: Network, .. } => ("<name>", Network, NOTHING,
                "The scenario blames the network for this error; see its notes on it."),
            NamedFault { blame: Scenario, .. } => ("<name>", Scenario, NOTHING,
                "The plan asked for what the server cannot do: check its members and their state (startline preflight).")
        }
        /// The response is not HTTP/1.x.
        HttpMalformed => ("http-malformed", Server, NOTHING,
            "What answers is not the expected HTTP server; check the port and the scheme.")
        /// The response head has more bytes than are read.
        HttpHeadTooLarge => ("http-head-too-large", Server, NOTHING,
            "Find what adds so long header fields, of 64 KiB together; see the evidence.")
        /// The response head has more fields than are read.
        HttpTooManyFields => ("http-too-many-fields", Server, NOTHING,
            "Find what adds header fields, more than 100 of them; see the evidence.")
        /// Where the body ends is contradicted or cannot be known.
        HttpFraming => ("http-framing", Server, NOTHING,
            "Content-Length, Transfer-Encoding or a chunk size is wrong or contradicts another; see the server's and \
             the proxy's settings.")
        /// The body exceeds the limit.
        BodyTooLarge => ("body-too-large", Server, NOTHING,
            "The answer is not what the scenario describes; see the evidence.")
        /// The body's coding is unknown or broken where a value has to be taken from it.
        BodyCoding => ("body-coding", Server, NOTHING,
            "The body is compressed in a way that was not asked for and is not known here (gzip and deflate are), or \
             its compression is broken; see the server's or the proxy's settings.")
        /// The body ended before its stated length.
        BodyTruncated => ("body-truncated", Server, NOTHING,
            "The answer is not what the scenario describes; see the evidence.")
        /// A value is needed and the body is not JSON.
        BodyNotJson => ("body-not-json", Server, NOTHING,
            "The answer is not what the scenario describes; see the evidence.")
        /// A needed value is not in the body; the index is into `Scenario::value_names`.
        ValueMissing(u8, value_name) => ("value-missing:<value>", Server, NOTHING,
            "The answer lacks what the next step needs; see the evidence and the scenario's field path.")
        /// A taken value cannot be used where it is needed: it is empty or too long, or it would break a
        /// request line, a header field or a JSON string.
        ValueUnusable(u8, value_name) => ("value-unusable:<value>", Server, NOTHING,
            "The value is empty or too long, or has characters that would break the request it is put in (a space or # \
             in a URL, a quote in JSON); see the evidence.")
        /// The upgrade was answered with this status instead of 101.
        UpgradeRefused(u16, plain) => ("upgrade-refused-<status>", Server, NOTHING,
            "What answers does not upgrade; check the proxy's Upgrade headers and the path.")
        {
            301 | 302 | 303 | 307 | 308 => ("upgrade-refused-<status>", Server, NOTHING,
                "The server redirects: use the URL of Location (in the evidence) in the scenario, or --ws-map to it."),
            401 | 403 => ("upgrade-refused-<status>", Server, NOTHING,
                "The upgrade was refused; check the ticket and the Origin header."),
            502..=504 => ("upgrade-refused-<status>", Server, NOTHING,
                "The proxy has no WebSocket server behind it; see its upstream configuration.")
        }
        /// The 101 lacks the upgrade headers or its accept key does not fit ours.
        UpgradeInvalid => ("upgrade-invalid", Server, NOTHING,
            "What answers does not upgrade; check the proxy's Upgrade headers and the path.")
        /// The 101 chooses another subprotocol than the one offered, or none.
        SubprotocolRefused => ("subprotocol-refused", Server, NOTHING,
            "The server does not speak the subprotocol that the scenario offers; compare their names.")
        /// The peer broke RFC 6455.
        Violation(Violation, plain) => ("violation:<rule>", Server, NOTHING,
            "The server or a proxy breaks RFC 6455; capture one session and read the frame.")
        /// An error message whose code the scenario does not name.
        ErrorMessage => ("error-message", Server, NOTHING,
            "The server sent an error that the scenario does not name; see the evidence.")
        /// The peer does not read: what we have to send piles up.
        SendBacklog => ("send-backlog", Server, NOTHING,
            "The server does not read what it is sent; look at its threads at this instant.")
        /// A text message is not JSON, or lacks what the scenario must find in it.
        MessageMalformed => ("message-malformed", Server, NOTHING,
            "A message is not the JSON that the scenario describes; see the evidence.")
        /// A message that should have been the PING's echo is another.
        ReplyMismatch => ("reply-mismatch", Server, NOTHING,
            "The reply is not what was sent; see the evidence, and how the server handles it.")
        /// The peer sent a close frame with this code before we did (1005: a close frame without
        /// one).
        Closed(u16, plain) => ("closed-<code>", Server, NOTHING,
            "The server closed the session; see its log at this instant.")
        {
            1000 => ("closed-<code>", Server, GIVEN_UP,
                "The server ended the session: idle timeout, end of the challenge, or replaced by a new entry of \
                 the same member."),
            1001 => ("closed-<code>", Server, GIVEN_UP,
                "The server went away; look for a restart or a deployment."),
            1005 => ("closed-<code>", Server, GIVEN_UP,
                "The server closed the session; see its log at this instant."),
            1008 => ("closed-<code>", Server, NOTHING,
                "The server refused the session; see the error message before the close."),
            1009 => ("closed-<code>", Server, NOTHING,
                "A message was larger than the server accepts."),
            1011 => ("closed-<code>", Server, NOTHING,
                "The server had an internal error; see its log at this instant.")
        }
        /// The connection ended without a close frame (RFC 6455's 1006).
        Cut => ("closed-1006", Server, GIVEN_UP,
            "The connection ended without a close frame: a crash, a proxy's timeout or a lost network.")
        /// A PONG did not come within its timeout; the session goes on. A counter of its own, by
        /// cycle.
        PingTimeout => ("ping-timeout", Server, WAITED,
            "No PONG came in time: see in the sample what came instead, and look at the server's GC pauses and thread pools.")
        /// A PING fell due while one was outstanding and was not sent. A counter of its own, by
        /// cycle.
        PingMissed => ("ping-missed", Server, WAITED,
            "A PONG took longer than the interval; the server is far behind.")
        /// Kinds beyond the number that is told apart. A counter of its own.
        Other => ("other", Server, NOTHING,
            "There were more kinds than are counted apart; something answers at random.")

        // The scenario.
        /// The URL taken from an answer is not a URL.
        UrlInvalid => ("url-invalid", Scenario, NOTHING,
            "The server returned something that is not a URL; see the evidence.")
        /// The URL taken from an answer names a user or a password.
        UrlUserinfo => ("url-userinfo", Scenario, NOTHING,
            "The server returned a URL with a user name or a password, which no WebSocket URL has (RFC 6455); see the \
             evidence.")
        /// The URL taken from an answer has a fragment.
        UrlFragment => ("url-fragment", Scenario, NOTHING,
            "The server returned a URL with a #, after which nothing is sent; a # that is meant is written %23.")
        /// The URL's host is not the target's and no `--allow-host` names it.
        HostNotAllowed => ("ws-host-not-allowed", Scenario, NOTHING,
            "The server returned a URL of another host; allow it (--allow-host) or rewrite it (--ws-map).")
    }
    /// TLS: the handshake, the certificate, a record, an alert.
    nested Tls(TlsFault)
}

faults! {
    /// A failure of TLS.
    TlsFault {
        // Our own settings.
        /// No CA that this machine trusts has signed the certificate.
        Untrusted => ("tls-untrusted", Scenario, NOTHING,
            "No CA that this machine trusts has signed the certificate; name its CA with --ca FILE, or on a test \
             server accept any with --insecure.")
        /// The certificate does not cover this host name.
        WrongName => ("tls-wrong-name", Scenario, NOTHING,
            "The certificate does not cover this host name: use one of its names in the URL, and --resolve \
             NAME:PORT:ADDRESS for its address.")
        /// The server asks for a client certificate, and there is none to show.
        ClientCertificate => ("tls-client-certificate", Scenario, NOTHING,
            "The server requires a client certificate: give one that it accepts, with --cert FILE --key FILE.")
        /// The server does not accept the client certificate that it was shown.
        ClientRefused => ("tls-client-refused", Scenario, NOTHING,
            "The server does not accept the certificate of --cert: see its log, which CA it trusts for clients, and how \
             long the certificate is valid.")
        /// The server accepts nothing that `--tls-suites` leaves.
        OfferTooNarrow => ("tls-offer-too-narrow", Scenario, NOTHING,
            "The server accepts nothing that --tls-suites leaves; run without that option, or with another suite.")

        // The server.
        /// The certificate has expired, or is not valid yet.
        Expired => ("tls-expired", Server, NOTHING,
            "Renew the server's certificate; if it is new, check the clock of this machine.")
        /// The chain that was sent leads to no CA that is trusted, since a certificate is missing in it.
        ChainIncomplete => ("tls-chain-incomplete", Server, NOTHING,
            "Have the server send the certificates of the CAs between its own and the one that is trusted (nginx: \
             ssl_certificate with the whole chain); if --ca names another CA than the servers', name theirs.")
        /// The certificate is wrong in another way.
        CertificateInvalid => ("tls-certificate-invalid", Server, NOTHING,
            "The server needs another certificate; openssl s_client -connect HOST:PORT shows this \
             one.")
        /// The peer speaks neither TLS 1.3 nor 1.2.
        Version => ("tls-version", Server, NOTHING,
            "The server speaks neither TLS 1.3 nor 1.2; update it or its proxy.")
        /// No cipher suite, group or signature scheme in common.
        NoCommonSuite => ("tls-no-common-suite", Server, NOTHING,
            "The server accepts none of the suites, groups and signatures that current clients offer; see its TLS \
             settings.")
        /// The server asked for another handshake on the open connection.
        Renegotiation => ("tls-renegotiation", Server, NOTHING,
            "The server renegotiates TLS 1.2, which current clients refuse: have it ask for client certificates in the \
             first handshake, or not at all, or speak TLS 1.3.")
        /// The handshake was not over within the step's timeout.
        HandshakeTimeout => ("tls-handshake-timeout", Server, WAITED,
            "The handshake took longer than its step allows; see the server's CPU and accept queue, and whether this \
             port speaks TLS.")
        /// The peer closed in the middle of the handshake. A server gives up on a late hello just
        /// as we do.
        HandshakeClosed => ("tls-handshake-closed", Server, GIVEN_UP,
            "The server closed the connection in the handshake without an alert; see its and its proxy's logs, and \
             whether this port speaks TLS.")
        /// What answers does not speak TLS, such as plain HTTP.
        NotTls => ("tls-not-tls", Server, NOTHING,
            "What answers does not speak TLS; check the port, or use http:// and ws://.")
        /// The peer broke the handshake's rules.
        HandshakeInvalid => ("tls-handshake-invalid", Server, NOTHING,
            "The server breaks the handshake's rules; capture one handshake.")
        /// A fatal alert from the peer.
        Alert(PeerAlert, plain) => ("tls-alert:<name>", Server, NOTHING,
            "The server refused with this alert; its error log says why.")
        {
            PeerAlert(112) => ("tls-alert:unrecognized-name", Scenario, NOTHING,
                "The server knows no host of this name; check the URL's host, and --resolve for its address.")
        }
        /// A record of the peer's that breaks RFC 8446.
        Record(RecordFault, plain) => ("tls-record:<fault>", Server, NOTHING,
            "The server or a proxy breaks TLS; capture one session, with --tls-key-log to read it.")

        // The network.
        /// The connection was reset in the middle of the handshake.
        HandshakeReset => ("tls-handshake-reset", Network, NOTHING,
            "The connection was reset in the handshake; look for full backlogs, and for proxies and firewalls on the \
             way.")

        // Ourselves.
        /// The secrets of the connection could not be extracted, which is a defect of startline.
        Extraction => ("tls-extraction", Machine, NOTHING,
            "A defect of startline: please report it; --tls-keep-rustls avoids it.")
    }
}

impl Fault {
    /// Returns the stable kebab-case name under which this kind is counted. `names` resolves the
    /// indices that some kinds carry.
    pub fn key(self, names: &dyn FaultNames) -> String {
        self.row().key_with(&self.detail(names))
    }
}

impl TlsFault {
    /// Returns the stable kebab-case name under which this kind is counted.
    pub fn key(self) -> String {
        self.row().key_with(&self.detail(&NoNames))
    }
}
