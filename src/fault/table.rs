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
            "Use more --workers (each has its own limit), or raise the hard limit as root (ulimit -Hn, LimitNOFILE=).",
            "--workers를 늘리거나(한도는 워커마다 따로 적용됩니다) root로 하드 한도를 높이십시오(ulimit -Hn, LimitNOFILE=).")
        /// EADDRNOTAVAIL from connect: every port of the source address to this target is in use.
        TuplesExhausted => ("tuples-exhausted", Machine, NOTHING,
            "Wait a minute if a run has just ended (TIME_WAIT holds its ports), or add source addresses \
             (--source-ip), or as root: sysctl -w net.ipv4.ip_local_port_range='1024 65535'.",
            "직전에 끝난 테스트가 있으면 1분 기다리십시오(TIME_WAIT가 포트를 점유합니다). 또는 출발지 주소를 추가하거나(--source-ip) root로 \
             실행하십시오: sysctl -w net.ipv4.ip_local_port_range='1024 65535'.")
        /// EADDRINUSE: the source port is taken.
        PortTaken => ("port-taken", Machine, NOTHING,
            "Another program holds ports of this range; narrow the range or stop that program.",
            "다른 프로그램이 이 범위의 포트를 사용 중입니다. 범위를 좁히거나 그 프로그램을 종료하십시오.")
        /// EADDRNOTAVAIL from bind: the source address is not, or no longer, an address of this
        /// machine.
        SourceNotLocal => ("source-not-local", Machine, NOTHING,
            "The source address was removed; as root: startline addresses add ADDRESS.",
            "출발지 주소가 제거되었습니다. root로 실행하십시오: startline addresses add ADDRESS.")
        /// EINVAL from connect with a source address: the kernel sends nothing from it to this
        /// target.
        SourceUnusable => ("source-unusable", Machine, NOTHING,
            "The kernel sends nothing from that --source-ip to the target: use an address of the interface towards it.",
            "커널이 이 --source-ip에서 대상 서버로 아무것도 보내지 않습니다. 대상 쪽 인터페이스의 주소를 사용하십시오.")
        /// EPERM or EACCES: a firewall rule or a policy of this machine forbids it.
        NotPermitted => ("not-permitted", Machine, NOTHING,
            "This machine forbids the connection: look at its firewall (nft list ruleset), and at seccomp, AppArmor and \
             cgroup rules.",
            "이 장비가 연결을 금지합니다. 방화벽(nft list ruleset)과 seccomp, AppArmor, cgroup 규칙을 확인하십시오.")
        /// ENOMEM or ENOBUFS.
        MemoryExhausted => ("memory-exhausted", Machine, NOTHING,
            "The kernel ran out of socket memory; compare net.ipv4.tcp_mem with /proc/net/sockstat.",
            "커널의 소켓 메모리가 부족합니다. net.ipv4.tcp_mem과 /proc/net/sockstat을 비교하십시오.")
        /// The one-time ticket expired because this machine used it too late.
        TicketAgedHere => ("ticket-aged-here", Machine, NOTHING,
            "This machine used its tickets too late; slow the ramp or use more cores.",
            "이 장비가 티켓을 너무 늦게 사용했습니다. 램프업을 늦추거나 코어를 늘리십시오.")
        /// This machine stalled during the wait, or for so long that the peer gave up.
        StalledHere => ("stalled-here", Machine, NOTHING,
            "This machine did not run the load generator for a while (see stalls): give it the machine for itself, and \
             do not stop or suspend it.",
            "이 장비가 한동안 부하 발생기를 실행하지 못했습니다(stalls 참조). 부하 발생기 전용 장비를 쓰고, 실행 중에 정지하거나 절전하지 마십시오.")
        /// The plan says that this program cuts the connection.
        CutOnPurpose => ("cut-on-purpose", Machine, NOTHING,
            "The plan cut it (--drop): see how sessions came back.",
            "계획에 따라 연결을 끊었습니다(--drop). 세션이 어떻게 복구되었는지 확인하십시오.")
        /// Most of the step's time passed before one of the shared HTTP connections was free.
        HttpConnectionsBusy => ("http-connections-busy", Machine, NOTHING,
            "All shared HTTP connections were in use: raise --http-connections or slow the ramp, and see what slows \
             the answers.",
            "공유 HTTP 연결이 모두 사용 중이었습니다. --http-connections를 늘리거나 램프업을 늦추고, 응답이 느린 원인을 확인하십시오.")

        // The network.
        /// ECONNREFUSED: nothing listens there.
        ConnectRefused => ("connect-refused", Network, NOTHING,
            "Nothing listens there, or its backlog is full; check the port and the server's accept queue.",
            "해당 포트에서 수신 중인 서버가 없거나 백로그가 가득 찼습니다. 포트와 서버의 accept 큐를 확인하십시오.")
        /// ENETUNREACH or EHOSTUNREACH.
        Unreachable => ("unreachable", Network, NOTHING,
            "There is no route; check the target's address and the routes of this machine.",
            "경로가 없습니다. 대상 주소와 이 장비의 라우팅을 확인하십시오.")
        /// ECONNRESET or EPIPE outside an open WebSocket.
        Reset => ("reset", Network, NOTHING,
            "The peer, or something between, reset the connection; see the logs of the proxy and the server.",
            "상대 서버나 중간 장비가 연결을 리셋했습니다. 프록시와 서버의 로그를 확인하십시오.")
        /// ETIMEDOUT from the kernel: retransmissions went unanswered.
        KernelTimeout => ("kernel-timeout", Network, GIVEN_UP,
            "Packets went unanswered; look for loss, a full conntrack table or a firewall on the way.",
            "패킷에 응답이 없었습니다. 경로상의 패킷 손실, 가득 찬 conntrack 테이블, 방화벽을 확인하십시오.")
        /// The connection was not up within the step's timeout: nothing answered its SYNs.
        ConnectTimeout => ("connect-timeout", Network, WAITED,
            "Nothing answered while connecting; look for a full accept queue or a firewall there, and for a route back \
             to the source address (failures.jsonl has it).",
            "연결하는 동안 응답이 없었습니다. 서버의 accept 큐 포화, 방화벽, 출발지 주소로 돌아오는 경로를 확인하십시오(주소는 failures.jsonl에 \
             있습니다).")
        /// Another errno.
        Errno(i32, plain) => ("errno-<n>", Network, NOTHING,
            "Look up the errno in errno(3); failures.jsonl has the instants.",
            "errno(3)에서 해당 errno를 찾아보십시오. 발생 시각은 failures.jsonl에 있습니다.")

        // The servers.
        /// The step was not over within its timeout.
        StepTimeout => ("timeout", Server, WAITED,
            "The server took longer than the step's timeout; see in the sample what came meanwhile, and its pools and queues \
             at these instants.",
            "서버가 단계의 제한 시간을 넘겼습니다. 그동안 무엇이 왔는지 샘플에서 확인하고, 해당 시각의 서버 풀과 큐를 확인하십시오.")
        /// The peer closed in the middle of the step.
        ClosedEarly => ("closed-early", Server, GIVEN_UP,
            "The server closed the connection in mid-answer; look for worker restarts, proxy timeouts, and a \
             port that speaks TLS (https, wss).",
            "서버가 응답 도중에 연결을 닫았습니다. 워커 재시작과 프록시 타임아웃, TLS 포트(https, wss)인지를 확인하십시오.")
        /// An HTTP status that the step does not expect, with no name in the scenario.
        HttpStatus(u16, plain) => ("http-<status>", Server, NOTHING,
            "See the evidence and the server's log at this instant.",
            "증거와 해당 시각의 서버 로그를 확인하십시오.")
        {
            200..=299 => ("http-<status>", Server, NOTHING,
                "The server answered with success: if this status is right, add it to the step's expect.",
                "서버가 성공으로 응답했습니다. 이 상태 코드가 맞으면 단계의 expect에 추가하십시오."),
            400 | 415 | 422 => ("http-<status>", Server, NOTHING,
                "The server does not take the request in this form: compare it (startline try -v) with your client's, body or \
                 form and Content-Type.",
                "서버가 이 형식의 요청을 받지 않습니다. 본문이나 form, Content-Type을 실제 클라이언트의 요청과 비교하십시오(startline try -v)."),
            301 | 302 | 303 | 307 | 308 => ("http-<status>", Server, NOTHING,
                "The server redirects: follow = 1 in this step goes there; expect = 302 (this status) takes the redirect itself \
                 as success. If all is elsewhere, give the URL of Location (in the evidence) as --target.",
                "서버가 리다이렉트합니다. 단계에 follow = 1을 쓰면 따라가고, expect = 302(이 상태 코드)를 쓰면 리다이렉트 자체를 성공으로 봅니다. 서버 전체가 \
                 옮겨졌다면 증거에 있는 Location의 URL을 --target에 지정하십시오."),
            404 => ("http-<status>", Server, NOTHING,
                "Nothing is at this path: check the step's path and method.",
                "이 경로에는 아무것도 없습니다. 단계의 path와 method를 확인하십시오."),
            401 | 403 => ("http-<status>", Server, NOTHING,
                "The server refused the member; check the login and the token's age.",
                "서버가 회원을 거부했습니다. 로그인과 토큰의 만료 여부를 확인하십시오."),
            502..=504 => ("http-<status>", Server, NOTHING,
                "The proxy had no server to pass the request to; see its error log for the upstream.",
                "프록시가 요청을 전달할 서버를 찾지 못했습니다. 프록시 오류 로그의 upstream 항목을 확인하십시오.")
        }
        /// An error that the scenario names. Whom it is blamed on is the scenario's to say.
        Named(NamedFault, error_name) => ("<name>", Server, NOTHING,
            "The server returned an error that the scenario names; see the scenario's notes on it.",
            "시나리오에 이름이 있는 오류를 서버가 반환했습니다. 시나리오의 해당 주석을 확인하십시오.")
        {
            NamedFault { blame: Machine, .. } => ("<name>", Machine, NOTHING,
                "The scenario blames this machine for this error; see its notes on it.",
                "시나리오는 이 오류의 책임을 이 장비로 봅니다. 시나리오의 해당 주석을 확인하십시오."),
            NamedFault { blame: Network, .. } => ("<name>", Network, NOTHING,
                "The scenario blames the network for this error; see its notes on it.",
                "시나리오는 이 오류의 책임을 네트워크로 봅니다. 시나리오의 해당 주석을 확인하십시오."),
            NamedFault { blame: Scenario, .. } => ("<name>", Scenario, NOTHING,
                "The plan asked for what the server cannot do: compare this request (startline try -v shows it whole) with what \
                 your client sends.",
                "서버가 할 수 없는 일을 계획이 요청했습니다. 이 요청(startline try -v가 전체를 보여 줍니다)을 실제 클라이언트의 요청과 비교하십시오.")
        }
        /// The response is not HTTP/1.x.
        HttpMalformed => ("http-malformed", Server, NOTHING,
            "What answers is not the expected HTTP server; check the port and the scheme.",
            "예상한 HTTP 서버의 응답이 아닙니다. 포트와 스킴을 확인하십시오.")
        /// The response head has more bytes than are read.
        HttpHeadTooLarge => ("http-head-too-large", Server, NOTHING,
            "Find what adds so long header fields, of 64 KiB together; see the evidence.",
            "헤더 필드가 합쳐서 64 KiB를 넘습니다. 무엇이 이렇게 긴 필드를 추가하는지 증거에서 확인하십시오.")
        /// The response head has more fields than are read.
        HttpTooManyFields => ("http-too-many-fields", Server, NOTHING,
            "Find what adds header fields, more than 100 of them; see the evidence.",
            "헤더 필드가 100개를 넘습니다. 무엇이 추가하는지 증거에서 확인하십시오.")
        /// Where the body ends is contradicted or cannot be known.
        HttpFraming => ("http-framing", Server, NOTHING,
            "Content-Length, Transfer-Encoding or a chunk size is wrong or contradicts another; see the server's and \
             the proxy's settings.",
            "Content-Length, Transfer-Encoding 또는 청크 크기가 잘못되었거나 서로 모순됩니다. 서버와 프록시의 설정을 확인하십시오.")
        /// The body exceeds the limit.
        BodyTooLarge => ("body-too-large", Server, NOTHING,
            "The answer is not what the scenario describes; see the evidence.",
            "응답이 시나리오의 설명과 다릅니다. 증거를 확인하십시오.")
        /// The body's coding is unknown or broken where a value has to be taken from it.
        BodyCoding => ("body-coding", Server, NOTHING,
            "The body is compressed in a way that was not asked for and is not known here (gzip and deflate are), or \
             its compression is broken; see the server's or the proxy's settings.",
            "요청하지 않았고 지원하지 않는 방식으로 본문이 압축되었거나(gzip과 deflate는 지원) 압축이 손상되었습니다. 서버나 프록시의 설정을 확인하십시오.")
        /// The body ended before its stated length.
        BodyTruncated => ("body-truncated", Server, NOTHING,
            "The answer is not what the scenario describes; see the evidence.",
            "응답이 시나리오의 설명과 다릅니다. 증거를 확인하십시오.")
        /// A value is needed and the body is not JSON.
        BodyNotJson => ("body-not-json", Server, NOTHING,
            "The answer is not what the scenario describes; see the evidence, and use match: or after: for HTML and text.",
            "응답이 시나리오의 설명과 다릅니다. 증거를 확인하고, HTML과 텍스트에는 match:나 after:를 사용하십시오.")
        /// A needed value is not in the body; the index is into `Scenario::value_names`.
        ValueMissing(u8, value_name) => ("value-missing:<value>", Server, NOTHING,
            "The answer lacks what the scenario takes from it: compare its take with the evidence.",
            "시나리오가 가져올 값이 응답에 없습니다. take를 증거와 비교하십시오.")
        /// A taken value cannot be used where it is needed: it is empty or too long, or it would break a
        /// request line, a header field or a JSON string.
        ValueUnusable(u8, value_name) => ("value-unusable:<value>", Server, NOTHING,
            "The value is empty or too long, or has characters that would break the request it is put in (a space or # \
             in a URL, a quote in JSON); see the evidence.",
            "값이 비었거나 너무 길거나, 요청을 깨뜨리는 문자(URL의 공백이나 #, JSON의 따옴표)가 들어 있습니다. 증거를 확인하십시오.")
        /// A value that a message carries is longer than is kept.
        ValueTooLong(u8, value_name) => ("value-too-long:<value>", Server, NOTHING,
            "The message's value is longer than 8 KiB, which is kept of one at most; check that the scenario takes the \
             right field.",
            "메시지의 값이 보관 한도인 8 KiB보다 깁니다. 시나리오가 올바른 필드를 가져오는지 확인하십시오.")
        /// An interval that the server gave is no number, or outside 100 ms to 9 h.
        ValueOutOfRange(u8, value_name) => ("value-out-of-range:<value>", Server, NOTHING,
            "The server gave an interval that no session can keep (100 ms to 9 h); see the evidence, and the unit in the \
             scenario's interval.",
            "서버가 세션이 지킬 수 없는 간격을 지정했습니다(100 ms~9 h). 증거와 시나리오 interval의 단위를 확인하십시오.")
        /// The upgrade was answered with this status instead of 101.
        UpgradeRefused(u16, plain) => ("upgrade-refused-<status>", Server, NOTHING,
            "What answers does not upgrade; check the path, the subprotocol, and the proxy's Upgrade headers.",
            "상대가 업그레이드하지 않습니다. 경로, 서브프로토콜, 프록시의 Upgrade 헤더를 확인하십시오.")
        {
            301 | 302 | 303 | 307 | 308 => ("upgrade-refused-<status>", Server, NOTHING,
                "The server redirects: use the URL of Location (in the evidence) in the scenario, or --ws-map to it.",
                "서버가 리다이렉트합니다. 증거에 있는 Location의 URL을 시나리오에 쓰거나 --ws-map으로 지정하십시오."),
            400 => ("upgrade-refused-<status>", Server, NOTHING,
                "The request is refused as a bad one; see the evidence: a port that speaks TLS needs wss://, others another \
                 path, subprotocol or header.",
                "요청이 잘못되었다며 거부되었습니다. 증거를 확인하십시오. TLS 포트에는 wss://가, 그 밖에는 다른 경로, 서브프로토콜 또는 헤더가 필요합니다."),
            404 => ("upgrade-refused-<status>", Server, NOTHING,
                "No WebSocket is at this path of this host and port: check url in [websocket].",
                "이 호스트와 포트의 이 경로에 WebSocket이 없습니다. [websocket]의 url을 확인하십시오."),
            401 | 403 => ("upgrade-refused-<status>", Server, NOTHING,
                "The upgrade was refused; check the ticket, the cookie or Authorization, and the Origin header.",
                "업그레이드가 거부되었습니다. 티켓, 쿠키 또는 Authorization, 그리고 Origin 헤더를 확인하십시오."),
            502..=504 => ("upgrade-refused-<status>", Server, NOTHING,
                "The proxy has no WebSocket server behind it; see its upstream configuration.",
                "프록시 뒤에 WebSocket 서버가 없습니다. 프록시의 upstream 설정을 확인하십시오.")
        }
        /// The 101 lacks the upgrade headers or its accept key does not fit ours.
        UpgradeInvalid => ("upgrade-invalid", Server, NOTHING,
            "What answers does not upgrade; check the proxy's Upgrade headers and the path.",
            "상대가 업그레이드하지 않습니다. 프록시의 Upgrade 헤더와 경로를 확인하십시오.")
        /// The 101 chooses another subprotocol than the one offered, or none.
        SubprotocolRefused => ("subprotocol-refused", Server, NOTHING,
            "The server does not speak the subprotocol that the scenario offers; compare their names.",
            "시나리오가 제안한 서브프로토콜을 서버가 지원하지 않습니다. 이름을 비교하십시오.")
        /// The 101 agrees on permessage-deflate without `server_no_context_takeover`.
        DeflateTakeover => ("deflate-takeover", Server, NOTHING,
            "The server keeps its compression context from message to message, which the request declined: let it \
             agree on server_no_context_takeover, or leave out compression in the scenario.",
            "요청에서 사양한 압축 컨텍스트 유지를 서버가 고집합니다. 서버가 server_no_context_takeover에 동의하게 하거나 시나리오에서 \
             compression을 빼십시오.")
        /// The 101 agrees on an extension, or on parameters of it, that were not offered.
        DeflateInvalid => ("deflate-invalid", Server, NOTHING,
            "The server or a proxy agrees on an extension or a parameter that was not offered, or that is not valid; see \
             Sec-WebSocket-Extensions in the evidence.",
            "서버나 프록시가 제안하지 않았거나 잘못된 확장 또는 매개변수로 응답합니다. 증거의 Sec-WebSocket-Extensions를 확인하십시오.")
        /// The peer broke RFC 6455 or 7692.
        Violation(Violation, plain) => ("violation:<rule>", Server, NOTHING,
            "The server or a proxy breaks RFC 6455; capture one session and read the frame.",
            "서버나 프록시가 RFC 6455를 위반합니다. 세션 하나를 캡처하여 프레임을 확인하십시오.")
        /// The peer does not read: what we have to send piles up.
        SendBacklog => ("send-backlog", Server, NOTHING,
            "The server does not read what it is sent; look at its threads at this instant.",
            "서버가 보낸 데이터를 읽지 않습니다. 해당 시각의 서버 스레드를 확인하십시오.")
        /// A text message is not JSON, or lacks what the scenario must find in it.
        MessageMalformed => ("message-malformed", Server, NOTHING,
            "A message is not the JSON that the scenario describes; see the evidence.",
            "메시지가 시나리오에서 설명한 JSON이 아닙니다. 증거를 확인하십시오.")
        /// A message that should have been the echo of what was sent is another.
        ReplyMismatch => ("reply-mismatch", Server, NOTHING,
            "The reply is not what was sent; see the evidence, and how the server handles it.",
            "응답이 보낸 내용과 다릅니다. 증거와 서버의 처리 방식을 확인하십시오.")
        /// The peer sent a close frame with this code before we did (1005: a close frame without
        /// one).
        Closed(u16, plain) => ("closed-<code>", Server, NOTHING,
            "The server closed the session; see its log at this instant.",
            "서버가 세션을 닫았습니다. 해당 시각의 서버 로그를 확인하십시오.")
        {
            1000 => ("closed-<code>", Server, GIVEN_UP,
                "The server ended the session: idle timeout, end of the challenge, or replaced by a new entry of \
                 the same member.",
                "서버가 세션을 종료했습니다. 유휴 타임아웃, 챌린지 종료, 또는 같은 회원의 재입장에 의한 교체입니다."),
            1001 => ("closed-<code>", Server, GIVEN_UP,
                "The server went away; look for a restart or a deployment.",
                "서버가 내려갔습니다. 재시작이나 배포가 있었는지 확인하십시오."),
            1005 => ("closed-<code>", Server, GIVEN_UP,
                "The server closed the session; see its log at this instant.",
                "서버가 세션을 닫았습니다. 해당 시각의 서버 로그를 확인하십시오."),
            1008 => ("closed-<code>", Server, NOTHING,
                "The server refused the session; see the error message before the close.",
                "서버가 세션을 거부했습니다. 닫기 직전의 오류 메시지를 확인하십시오."),
            1009 => ("closed-<code>", Server, NOTHING,
                "A message was larger than the server accepts.",
                "메시지가 서버의 허용 크기보다 컸습니다."),
            1011 => ("closed-<code>", Server, NOTHING,
                "The server had an internal error; see its log at this instant.",
                "서버에 내부 오류가 있었습니다. 해당 시각의 서버 로그를 확인하십시오.")
        }
        /// The connection ended without a close frame (RFC 6455's 1006).
        Cut => ("closed-1006", Server, GIVEN_UP,
            "The connection ended without a close frame: a crash, a proxy's timeout or a lost network.",
            "Close 프레임 없이 연결이 끝났습니다. 서버 비정상 종료, 프록시 타임아웃 또는 네트워크 단절입니다.")
        /// A reply did not come within its timeout; the session goes on. A counter of its own, by
        /// cycle.
        PingTimeout => ("ping-timeout", Server, WAITED,
            "No reply came in time. If what the sample shows is the reply, correct reply_*; else look at GC pauses and thread pools.",
            "하트비트의 응답이 제때 오지 않았습니다. 대신 무엇이 왔는지 샘플에서 확인하십시오. 그것이 응답이라면 reply_at, reply_equals 또는 \
             reply_starts를 고치고, 아니라면 서버의 GC 일시 정지와 스레드 풀을 확인하십시오.")
        /// A heartbeat fell due while one was outstanding and was not sent. A counter of its own, by
        /// cycle.
        PingMissed => ("ping-missed", Server, WAITED,
            "No reply came within a heartbeat's whole interval. See in the sample what came instead: if it is the reply, correct \
             reply_at, reply_equals or reply_starts; else the server is far behind.",
            "하트비트의 간격이 지나도록 응답이 오지 않았습니다. 대신 무엇이 왔는지 샘플에서 확인하십시오. 그것이 응답이라면 reply_at, reply_equals \
             또는 reply_starts를 고치고, 아니라면 서버 처리가 크게 밀려 있습니다.")
        /// Kinds beyond the number that is told apart. A counter of its own.
        Other => ("other", Server, NOTHING,
            "There were more kinds than are counted apart; something answers at random.",
            "구분해서 셀 수 있는 것보다 오류 종류가 많습니다. 무작위로 응답하는 것이 있습니다.")

        // The scenario.
        /// A step after the upgrade was not over within its timeout; messages came, and none is of a kind
        /// that the scenario knows.
        NoKindMatched => ("no-kind-matched", Scenario, WAITED,
            "Messages came, and the scenario knows none of them: compare the one in the sample with \
             [websocket.messages].",
            "메시지가 왔지만 시나리오에 정의된 종류와 맞는 것이 없습니다. 샘플의 메시지를 [websocket.messages]와 비교하십시오.")
        /// The URL taken from an answer is not a URL.
        UrlInvalid => ("url-invalid", Scenario, NOTHING,
            "The server returned something that is not a URL; see the evidence.",
            "서버가 URL이 아닌 값을 반환했습니다. 증거를 확인하십시오.")
        /// The URL taken from an answer names a user or a password.
        UrlUserinfo => ("url-userinfo", Scenario, NOTHING,
            "The server returned a URL with a user name or a password, which no WebSocket URL has (RFC 6455); see the \
             evidence.",
            "서버가 사용자 이름이나 비밀번호가 든 URL을 반환했습니다. WebSocket URL에는 쓸 수 없습니다(RFC 6455). 증거를 확인하십시오.")
        /// The URL taken from an answer has a fragment.
        UrlFragment => ("url-fragment", Scenario, NOTHING,
            "The server returned a URL with a #, after which nothing is sent; a # that is meant is written %23.",
            "서버가 #이 든 URL을 반환했습니다. # 뒤는 전송되지 않으며, 문자 #은 %23으로 적습니다.")
        /// The URL's host is not the target's and no `--allow-host` names it.
        HostNotAllowed => ("ws-host-not-allowed", Scenario, NOTHING,
            "The server returned a URL of another host; allow it (--allow-host) or rewrite it (--ws-map).",
            "서버가 다른 호스트의 URL을 반환했습니다. 허용하거나(--allow-host) 바꾸십시오(--ws-map).")
        /// A redirect's host, or that of a request's URL, is not the target's and no `--allow-host` names
        /// it.
        HttpHostNotAllowed => ("http-host-not-allowed", Scenario, NOTHING,
            "The server sent the request to another host; allow it (--allow-host).",
            "서버가 요청을 다른 호스트로 보냈습니다. 그 호스트를 허용하십시오(--allow-host).")
        /// More redirects than the step follows.
        TooManyRedirects => ("too-many-redirects", Scenario, NOTHING,
            "The answers lead on and on; see where (Location), and raise the step's follow if that is right.",
            "응답이 계속 다른 곳으로 보냅니다. 어디로 보내는지(Location) 확인하고, 올바르면 단계의 follow를 늘리십시오.")
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
            "No CA that this machine trusts has signed the certificate; name its CA with --ca FILE (the server has to \
             send the certificates of CAs between the two), or on a test server accept any with --insecure.",
            "이 장비가 신뢰하는 CA가 서명한 인증서가 아닙니다. --ca FILE로 CA를 지정하거나(중간 CA 인증서는 서버가 보내야 합니다), 테스트 \
             서버라면 --insecure로 모든 인증서를 허용하십시오.")
        /// The certificate does not cover this host name.
        WrongName => ("tls-wrong-name", Scenario, NOTHING,
            "The certificate does not cover this host name: use one of its names in the URL, and --resolve \
             NAME:PORT:ADDRESS for its address.",
            "인증서에 이 호스트 이름이 없습니다. URL에 인증서의 이름을 쓰고, 주소는 --resolve NAME:PORT:ADDRESS로 지정하십시오.")
        /// The server asks for a client certificate, and there is none to show.
        ClientCertificate => ("tls-client-certificate", Scenario, NOTHING,
            "The server requires a client certificate: give one that it accepts, with --cert FILE --key FILE.",
            "서버가 클라이언트 인증서를 요구합니다. 서버가 허용하는 인증서를 --cert FILE --key FILE로 지정하십시오.")
        /// The server does not accept the client certificate that it was shown.
        ClientRefused => ("tls-client-refused", Scenario, NOTHING,
            "The server does not accept the certificate of --cert: see its log, which CA it trusts for clients, and how \
             long the certificate is valid.",
            "서버가 --cert의 인증서를 허용하지 않습니다. 서버 로그, 서버가 신뢰하는 클라이언트 CA, 인증서의 유효 기간을 확인하십시오.")
        /// The server accepts nothing that `--tls-suites` leaves.
        OfferTooNarrow => ("tls-offer-too-narrow", Scenario, NOTHING,
            "The server accepts nothing that --tls-suites leaves; run without that option, or with another suite.",
            "--tls-suites에 남은 것 중 서버가 허용하는 것이 없습니다. 이 옵션 없이 실행하거나 다른 스위트를 지정하십시오.")

        // The server.
        /// The certificate has expired, or is not valid yet.
        Expired => ("tls-expired", Server, NOTHING,
            "Renew the server's certificate; if it is new, check the clock of this machine.",
            "서버 인증서를 갱신하십시오. 새 인증서라면 이 장비의 시계를 확인하십시오.")
        /// The chain that was sent leads to no CA that is trusted, since a certificate is missing in it.
        ChainIncomplete => ("tls-chain-incomplete", Server, NOTHING,
            "Have the server send the certificates of the CAs between its own and the one that is trusted (nginx: \
             ssl_certificate with the whole chain).",
            "서버가 자신의 인증서와 신뢰된 CA 사이의 CA 인증서를 함께 보내도록 하십시오(nginx: ssl_certificate에 전체 체인).")
        /// The certificate is wrong in another way.
        CertificateInvalid => ("tls-certificate-invalid", Server, NOTHING,
            "The server needs another certificate; openssl s_client -connect HOST:PORT shows this \
             one.",
            "서버에 다른 인증서가 필요합니다. openssl s_client -connect HOST:PORT로 현재 인증서를 볼 수 있습니다.")
        /// The peer speaks neither TLS 1.3 nor 1.2.
        Version => ("tls-version", Server, NOTHING,
            "The server speaks neither TLS 1.3 nor 1.2; update it or its proxy.",
            "서버가 TLS 1.3도 1.2도 지원하지 않습니다. 서버나 프록시를 업데이트하십시오.")
        /// No cipher suite, group or signature scheme in common.
        NoCommonSuite => ("tls-no-common-suite", Server, NOTHING,
            "The server accepts none of the suites, groups and signatures that current clients offer; see its TLS \
             settings.",
            "현재 클라이언트가 제안하는 스위트, 그룹, 서명 중 서버가 허용하는 것이 없습니다. 서버의 TLS 설정을 확인하십시오.")
        /// The server asked for another handshake on the open connection.
        Renegotiation => ("tls-renegotiation", Server, NOTHING,
            "The server renegotiates TLS 1.2, which current clients refuse: have it ask for client certificates in the \
             first handshake, or not at all, or speak TLS 1.3.",
            "서버가 TLS 1.2 재협상을 요구하며, 현재 클라이언트는 이를 거부합니다. 클라이언트 인증서를 첫 핸드셰이크에서 요구하거나 요구하지 않게 하고, 또는 TLS \
             1.3을 쓰게 하십시오.")
        /// The handshake was not over within the step's timeout.
        HandshakeTimeout => ("tls-handshake-timeout", Server, WAITED,
            "The handshake took longer than its step allows; see the server's CPU and accept queue, and whether this \
             port speaks TLS.",
            "핸드셰이크가 단계의 제한 시간을 넘겼습니다. 서버의 CPU와 accept 큐, 그리고 이 포트가 TLS인지 확인하십시오.")
        /// The peer closed in the middle of the handshake. A server gives up on a late hello just
        /// as we do.
        HandshakeClosed => ("tls-handshake-closed", Server, GIVEN_UP,
            "The server closed the connection in the handshake without an alert; see its and its proxy's logs, and \
             whether this port speaks TLS.",
            "핸드셰이크 중에 서버가 alert 없이 연결을 닫았습니다. 서버와 프록시의 로그, 그리고 이 포트가 TLS인지 확인하십시오.")
        /// What answers does not speak TLS, such as plain HTTP.
        NotTls => ("tls-not-tls", Server, NOTHING,
            "What answers does not speak TLS; check the port, or use http:// and ws://.",
            "상대가 TLS를 사용하지 않습니다. 포트를 확인하거나 http://와 ws://를 사용하십시오.")
        /// The peer broke the handshake's rules.
        HandshakeInvalid => ("tls-handshake-invalid", Server, NOTHING,
            "The server breaks the handshake's rules; capture one handshake.",
            "서버가 핸드셰이크 규칙을 위반합니다. 핸드셰이크 하나를 캡처하십시오.")
        /// A fatal alert from the peer.
        Alert(PeerAlert, plain) => ("tls-alert:<name>", Server, NOTHING,
            "The server refused with this alert; its error log says why.",
            "서버가 이 alert로 거부했습니다. 이유는 서버 오류 로그에 있습니다.")
        {
            PeerAlert(112) => ("tls-alert:unrecognized-name", Scenario, NOTHING,
                "The server knows no host of this name; check the URL's host, and --resolve for its address.",
                "서버에 이 이름의 호스트가 없습니다. URL의 호스트를 확인하고, 주소는 --resolve로 지정하십시오.")
        }
        /// A record of the peer's that breaks RFC 8446.
        Record(RecordFault, plain) => ("tls-record:<fault>", Server, NOTHING,
            "The server or a proxy breaks TLS; capture one session, with --tls-key-log to read it.",
            "서버나 프록시가 TLS를 위반합니다. --tls-key-log를 켜고 세션 하나를 캡처하십시오.")

        // The network.
        /// The connection was reset in the middle of the handshake.
        HandshakeReset => ("tls-handshake-reset", Network, NOTHING,
            "The connection was reset in the handshake; look for full backlogs, and for proxies and firewalls on the \
             way.",
            "핸드셰이크 중에 연결이 리셋되었습니다. 가득 찬 백로그와 경로상의 프록시, 방화벽을 확인하십시오.")

        // Ourselves.
        /// The secrets of the connection could not be extracted, which is a defect of startline.
        Extraction => ("tls-extraction", Machine, NOTHING,
            "A defect of startline: please report it; --tls-keep-rustls avoids it.",
            "startline의 결함입니다. 보고해 주십시오. --tls-keep-rustls로 피할 수 있습니다.")
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
