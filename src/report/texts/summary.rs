//! The texts of the printed summary.
//!
//! Knows no figures. Names of files, options, kinds and steps are the same in every language.

use crate::lang::texts;

texts! {
    /// Titles and heads.
    pub enum Title {
        Pass => "PASS", "합격";
        Fail => "FAIL", "불합격";
        Inconclusive => "INCONCLUSIVE", "판정 불가";

        Sessions => "Sessions", "세션";
        Arrivals => "Arrivals", "도착";
        Reconnects => "Reconnects", "재연결";
        Heartbeat => "Heartbeat", "하트비트";
        Periodic => "Periodic", "주기 메시지";
        Broadcasts => "Broadcasts", "브로드캐스트";
        Departures => "Departures", "퇴장 알림";
        Updates => "Updates", "갱신 알림";
        Propagation => "Propagation", "전파 시간";
        Messages => "Messages", "메시지";
        Servers => "Servers", "서버";
        Http => "HTTP", "HTTP";
        Tls => "TLS", "TLS";
        Closes => "Closes", "종료";
        Errors => "Errors", "오류";
        Generator => "Generator", "부하 발생기";
        Results => "Results", "결과";

        Criterion => "criterion", "기준";
        Measured => "measured", "측정값";
        Limit => "limit", "한도";
        Outcome => "outcome", "결과";
        StepHeld => "held", "유지";
        StepFailed => "failed", "실패";
        StepUnclear => "not judged", "판정 불가";
        Stage => "stage", "단계 부하";
        Level => "sessions", "세션";
        HeldAtLeast => "held", "유지";
        OpenedInStage => "opened", "열림";
        ErrorShare => "errors", "오류율";
        Latency => "latency (ms)", "지연 시간(ms)";
        Count => "count", "횟수";
        Failed => "errors", "오류";
        Mean => "mean", "평균";
        P50 => "p50", "p50";
        P95 => "p95", "p95";
        P99 => "p99", "p99";
        Max => "max", "최대";
        AtServers => "at the servers", "서버 측";
        Requests => "req/s", "요청/s";
        ServersMean => "mean (ms)", "평균(ms)";
        OwnMean => "here (ms)", "여기서(ms)";
        Difference => "between", "차이";
        TicketAge => "ticket age", "티켓 나이";
    }
}

