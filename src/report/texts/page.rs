//! The texts of report.html.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// Titles, columns and sentences of the page.
    pub enum Words {
        // The head.
        Contents => "Contents", "목차";
        Unfinished => "The run had not ended when this page was written: it was killed, or is still going on.",
            "이 페이지를 쓸 때 테스트가 끝나지 않았습니다. 강제 종료되었거나 아직 진행 중입니다.";
        UnfinishedUntil => "The page covers the first {0}.", "처음 {0}까지의 내용입니다.";
        Unconfirmed => "Nothing in the scenario shows that the servers accepted a session: open means that the upgrade succeeded.",
            "시나리오에 서버가 세션을 받아들였음을 보여 주는 것이 없습니다. 열림은 업그레이드가 성공했다는 뜻입니다.";
        Insecure => "Certificates were not checked (--insecure), so any server may have answered.",
            "인증서를 검사하지 않아(--insecure) 어떤 서버가 응답했는지 확인할 수 없습니다.";
        Scenario => "Scenario", "시나리오";
        MockServer => "built-in mock server", "내장 모의 서버";
        Why => "Why", "판정 이유";
        MoreInSummary => "{0} more in summary.json", "summary.json에 {0}개 더 있음";
        FirstError => "First error:", "첫 오류:";
        AfterStart => "{0} after the start", "시작 후 {0}";
        OpenThen => "Sessions open then", "당시 열린 세션";
        OfThisKind => "Failures of this kind", "같은 종류의 실패";
        OpenThroughout => "Open throughout the hold", "유지 구간 내내 열린 세션";
        OpenAtPeak => "Sessions open at peak", "최대 동시 세션";
        Completed => "Sessions completed", "완료된 세션";
        OfPlanned => "of {0} planned", "계획 {0}";
        ArrivalsPerS => "Arrivals a second", "초당 도착";
        ErrorRate => "Error rate", "오류율";
        OfAttempts => "{0} of {1} {1|attempt|attempts}", "시도 {1}건 중 {0}건";
        SlowestStep => "Slowest step, p95", "가장 느린 단계의 p95";
        MessagesReceived => "Messages received", "받은 메시지";
        GeneratorLag => "Generator's lag, p99", "부하 발생기 지연(lag) p99";
        LagLimit => "limit {0} ms", "한도 {0} ms";

        // Words of many tables.
        Step => "Step", "단계";
        Blame => "Who must act", "조치 주체";
        Server => "Server", "서버";
        Member => "Member", "회원";
        Kind => "Kind", "종류";
        Count => "Count", "횟수";
        Share => "Share", "비율";
        At => "Time (UTC)", "시각(UTC)";
        From => "After the start", "시작 후";
        Address => "Address", "주소";
        Connections => "Connections", "연결";

        // The parts of a mix.
        Parts => "Parts", "구성";
        PartsLead => "The run played several scenarios side by side. Everything else on this page is of all of them together; each part has a page of its own.",
            "여러 시나리오를 나란히 실행했습니다. 이 페이지의 나머지 내용은 전체를 합한 것이며, 구성마다 페이지가 따로 있습니다.";
        PartsCaption => "What became of each part's sessions, and whether they learned of each other",
            "구성별 세션의 결과와 서로에 대한 알림";
        PartOfMix => "Part", "구성";
        PartFailed => "Failed", "실패";
        PartWeight => "Weight", "가중치";
        PairsExpected => "Announcements expected", "기대한 알림";
        PairsMissing => "Missing", "누락";

        // Criteria and steps.
        Criteria => "Criteria", "판정 기준";
        CriteriaCaption => "What the run was judged by", "이 테스트를 판정한 기준";
        Criterion => "Criterion", "기준";
        Outcome => "Outcome", "결과";
        Measured => "Measured", "측정값";
        Limit => "Limit", "한도";
        WarnUpTo => "Warning limit", "경고 허용";
        Explanation => "Explanation", "설명";
        Met => "met", "충족";
        Warning => "warning", "경고";
        Failed => "failed", "실패";
        InDoubt => "failed, in doubt", "실패(불확실)";
        NotMeasured => "not measured", "측정 안 됨";
        FindMax => "The maximum that holds", "유지되는 최대 세션";
        FindMaxLead => "The load rose by {0} {0|session|sessions} a step until a criterion failed. Each step is judged by itself: by those who arrived in it, and by how its level was held. Lines across are limits, the upright line is the most that held.",
            "기준이 실패할 때까지 한 단계에 세션 {0}개씩 부하를 올렸습니다. 각 단계는 그 단계에 도착한 세션과 그 수준의 유지로만 판정합니다. 가로선은 한도, 세로선은 유지된 최대 세션입니다.";
        FindMaxCaption => "Steps in their order; times from the start of the run", "진행 순서, 시각은 테스트 시작부터";
        FailedFirst => "What failed first", "먼저 실패한 기준";
        StepHeld => "held", "유지";
        StepUnclear => "not judged", "판정 불가";
        Stages => "Stages", "단계 부하";
        StagesLead => "Each stage moves the number of open sessions to a level, or holds it. Held is the least number at one instant of it, those included that were being set up.",
            "각 단계 부하는 열린 세션 수를 어떤 수준까지 옮기거나 그 수준을 유지합니다. 유지는 그 구간에서 가장 적었던 세션 수이며, 설정 중인 세션도 포함합니다.";
        StagesCaption => "Times from the start of the run; latencies in milliseconds", "시각은 테스트 시작부터, 지연 시간은 밀리초";
        Stage => "Stage", "단계 부하";
        StageFrom => "From (s)", "시작(초)";
        StageTook => "Took (s)", "걸린 시간(초)";
        Level => "Sessions", "세션";
        HeldAtLeast => "Held", "유지";
        StartedInStage => "Started", "시작";
        OpenedInStage => "Opened", "열림";
        Steps => "Steps", "단계별 결과";
        StepsLead => "Latencies are in milliseconds and of successes. They run from the scheduled time, so a late \
            load generator counts against them; the last columns run from the actual send.",
            "지연 시간은 성공한 요청만 집계하며 단위는 밀리초입니다. 예정 시각부터 재므로 부하 발생기가 늦으면 그만큼 \
            길어집니다. 마지막 열은 실제 전송 시각부터 잰 값입니다.";
        StepsCaption => "Columns from count to throughput are those of JMeter's aggregate report; count leaves out errors",
            "횟수부터 처리량까지는 JMeter 집계 보고서의 열이며, 횟수에 오류는 포함되지 않음";
        Average => "Average", "평균";
        Min => "Min", "최소";
        Max => "Max", "최대";
        ErrorShare => "Error\u{a0}%", "오류 %";
        Throughput => "Throughput /s", "처리량 /s";
        OfTheServers => "{0} of the servers", "서버 쪽 {0}개";
        TicketAge => "Age of the ticket at the upgrade", "업그레이드 시점의 티켓 나이";
        SentP95 => "Sent p95", "전송 기준 p95";
        SentP99 => "Sent p99", "전송 기준 p99";
        Errors => "Errors", "오류";

        // Timelines.
        Timelines => "Timelines", "시간별 추이";
        NoTimeline => "The run has no second yet: nothing is drawn.", "아직 기록된 시간이 없어 그릴 것이 없습니다.";
        NeedsScript => "Charts need JavaScript. All tables are complete without it.",
            "차트에는 JavaScript가 필요합니다. 표는 JavaScript 없이도 모두 볼 수 있습니다.";
        PhaseBegins => "a phase begins", "단계 시작";
        Paused => "paused", "일시 정지";
        PausedMark => "arrivals were paused, until they went on", "도착을 일시 정지한 구간의 처음과 끝";
        Stalled => "this machine stalled", "이 장비가 멈춘 구간";
        FirstErrorMark => "first error", "첫 오류";
        HowToUse => "Drag to zoom, double-click to reset. Arrow keys move the cursor of a focused chart.",
            "끌어서 확대하고 두 번 눌러 되돌립니다. 차트를 선택하면 화살표 키로 커서를 옮길 수 있습니다.";
        LocalTime => "This browser's time zone", "브라우저 시간대로 보기";
        ResetZoom => "Reset zoom", "확대 되돌리기";
        LogScale => "Log scale", "로그 눈금";
        NothingToDraw => "Nothing of this occurred.", "해당 사항이 없습니다.";
        MoreSteps => "{0} more {0|step is|steps are} in timeline.csv.", "나머지 {0}개 단계는 timeline.csv에 있습니다.";
        Sessions => "Sessions", "세션";
        SessionsNote => "count", "개수";
        OpenSessions => "open", "열림";
        FailedTotal => "failed", "실패";
        StartedTotal => "started", "시작";
        PlannedTotal => "planned", "계획";
        Arrivals => "Arrivals", "도착";
        PerSecond => "per second", "초당";
        ErrorsByKind => "Errors by kind", "종류별 오류";
        OtherKindsSeries => "{0} other {0|kind|kinds}", "그 외 {0}종";
        MessagesByKind => "Messages received by kind", "종류별 받은 메시지";
        Bytes => "Network", "네트워크";
        Received => "received", "수신";
        SentBytes => "sent", "송신";
        LatencyOf => "Latency:", "지연 시간:";
        LatencyNote => "ms, from scheduled time", "ms, 예정 시각 기준";
        LagChart => "Load generator's lag", "부하 발생기 지연(lag)";
        LagNote => "ms behind schedule, p99", "ms, 예정보다 늦은 시간";
        CpuChart => "Load generator's CPU", "부하 발생기 CPU";
        CpuNote => "cores in use", "사용 중인 코어";
        CpuCores => "cores", "코어";
        MemoryChart => "Load generator's memory", "부하 발생기 메모리";
        MemoryNote => "resident bytes", "상주 메모리";
        Resident => "resident", "상주";
        PhaseRamp => "ramp", "증가";
        PhaseSettle => "settle", "안정화";
        PhaseHold => "hold", "유지";
        PhaseRampDown => "ramp-down", "감소";
        Keys => "arrow keys move the cursor, Escape resets the zoom", "화살표 키로 커서 이동, Esc로 확대 되돌리기";

        // Distributions.
        Distributions => "Latency distributions", "지연 시간 분포";
        DistributionsLead => "How many values lay in each range, in per cent of all. The axis of milliseconds is logarithmic. \
            Where the two lines differ, this machine sent late.",
            "각 구간에 속한 값의 비율(%)입니다. 가로축은 밀리초이며 로그 눈금입니다. 두 선이 다른 곳은 이 장비가 늦게 \
            보낸 경우입니다.";
        ValuesCounted => "{0} values", "값 {0}개";
        FromScheduled => "from scheduled time", "예정 시각 기준";
        FromSent => "from actual send", "실제 전송 기준";
        AtOrBelow => "at or below", "이하";

        // Failures.
        Failures => "Failures", "실패";
        FailuresLead => "{0} of {1} {1|attempt|attempts} failed ({2}): sessions started and heartbeats due ({3}).",
            "시도 {1}건 중 {0}건 실패({2}). 시도는 시작한 세션과 보낼 차례가 된 하트비트({3})의 합입니다.";
        FailuresOfSessions => "{0} of {1} {1|session|sessions} started failed ({2}).", "시작한 세션 {1}개 중 {0}개 실패({2}).";
        NoFailures => "Nothing failed.", "실패가 없습니다.";
        ByServer => "By server", "서버별";
        FirstAt => "First (UTC)", "처음(UTC)";
        LastAt => "Last (UTC)", "마지막(UTC)";
        Samples => "Samples", "샘플";
        SamplesShown => "{0} {0|sample|samples}", "샘플 {0}개";
        Evidence => "Evidence", "증거";
        OtherKinds => "Other kinds", "그 외 종류";
        WhatToDo => "What to do", "조치";
        MemberBurned => "{0} {0|member|members} entered and reached no WebSocket server; {0|it is|they are} locked out until the challenge is over.",
            "회원 {0}명은 입장한 뒤 WebSocket 서버에 연결하지 못했으며, 챌린지가 끝날 때까지 다시 들어갈 수 없습니다.";
        ErrorMessages => "{0} error {0|message|messages} left their session open; failures.jsonl has samples.",
            "세션을 닫지 않은 오류 메시지 {0}건. 샘플은 failures.jsonl에 있습니다.";
        Reconnected => "{0} {0|request was|requests were} sent again: the kept-alive connection had been closed before any answer.",
            "유지하던 연결이 응답 전에 닫혀 다시 보낸 요청 {0}건.";

        // Accounts.
        Accounts => "Accounts", "집계";
        Heartbeat => "Heartbeat", "하트비트";
        Periodic => "Periodic message", "주기 메시지";
        Due => "due", "예정";
        Sent => "sent", "보냄";
        Missed => "missed", "누락";
        Answered => "answered", "응답";
        Late => "late", "늦음";
        Unanswered => "unanswered", "무응답";
        Pending => "pending", "대기";
        Closes => "adds up", "합계 일치";
        StillOpen => "still open", "진행 중";
        DoesNotClose => "does not add up", "합계 불일치";
        MissedWaited => "Missed ones waited for the outstanding reply: p99 {0} ms, at most {1} ms.",
            "누락된 것은 앞선 응답을 기다렸습니다. p99 {0} ms, 최대 {1} ms.";
        CyclesStalled => "{0} of those missed, late or unanswered had a stall of this machine in their time.",
            "누락, 늦음, 무응답 중 {0}건은 이 장비가 멈춘 시간과 겹칩니다.";
        UnaskedPongs => "{0} replies answered nothing that was sent.", "보낸 것과 짝이 없는 응답 {0}건.";
        Broadcasts => "Broadcasts", "브로드캐스트";
        LedgerLead => "Each observer must learn of each other member at least once, from the list or from an announcement.",
            "각 관찰 세션은 목록이나 알림으로 다른 회원을 한 번 이상 알게 되어야 합니다.";
        Expected => "expected", "알려야 할 것";
        Seen => "seen", "확인";
        Missing => "missing", "누락";
        Observers => "Observers", "관찰 세션";
        Duplicate => "Duplicate announcements", "중복 알림";
        Overlap => "Listed and announced (harmless)", "목록과 알림 모두(무해)";
        Strangers => "About members of no session here", "이 테스트에 없는 회원에 관한 것";
        AboutItself => "About the observer itself", "관찰자 자신에 관한 것";
        GoneWhileOpen => "Announced as gone while open", "열려 있는데 퇴장으로 알림";
        MissingPair => "observer {0}, member {1}", "관찰 회원 {0}, 누락 회원 {1}";
        MissingSuchAs => "Missing, for example: {0}.", "누락 예: {0}.";
        GoneSuchAs => "Announced as gone, for example: {0}.", "퇴장으로 알린 예: {0}.";
        Messages => "Messages", "메시지";
        MessagesCaption => "{0} {0|message|messages} with {1} of payload; {2} read from sockets and {3} written",
            "메시지 {0}개, 내용 {1}; 소켓에서 {2} 읽고 {3} 씀";
        AgesCaption => "From the instant that a message names to its arrival. Two clocks are in it: where the smallest age is far from zero, they differ.",
            "메시지에 적힌 시각부터 도착까지. 두 시계가 관여하므로 최솟값이 0에서 멀면 시계가 서로 다릅니다.";
        Negative => "negative", "음수";
        LeastByServer => "smallest by server", "서버별 최솟값";
        AnswersOf => "{0}: {1} answered at once.", "{0}: {1}건에 즉시 응답.";
        SequenceOf => "{0}: {1} numbers missing, {2} duplicate.", "{0}: 번호 누락 {1}, 중복 {2}.";
        Joined => "{0} {0|message|messages} had more than one JSON text in them: only the first of each was read.",
            "메시지 {0}개에 JSON 텍스트가 둘 이상 있어 첫 번째만 읽었습니다.";
        FirstOther => "First message that the scenario does not list: member {0} at {1},",
            "시나리오에 없는 첫 메시지: 회원 {0}, {1},";

        // Propagation.
        Propagation => "Propagation", "전파 시간";
        PropagationLead => "From the instant at which a session acts to that at which another one receives the announcement, both on this machine's clock. An entry counts from its upgrade (or the step that the scenario names), a departure from its close frame, anything else from its message.",
            "한 세션이 동작한 순간부터 다른 세션이 그 알림을 받은 순간까지, 둘 다 이 장비의 시계로 잰 시간입니다. 입장은 업그레이드 요청(또는 시나리오가 정한 단계), 퇴장은 Close 프레임, 나머지는 해당 메시지를 보낸 때부터 잽니다.";
        PropagationCaption => "Time to each receiver, to the first one and to the last one of each act",
            "각 수신자, 그리고 동작마다 첫 수신자와 마지막 수신자까지의 시간";
        PropagationAfter => "The same of what came while sessions ended: reported, not judged",
            "세션을 끝내는 동안 받은 것: 보고만 하며 판정하지 않음";
        PropagationServers => "Time to each receiver, by the server of the acting session and the receiver's",
            "동작한 세션의 서버와 수신자의 서버별 전파 시간";
        Announced => "Announced", "알린 것";
        AnnouncedBy => "By", "메시지";
        Receipts => "Receipts", "수신";
        FirstReceiver => "First p50", "첫 수신 p50";
        LastReceiver => "Last p50", "끝 수신 p50";
        FromServer => "From", "보낸 서버";
        ToServer => "To", "받은 서버";
        DelayOf => "Propagation of", "전파 시간:";
        DelayNote => "ms to each receiver", "수신자까지 ms";
        TimedNotStalled => "{0}: {1} {1|announcement|announcements} not timed: this machine stalled in their time.",
            "{0}: 이 장비가 멈춘 시간과 겹쳐 재지 않은 알림 {1}건.";
        TimedNotEarly => "{0}: {1} {1|announcement|announcements} not timed: {1|its member|their members} had not acted yet.",
            "{0}: 회원이 아직 동작하지 않아 재지 않은 알림 {1}건.";
        TimedNotUnmatched => "{0}: {1} {1|announcement|announcements} not timed: {1|it matches|they match} no recent act of a member.",
            "{0}: 마지막 동작의 것이 아니어서 재지 않은 알림 {1}건.";

        // Spread and connections.
        Spread => "Spread", "분산";
        ServersCaption => "Sessions by server", "서버별 세션";
        SessionsSent => "Sent there", "배정";
        Opened => "Opened", "열림";
        FailedSessions => "Failed", "실패";
        FailedCycles => "Failed heartbeats", "실패한 하트비트";
        Misrouted => "Misrouted", "잘못 배정";
        Routing => "Routing:", "라우팅:";
        TargetsCaption => "Connections by address of the target", "대상 주소별 연결";
        Begun => "Begun", "시도";
        CameUp => "Came up", "성공";
        SourcesCaption => "Connections by source address", "출발지 주소별 연결";
        NotAnswered => "Not answered", "응답 없음";
        KernelsChoice => "chosen by the kernel", "커널이 선택";
        ConnectionsTitle => "Connections and closes", "연결과 종료";
        HttpConnections => "HTTP connections", "HTTP 연결";
        HttpRequests => "HTTP requests", "HTTP 요청";
        HttpReused => "… on a reused connection", "… 재사용한 연결로";
        HttpShared => "Shared connections a worker, at most", "워커당 공유 연결 최대";
        HttpWaited => "Sessions that waited for one", "공유 연결을 기다린 세션";
        HttpWait => "Their wait, p99 / longest", "대기 시간 p99 / 최대";
        TlsFull => "Full TLS handshakes", "전체 TLS 핸드셰이크";
        TlsResumed => "Resumed TLS handshakes", "재개한 TLS 핸드셰이크";
        TlsVersions => "TLS versions", "TLS 버전";
        TlsSuites => "Cipher suites", "암호 스위트";
        TlsGroups => "Key exchange", "키 교환";
        TlsKeyUpdates => "Key updates by servers", "서버의 키 갱신";
        Closed => "Sessions closed", "닫은 세션";
        ClosedClean => "… answered by a close frame", "… Close 프레임으로 응답";
        ClosedCut => "… cut without one", "… 프레임 없이 끊김";
        ClosedTimedOut => "… not answered in time", "… 제때 응답 없음";
        RampDownMessages => "Messages while sessions left", "종료 중 받은 메시지";
        RampDownTook => "Ramp-down took", "종료에 걸린 시간";

        // This machine.
        ThisMachine => "This machine", "이 장비";
        Processor => "Processor", "프로세서";
        Cores => "Cores", "코어";
        Memory => "Memory", "메모리";
        Kernel => "Kernel", "커널";
        Workers => "Workers", "워커";
        LagP99 => "Lag, p99", "지연(lag) p99";
        LagMax => "Lag, longest", "지연(lag) 최대";
        LagLimitPair => "Lag, limit", "지연(lag) 한도";
        TurnP99 => "Turn of a worker's loop, p99", "워커 루프 한 바퀴 p99";
        CpuSeconds => "CPU time", "CPU 시간";
        MemoryInHold => "Resident memory in the hold", "유지 구간의 상주 메모리";
        MemoryAtStart => "Resident memory before the first session", "첫 세션 전 상주 메모리";
        BytesPerSession => "Memory a session", "세션당 메모리";
        PortMethod => "Source ports", "출발지 포트";
        StallsCaption => "Stalls of this machine: {0}, {1} s in all", "이 장비가 멈춘 횟수 {0}회, 합계 {1}초";
        Lasted => "Lasted", "길이";
        WorkersStopped => "Workers stopped", "멈춘 워커";
        NoStalls => "This machine did not stall.", "이 장비는 멈추지 않았습니다.";

        // The plan.
        Plan => "Plan", "계획";
        Repeat => "This command repeats the run:", "다음 명령으로 같은 테스트를 다시 실행합니다.";
        WholePlan => "The whole plan (plan.toml)", "전체 계획(plan.toml)";
        PlanCut => "the rest is in plan.toml", "나머지는 plan.toml에 있음";
        FilesBeside => "Files beside this page", "이 페이지와 같은 폴더의 파일";
        SummaryFile => "every figure of the result", "결과의 모든 수치";
        TimelineFile => "a row a second", "1초에 한 행";
        LatencyFile => "HdrHistogram interval log", "HdrHistogram 구간 로그";
        FailuresFile => "samples of each failure with their evidence", "실패의 샘플과 증거";
        ServersFile => "sessions of each second and server", "1초와 서버마다의 세션";
        WatchFile => "every reading of the servers' side", "서버 측의 모든 측정값";
        PlanFile => "the plan, which repeats the run", "같은 테스트를 다시 실행하는 계획";
        Foot => "Written by startline {0}, schema version {1}. This page loads nothing from a network.",
            "startline {0}, 스키마 버전 {1}. 이 페이지는 네트워크에서 아무것도 불러오지 않습니다.";
    }
}
