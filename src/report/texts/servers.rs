//! The texts of report.html about the servers' side, and the load test guide's checklist.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// Titles, columns and lines.
    pub enum Side {
        // Charts.
        Servers => "Servers' side", "서버 측 지표";
        EventMark => "a server restarted, went down or came back", "서버 재시작·중단·복구";
        Warn => "warn", "경고";
        Fail => "fail", "실패";
        Growth => "counters: what came to them since the first reading", "카운터는 첫 측정 이후 늘어난 양";
        Undrawn => "{0} {0|figure was|figures were} not measured:", "측정되지 않은 지표 {0}개:";
        SeeHow => "how to have them measured", "측정하는 방법";
        Restarted => "restarted", "재시작";
        Down => "down", "중단";
        Up => "up again", "복구";
        OutOfMemory => "out of memory", "메모리 부족";
        SlowCommand => "slow command", "느린 명령";
        SourceEnded => "source ended", "소스 종료";

        // The first error.
        Then => "What the servers' figures did then", "그때의 서버 측 지표";
        NothingThen => "No figure of the servers was beyond a limit within 30 s of it, or changed much.",
            "전후 30초 안에 한도를 넘거나 크게 변한 서버 지표가 없습니다.";
        Figure => "Figure", "지표";
        Before => "The minute before", "직전 1분";
        AtThatTime => "Within 30 s of it", "전후 30초";
        After => "The minute after", "직후 1분";
        ThenNote => "Before and after: means. Within 30 s: the reading that is farthest from before.",
            "직전과 직후는 평균이며, 전후 30초는 직전과 가장 차이가 큰 값입니다.";

        // Requests.
        Requests => "Requests", "요청";
        RequestsLead => "Means in ms, as the servers time their answers and as the step took here, from actual \
            send. The difference is network, proxy and queue; of the first step and of the upgrade, the connection \
            too. Servers count the requests of all clients.",
            "서버가 잰 응답 시간과 여기서 걸린 시간(실제 전송 기준)의 평균(ms)입니다. 차이는 네트워크, 프록시, 대기열이며, 첫 단계와 \
            업그레이드는 연결 시간도 포함합니다. 서버는 모든 클라이언트의 요청을 셉니다.";
        Uri => "Path", "경로";
        PerSecond => "A second", "초당";
        ServersMean => "Servers' mean", "서버 평균";
        OwnMean => "Mean here", "여기서의 평균";
        Difference => "Difference", "차이";

        // The table.
        FiguresRead => "What was read, and how it came out", "측정한 지표와 결과";
        Judged => "Judged by", "판정 방식";
        WarnLimit => "Warn", "경고";
        FailLimit => "Fail", "실패";
        Value => "Value", "값";
        ShownOnly => "shown\u{a0}only", "표시만";
        NotMeasuredTitle => "Not measured", "측정되지 않은 지표";
        NotMeasuredLead => "What was not measured has not passed: it is counted in the verdict.",
            "측정되지 않은 것은 통과한 것이 아니며, 판정에 그 수가 표시됩니다.";
        HowTo => "How to have it measured", "측정하는 방법";
        Reason => "Why not", "이유";
        Events => "Events", "사건";
        EventsCaption => "What happened on the servers' side", "서버 측에서 일어난 일";
        What => "What", "내용";
        Shown => "What showed it", "근거";
        NoEvents => "Nothing happened to the servers that the sources would show.",
            "소스에서 확인된 서버 사건이 없습니다.";

        // The checklist.
        Checklist => "Checklist", "점검표";
        ChecklistLead => "The lines of the load test guide. Marks come from this run's data; what cannot be seen from \
            here is a box to tick by hand.",
            "부하 테스트 가이드의 점검 항목입니다. 표시는 이 테스트의 데이터에서 나온 것이며, 여기서 볼 수 없는 것은 직접 확인하고 \
            칸에 표시하세요.";
        BeforeTest => "Before the test", "테스트 전";
        DuringTest => "During it", "테스트 중";
        AfterTest => "After it", "테스트 후";
        Item => "Line", "항목";
        Mark => "Mark", "표시";
        Found => "What was found", "확인한 내용";
        DecidedBy => "Decided by", "판정 근거";
        ByHand => "by hand", "직접 확인";
        OwnKinds => "failures of these kinds:", "다음 종류의 실패:";
        Readings => "readings of", "측정값:";
        ServersTable => "sessions by server", "서버별 세션";
        HoldFigure => "sessions open throughout the hold", "유지 구간 내내 열린 세션";
        FirstFailure => "the first failure and its evidence", "첫 실패와 증거";
        ThisPage => "this page", "이 페이지";
        NoneOfThem => "none", "없음";
        ReadOf => "{0} of {1} {1|figure|figures} {0|was|were} read", "지표 {1}개 중 {0}개 측정";
        OneServer => "one server: there is nothing to compare", "서버가 하나뿐이라 비교할 수 없음";
        Least => "least {0}, an even share would be {1}", "최소 {0}, 균등하면 {1}";
        Misrouted => "{0} {0|member was|members were} sent to another server than their hash says", "해시와 다른 서버로 간 회원 {0}명";
        Since => "{0}, {1} after the start", "{0}, 시작 후 {1}";

        Members => "The test members are there", "테스트 회원이 있음";
        Ready => "The challenge is READY", "챌린지가 READY 상태";
        Waiting => "Every member has joined and is WAITING", "모든 회원이 참가했고 WAITING 상태";
        Redis => "Redis answers", "Redis가 응답";
        Kafka => "Kafka answers", "Kafka가 응답";
        Database => "The database answers", "데이터베이스가 응답";
        Scraping => "Prometheus is up and scrapes each server", "Prometheus가 동작하고 각 서버를 수집";
        Grafana => "Grafana is there", "Grafana가 있음";
        Environment => "Environment variables of each server: addresses of Redis, Kafka and the database, size of \
            the pool",
            "각 서버의 환경 변수: Redis, Kafka, 데이터베이스 주소와 풀 크기";
        Held => "Connections held on this machine", "이 장비에서 유지한 연결";
        Ramp => "Connections during the ramp", "연결을 늘리는 동안의 연결 속도";
        ErrorsSeen => "Errors as they happen", "발생하는 오류";
        Cpu => "CPU of the servers", "서버의 CPU";
        MemoryAndGc => "Memory and garbage collection", "메모리와 가비지 컬렉션";
        PubSub => "Delay of Pub/Sub", "Pub/Sub 지연";
        RedisLatency => "Latency of Redis", "Redis 지연";
        Pool => "No request waits for a pool connection", "풀 연결을 기다리는 요청이 없음";
        Proxy => "No 499 and no 502 at nginx", "프록시에 499와 502가 없음";
        Alive => "No server restarted or went down", "재시작하거나 중단된 서버가 없음";
        Spread => "Spread over the WebSocket servers", "WebSocket 서버별 분산";
        Stable => "The stable maximum is known", "안정적으로 유지되는 최대치를 확인";
        Began => "It is known when errors began, and why", "오류가 언제 왜 시작되었는지 확인";
        RedisMemory => "Redis memory", "Redis 메모리";
        Collections => "Garbage collections", "가비지 컬렉션";
        Report => "A report is written", "보고서 작성";
    }
}