texts! {
    /// Lines and parts of lines.
    pub enum Summary {
        MoreReasons => "… and {0} more {0|reason|reasons}.", "… 외 이유 {0}개.";
        Insecure => "INSECURE: certificates were not checked (--insecure), so any server may have answered.",
            "안전하지 않음: 인증서를 검사하지 않았습니다(--insecure). 어떤 서버든 응답했을 수 있습니다.";
        Unconfirmed => "Nothing in the scenario shows that the servers accepted a session: open means that the upgrade succeeded.",
            "시나리오에 서버가 세션을 받아들였음을 보여 주는 것이 없습니다. 열림은 업그레이드가 성공했다는 뜻입니다.";
        WarnDownTo => "{0} (warn down to {1})", "{0} (경고 {1}까지)";
        WarnUpTo => "{0} (warn up to {1})", "{0} (경고 {1}까지)";
        ServersNotMeasured => "{0} {0|criterion|criteria} of the servers not measured: {1}", "서버 쪽 기준 {0}개 측정 안 됨: {1}";
        NotMeasured => "{0}  not measured: {1}", "{0}  측정 안 됨: {1}";
        SentLate => "This machine sent late: {0} p99 is {1} ms from scheduled time, {2} ms from actual send.",
            "이 장비가 늦게 보냈습니다: {0} p99는 예정 시각 기준 {1} ms, 실제 전송 기준 {2} ms입니다.";

        UnjudgedWith => "what its sessions are told of the members of {0}, in the same challenge, is not judged",
            "같은 챌린지에 있는 {0} 회원에 대한 알림은 판정하지 않습니다";
        Part => "{0}: {1} {1|session|sessions} (weight {2}), scenario {3}", "{0}: 세션 {1}개(가중치 {2}), 시나리오 {3}";

        Started => "{0} of {1} started", "{1}개 중 {0}개 시작";
        Completed => "{0} completed", "{0}개 완료";
        Opened => "{0} opened, {1} at peak", "{0}개 열림, 최대 동시 {1}개";
        Throughout => "{0}; at least {1} throughout {2}, {3} at the end",
            "{0}; {2} 내내 {1}개 이상, 끝에 {3}개";
        PerSecond => "{0} a second", "초당 {0}개";
        PerSecondPlanned => "{0} a second of {1} planned", "초당 {0}개(계획 {1}개)";

        Heartbeats => "{0}: {1} due, {2} answered, {3} late, {4} unanswered, {5} missed, {6} pending at the end",
            "{0}: 예정 {1}, 응답 {2}, 늦음 {3}, 무응답 {4}, 누락 {5}, 종료 시 대기 {6}";
        SentOnly => "{0}: {1} due, {2} sent, {3} missed",
            "{0}: 예정 {1}, 전송 {2}, 누락 {3}";
        MissedWait => "the missed ones waited for the reply, p99 {0} ms, at most {1} ms",
            "누락된 메시지가 응답을 기다린 시간: p99 {0} ms, 최대 {1} ms";

        Pairs => "{0} {0|observer|observers}, {1} {1|member|members} expected: {2} missing, {3} duplicate, {4} both listed and announced",
            "관찰 세션 {0}개, 알려야 할 회원 {1}건: 누락 {2}, 중복 {3}, 목록과 알림 모두 {4}";
        PartJudged => "{0} of {1} {1|session|sessions} judged their broadcasts; {2} judges every pair",
            "세션 {1}개 중 {0}개만 알림을 판정했습니다. {2} 옵션은 모든 쌍을 판정합니다";
        Strangers => "{0} about members of no session here, {1} about the observer itself",
            "이 테스트에 없는 회원 {0}건, 관찰자 자신 {1}건";
        Gone => "{0} {0|member|members} announced as gone while {0|its|their} session was open",
            "세션이 열려 있는데 퇴장으로 통보된 회원 {0}명";
        SuchAs => "{0}, such as {1}", "{0}, 예: {1}";

        Delays => "{0}: {1} {1|receipt|receipts}, p50 {2} ms, p99 {3}, max {4}", "{0}: 수신 {1}건, p50 {2} ms, p99 {3}, 최대 {4}";
        DelaysAfter => "{0}, as sessions ended: {1} {1|receipt|receipts}, p50 {2} ms, p99 {3}, max {4}",
            "{0}, 세션을 끝내는 동안: 수신 {1}건, p50 {2} ms, p99 {3}, 최대 {4}";
        Receivers => "{0}; first receiver p50 {1}, p99 {2}; last receiver p50 {3}, p99 {4}",
            "{0}; 첫 수신자 p50 {1}, p99 {2}; 마지막 수신자 p50 {3}, p99 {4}";
        SlowestServers => "slowest from {0} to {1}: p99 {2} ms; fastest pair of servers: p99 {3} ms",
            "가장 느린 경로 {0} → {1}: p99 {2} ms; 가장 빠른 서버 쌍: p99 {3} ms";
        NotTimed => "not timed: {0} while this machine stalled, {1} from before the member acted, {2} that match no recent act",
            "재지 않음: 이 장비가 멈춘 시간 {0}건, 회원의 동작 전 {1}건, 마지막 동작의 것이 아님 {2}건";

        Joined => "warning: {0} {0|message|messages} had more than one JSON text in them: only the first of each was read",
            "경고: 메시지 {0}개에 JSON 텍스트가 둘 이상 있어 각각 첫째만 읽었습니다";
        Compressed => "{0} of them compressed (permessage-deflate): {1} as received, {2} inflated",
            "그중 {0}개는 압축됨(permessage-deflate): 수신 {1}, 압축 해제 {2}";
        CompressionDeclined => "warning: no server agreed on the compression that the scenario offers",
            "경고: 시나리오가 제안한 압축에 동의한 서버가 없습니다";
        CompressionPartly => "warning: only {0} of {1} open {1|session|sessions} agreed on compression",
            "경고: 열린 세션 {1}개 중 {0}개에서만 압축에 동의했습니다";
        Answers => "answered at once: {0}", "즉시 응답: {0}";
        Age => "{0}: age p50 {1}, p95 {2}, max {3}; least by server {4}",
            "{0}: 전달 시간 p50 {1}, p95 {2}, 최대 {3}; 서버별 최소 {4}";
        AgeNegative => "warning: {0} of {1} {1|message|messages} {2} {0|was|were} sent later than {0|it|they} came: the clocks differ",
            "경고: {2} 메시지 {1}개 중 {0}개의 전송 시각이 도착보다 늦습니다: 시계가 서로 다릅니다";
        NoneCame => "warning: no message {0} came, though the scenario measures its age or number",
            "경고: 전달 시간이나 번호를 측정할 {0} 메시지가 하나도 오지 않았습니다";
        AgeUnread => "warning: {0} {0|message|messages} {1} {0|has|have} no instant at sent_at that can be read (see sent_unit)",
            "경고: {1} 메시지 {0}개의 sent_at에서 시각을 읽을 수 없습니다(sent_unit 참고)";
        SequenceUnread => "warning: {0} {0|message|messages} {1} {0|has|have} no number at sequence that can be read",
            "경고: {1} 메시지 {0}개의 sequence에서 번호를 읽을 수 없습니다";
        Sequence => "{0}: {1} missing, {2} duplicate", "{0}: 누락 {1}, 중복 {2}";
        FirstOther => "first other: member {0} at {1}: {2}", "첫 번째 기타 메시지: 회원 {0}, {1}: {2}";

        ServerOpened => "{0}  {1} of {2} {2|session|sessions} opened ({3} of all)", "{0}  세션 {2}개 중 {1}개 열림(전체의 {3})";
        Misrouted => "{0}, {1} of them misrouted", "{0}, 그중 {1}개는 잘못된 서버로 배정";
        ServerFailed => "{0} failed in {1}: {2}, from {3} s to {4} s", "{1}에서 {0}개 실패: {2}, {3}초부터 {4}초까지";
        ServerAllFailed => "all {0} failed in {1}: {2}, from {3} s to {4} s",
            "{1}에서 {0}개 모두 실패: {2}, {3}초부터 {4}초까지";
        More => "… and {0} more", "… 외 {0}개";

        Shared => "{0} {0|request|requests} on {1} shared {1|connection|connections} (at most {2} a worker), {3} of them on a reused one",
            "공유 연결 {1}개(워커당 최대 {2}개)로 요청 {0}건, 그중 {3}건은 재사용한 연결";
        Waited => "{0} {0|session|sessions} waited for one, p99 {1} ms, at most {2} ms (--http-connections)",
            "세션 {0}개가 공유 연결을 기다림, p99 {1} ms, 최대 {2} ms(--http-connections)";

        Closed => "{0} answered by a close frame, {1} cut without one, {2} not answered in time",
            "Close 프레임으로 응답 {0}, 프레임 없이 끊김 {1}, 제때 응답 없음 {2}";

        Handshakes => "{0} {0|handshake|handshakes}: {1} full, {2} resumed", "핸드셰이크 {0}회: 전체 {1}, 재개 {2}";
        KeyUpdates => "{0} key {0|update|updates} by servers", "서버의 키 갱신 {0}회";

        ErrorRate => "{0} of {1} {1|attempt|attempts} ({2})", "시도 {1}건 중 {0}건({2})";
        MoreKinds => "… and {0} more {0|kind|kinds}, in summary.json", "… 외 {0}종, summary.json 참조";
        Burned => "member-burned: {0} entered and reached no WebSocket server; locked out until the challenge is over",
            "member-burned: 회원 {0}명이 입장했으나 WebSocket 서버에 도달하지 못함; 챌린지가 끝날 때까지 다시 입장 불가";
        ErrorMessages => "{0} error {0|message|messages} left their session open; failures.jsonl has samples",
            "오류 메시지 {0}건은 세션을 닫지 않음; 샘플은 failures.jsonl 참조";
        Reconnected => "warning: {0} {0|request was|requests were} sent again: the kept-alive connection had been closed before any answer",
            "경고: 요청 {0}건을 다시 보냈습니다: 유지 중이던 연결이 응답 전에 닫혔습니다";
        OneSession => "one session with all that it sends and receives:", "세션 하나가 주고받는 모든 내용 보기:";
        Error => "{0} ({1})", "{0} ({1})";
        ErrorInStep => "{0} in {1} ({2})", "{0}, {1} 단계 ({2})";
        FirstKept => "{0}, first kept: member {1} at {2}", "{0}, 첫 샘플: 회원 {1}, {2}";

        Workers => "{0} {0|worker|workers}", "워커 {0}개";
        Lag => "lag p99 {0} ms", "지연(lag) p99 {0} ms";
        Cpu => "CPU {0} s, memory {1}", "CPU {0}초, 메모리 {1}";
        EachSession => "≈ {0} a session", "세션당 ≈ {0}";
        Paused => "paused for {0} s from {1} s on ({2}): what was planned for later came later by as much",
            "{1}초부터 {0}초 동안 일시 정지({2}): 이후 계획은 그만큼 늦춰짐";
        PausedByKey => "key p", "p 키";
        PausedBySignal => "SIGUSR1", "SIGUSR1";
        MorePauses => "… and {0} more {0|pause|pauses}", "… 외 일시 정지 {0}번";
        StalledOnce => "this machine stalled once, for {0} s from {1} s on", "이 장비가 {1}초부터 {0}초 동안 한 번 멈춤";
        Stalled => "this machine stalled {0} times, {1} s in all, longest {2} s from {3} s on",
            "이 장비가 {0}번 멈춤, 합계 {1}초, 가장 길게는 {3}초부터 {2}초 동안";
        Sources => "{0} {0|connection|connections} from {1} source {1|address|addresses}, {2} to {3} each",
            "출발지 주소 {1}개에서 연결 {0}개, 주소당 {2}~{3}개";
        Unanswered => "nothing answered {0}", "응답이 없었던 연결: {0}";
        CountFrom => "{0} from {1}", "{1}에서 {0}개";
        AndFromMore => "{0} and from {1} more", "{0} 외 주소 {1}개";
        DeadAddress => "warning: none of {0} {0|connection|connections} to {1} came up, of {2} {2|address|addresses}",
            "경고: {1}(주소 {2}개 중 하나)로의 연결 {0}개가 모두 맺어지지 않았습니다";
    }
}
