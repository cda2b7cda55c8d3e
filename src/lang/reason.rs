//! What results say in sentences: why a verdict is what it is, how a criterion came out, why a run ended.
//!
//! Their keys are in `summary.json`. Invariant: a key keeps its meaning and its arguments.

use serde::{Deserialize, Serialize};

use super::{Lang, texts};

texts! {
    /// A sentence of a result, or a part of one.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Reason {
        // The same in every language.
        Plain => "{0}", "{0}";
        Criterion => "{0}", "{0}";
        Both => "{0}; {1}", "{0}; {1}";

        // Of a part of a mix.
        OfPart => "{0}: {1}", "{0}: {1}";
        ServersOfParts => "each part of the mix has servers of its own", "구성마다 서버를 따로 판정합니다";

        // The verdict.
        CriterionFailed => "{0}: {1}.", "{0}: {1}.";
        AllMet => "All {0} criteria that were measured were met.", "측정한 기준 {0}개를 모두 충족했습니다.";
        OneMet => "The one criterion that was measured was met.", "측정한 기준 1개를 충족했습니다.";
        OneWarned => "One of them with a warning.", "그중 1개는 경고가 있습니다.";
        SomeWarned => "{0} of them with a warning.", "그중 {0}개는 경고가 있습니다.";
        ServersUnmeasured => "{0} of {1} {1|criterion|criteria} {0|was|were} not measured, {2} of them of the servers: no source shows them.",
            "기준 {1}개 중 {0}개를 측정하지 못했고, 그중 {2}개는 서버 쪽 기준입니다. 이를 보여 주는 소스가 없습니다.";
        RequiredUnmeasured => "{0} was not measured, and --require all wants it: {1}.",
            "{0} 기준을 측정하지 못했습니다(--require): {1}.";
        AllRequiredUnmeasured => "{0} {0|criterion|criteria} of the servers {0|was|were} not measured, and --require all wants them: {1}.",
            "서버 쪽 기준 {0}개를 측정하지 못했습니다(--require): {1}.";
        NoCriteria => "The scenario sets no criteria: nothing was judged.",
            "시나리오에 기준이 없어 판정하지 않았습니다.";
        NoneMeasured => "No criterion could be measured.", "측정할 수 있는 기준이 없었습니다.";
        NoSessionStarted => "No session started.", "시작된 세션이 없습니다.";
        FewStarted => "Only {0} of {1} {1|session|sessions} {0|was|were} started.", "세션 {1}개 중 {0}개만 시작되었습니다.";
        SlowArrivals => "Sessions arrived at {0} of the planned rate: the load generator was too slow for the ramp.",
            "세션 도착률이 계획의 {0}에 그쳤습니다. 부하 발생기가 램프업 속도를 따라가지 못했습니다.";
        Overloaded => "The load generator was overloaded: lag p99 {0} ms, over {1} ms ({2}).",
            "부하 발생기가 과부하 상태였습니다. 지연(lag) p99 {0} ms, 한도 {1} ms({2}).";
        LagLimitGiven => "--lag-limit", "--lag-limit";
        LagLimitDefault => "a tenth of the tightest timeout", "가장 짧은 제한 시간의 10분의 1";
        HoldEndedEarly => "The hold ended after {0} s of {1} s: no session was left.",
            "유지 구간이 {1}초 중 {0}초 만에 끝났습니다. 남은 세션이 없었습니다.";
        MaxFound => "The stable maximum is {0} {0|session|sessions}.", "안정적으로 유지되는 최대 세션은 {0}개입니다.";
        MaxAll => "All {0} {0|session|sessions} of the plan held: the servers' maximum is higher.",
            "계획한 세션 {0}개를 모두 유지했습니다. 서버의 최대치는 더 높습니다.";
        MaxUnconfirmed => "{0} {0|session|sessions} held once and not a second time: the maximum is not confirmed.",
            "세션 {0}개를 한 번은 유지했으나 다시 유지하지 못해 최대치를 확정하지 못했습니다.";
        MaxSoFar => "{0} {0|session|sessions} held so far.", "지금까지 세션 {0}개를 유지했습니다.";
        MaxNone => "No step held.", "유지된 단계가 없습니다.";
        MaxUnjudged => "The first step could not be judged: the load generator, not the servers, is the limit.",
            "첫 단계를 판정하지 못했습니다. 서버가 아니라 부하 발생기가 한계입니다.";
        MaxUnmeasured => "No criterion could be measured with {0} {0|session|sessions}: a longer --hold may show some.",
            "세션 {0}개에서 측정할 수 있는 기준이 없었습니다. --hold를 늘려 보십시오.";
        MaxGenerator => "The load generator, not the servers, is the limit: {0} {0|session|sessions} could not be judged, and the servers hold at least {1}.",
            "서버가 아니라 부하 발생기가 한계입니다. 세션 {0}개는 판정하지 못했고, 서버는 적어도 {1}개를 유지합니다.";
        MaxBroke => "At {0} {0|session|sessions} {1} failed first, {3} s into the step: {2}.",
            "세션 {0}개에서 단계 시작 {3}초 뒤 {1} 기준이 먼저 실패했습니다: {2}.";
        MaxBrokeAtEnd => "At {0} {0|session|sessions} {1} failed: {2}.", "세션 {0}개에서 {1} 기준이 실패했습니다: {2}.";
        MaxAborted => "At {0} {0|session|sessions} the step was ended early by {1}.",
            "세션 {0}개 단계가 중단 규칙에 따라 일찍 끝났습니다: {1}.";
        NotWritten => "{0} could not be written ({1}): what is printed here is all that is left of the result.",
            "{0} 파일을 쓰지 못했습니다({1}). 여기 출력된 내용이 결과의 전부입니다.";
        NotFinished => "The run is not finished.", "테스트가 아직 끝나지 않았습니다.";
        Aborted => "The run was ended early by {0}.", "중단 규칙에 따라 테스트를 일찍 끝냈습니다: {0}.";
        Stopped => "The run was stopped early: {0}.", "테스트가 중간에 중단되었습니다: {0}.";
        ShardsMissing => "{0} of the planned sessions ({1}) are missing: their shards did not finish, and nothing of these is in the sum.",
            "계획한 세션 중 {0}개({1})가 빠졌습니다. 해당 샤드가 끝나지 않아 합계에 들어 있지 않습니다.";
        ShardUnfinished => "Shard {0} of {1} did not finish: its {2} {2|session is|sessions are} not in the sum.",
            "샤드 {0}(전체 {1}개)이 끝나지 않았습니다. 세션 {2}개가 합계에 없습니다.";
        ShardInconclusive => "Shard {0} of {1} is inconclusive: {2}", "샤드 {0}(전체 {1}개)의 결과를 판정할 수 없습니다: {2}";
        ShardPaused => "Shard {0} of {1} was paused for {2}: what it played after that came later than the other shards' part of the plan.",
            "샤드 {0}(전체 {1}개)이 {2} 동안 일시 중지되었습니다. 이후의 세션이 다른 샤드보다 늦게 진행되었습니다.";
        ShardsApart => "The shards started {0} apart: their arrivals are not the plan's; give all of them the same --start-at.",
            "샤드들의 시작 시각이 {0} 차이 나서 도착이 계획과 다릅니다. 모두에 같은 --start-at을 지정하십시오.";
        AccountsOpen => "The accounts do not close, which is a defect of startline: {0}.",
            "집계가 맞지 않습니다. startline의 결함입니다: {0}.";
        Unequal => "{0} does not close: {1} against {2}", "{0} 불일치: {1} 대 {2}";
        PingsDue => "heartbeats due = sent + missed", "예정된 하트비트 = 전송 + 누락";
        PingsSent => "heartbeats sent = answered + late + unanswered + pending",
            "전송한 하트비트 = 응답 + 늦음 + 무응답 + 대기";
        PongsLate => "late replies ≤ heartbeats timed out", "늦은 응답 ≤ 시간을 넘긴 하트비트";
        SessionsFinished => "sessions finished ≤ closed", "완주한 세션 ≤ 닫힌 세션";
        SessionsClosed => "sessions closed ≤ opened + reopened", "닫힌 세션 ≤ 열린 세션 + 다시 열린 세션";
        SessionsOpened => "sessions opened + completed ≤ started", "열린 세션 + 완료한 세션 ≤ 시작한 세션";
        SessionsEnded => "sessions failed + completed + abandoned ≤ started",
            "실패 + 완료 + 포기한 세션 ≤ 시작한 세션";
        DropsEnded => "sessions dropped = recovered + given up + unfinished", "끊긴 세션 = 복구 + 포기 + 미완료";
        AttemptsEnded => "sessions recovered + attempts failed ≤ attempts", "복구한 세션 + 실패한 시도 ≤ 시도";
        FailuresByKind => "failed sessions = their sum by kind", "실패한 세션 = 종류별 합계";

        // How a criterion came out.
        Met => "{0}, {1}", "{0}, 기준은 {1}";
        Beyond => "{0}, should be {1}", "{0}, 기준은 {1}";
        Warned => "{0}, should be {1}; a warning only", "{0}, 기준은 {1}; 경고만 합니다";
        WithoutOwnPart => "{0}, should be {1}; without this machine's own part it is {2}, which passes",
            "{0}, 기준은 {1}; 이 장비의 영향을 빼면 {2}, 기준을 충족합니다";
        OwnFault => "{0}, should be {1}; the load generator itself caused this",
            "{0}, 기준은 {1}; 부하 발생기 자체가 원인입니다";
        SourceLost => "{0}, should be {1}; this machine lost a source address, which may have caused this",
            "{0}, 기준은 {1}; 이 장비가 출발지 주소를 잃은 것이 원인일 수 있습니다";
        Stalled => "{0}, should be {1}; this machine stalled, which may have caused this",
            "{0}, 기준은 {1}; 이 장비가 멈춘 것이 원인일 수 있습니다";
        Lagged => "{0}, should be {1}; the load generator lagged, which may have caused this",
            "{0}, 기준은 {1}; 부하 발생기의 지연이 원인일 수 있습니다";
        Sessions => "{0} sessions", "{0}개";
        AtMost => "at most {0}", "{0} 이하";
        AtLeast => "at least {0}", "{0} 이상";
        Below => "below {0}", "{0} 미만";
        NeverSucceeded => "{0} were attempted and none succeeded", "{0}건을 시도했으나 모두 실패했습니다";
        PerhapsOurs => "{0}; this machine may have caused this", "{0}; 이 장비가 원인일 수 있습니다";

        // Why a criterion was not measured.
        NeedsSessions => "needs {0} {0|session|sessions}; the plan has {1}", "세션 {0}개가 필요하며 계획은 {1}개입니다";
        NeedsLevel => "needs {0} {0|session|sessions}; the lowest level held is {1}",
            "세션 {0}개가 필요하며 유지한 가장 낮은 수준은 {1}개입니다";
        NeedsHold => "needs a hold of {0}; the plan's is {1}", "유지 시간 {0} 필요, 계획은 {1}";
        NoHold => "the hold never began", "유지 구간이 시작되지 않았습니다";
        NoRate => "all sessions start at once, or fewer than two started",
            "모든 세션이 동시에 시작하거나, 시작된 세션이 2개 미만입니다";
        NoRateOfStages => "of stages only the share of arrivals is measured, once all are over",
            "단계가 있는 계획은 모든 단계가 끝난 뒤 도착 비율만 측정합니다";
        NoLedger => "the run expects no broadcasts (--no-broadcast), or ended before they were judged",
            "브로드캐스트를 기대하지 않거나(--no-broadcast) 판정하기 전에 끝난 테스트입니다";
        NoneDue => "no {0} fell due", "보낼 차례가 된 {0} 메시지가 없습니다";
        NothingAttempted => "nothing was attempted", "시도한 것이 없습니다";
        NotAttempted => "no {0} was attempted to its end", "끝까지 시도한 {0} 단계가 없습니다";
        NoTicket => "no upgrade was sent with a ticket", "티켓으로 보낸 업그레이드 요청이 없습니다";
        NoPolicy => "the scenario has no [reconnect], and no connection was cut on purpose",
            "시나리오에 재연결 정책이 없고 일부러 끊은 연결도 없습니다";
        NoDrop => "no session dropped", "끊긴 세션이 없습니다";
        NoReturn => "no session came back", "복구된 세션이 없습니다";
        NoUpdate => "no update of a message was expected", "받아야 할 갱신 알림이 없습니다";
        NoPair => "no pair of open sessions to judge", "판정할 열린 세션 쌍이 없습니다";
        NoMeasure => "there is no measure {0}", "{0} 측정 항목이 없습니다";
        NotOfAStep => "it is of whole runs, not of a step", "단계가 아니라 테스트 전체의 기준입니다";
        NoSearch => "the run is not a search (--find-max)", "최대치 탐색(--find-max)이 아닙니다";
        NoStage => "the run has not come to a stage {0}", "{0} 단계 부하에 이르지 않았습니다";
        NoStep => "there is no step {0}", "{0} 단계가 없습니다";
        NoFigure => "there is no figure {0}", "{0} 수치가 없습니다";
        NobodyLeft => "no session left in the hold that others were told of",
            "유지 구간에 퇴장이 알려진 세션이 없습니다";
        NothingAnnounced => "no announcement of {0} was timed", "{0}의 알림 중 시간을 잰 것이 없습니다";
        NoLastReceiver => "the first and last receivers are known when accounts close, and if all sessions observe",
            "첫 수신자와 마지막 수신자는 모든 세션이 관찰할 때, 집계가 끝난 뒤에 알 수 있습니다";
        NoInstant => "no message of kind {0} has an instant at sent_at that can be read (see sent_unit)",
            "{0} 종류의 메시지 중 sent_at에서 읽을 수 있는 시각이 있는 것이 없습니다(sent_unit 참고)";
        NoNumber => "no message of kind {0} has a number at sequence that can be read",
            "{0} 종류의 메시지 중 sequence에서 읽을 수 있는 번호가 있는 것이 없습니다";
        NoMessage => "no message of kind {0} came", "{0} 종류의 메시지가 오지 않았습니다";
        OnlyNegativeAges => "every message of kind {0} was sent later than it came, by the server's clock",
            "{0} 종류의 메시지가 모두 서버 시계로는 도착한 뒤에 보낸 것으로 되어 있습니다";
        RoutingUnknown => "routing can be judged among 2 to 8 servers",
            "라우팅은 서버가 2~8대일 때만 판정할 수 있습니다";
        OneServer => "every session was sent to one server: if there should be more, that is the failure",
            "모든 세션이 서버 한 대로 갔습니다. 서버가 더 있어야 한다면 그것이 장애입니다";
        ManyServers => "there were more servers than are told apart (64)",
            "구분할 수 있는 수(64)보다 서버가 많습니다";

        // The servers' side.
        NoOutage => "no restart and no outage was seen", "재시작이나 중단이 없었습니다";
        NoSourceAnswered => "no source that shows it answered", "이를 보여 주는 소스가 응답하지 않았습니다";
        ServerRestarted => "{0} restarted at {1} ({2})", "{0} 재시작됨, {1} ({2})";
        ServerDown => "{0} went down at {1} ({2})", "{0} 중단됨, {1} ({2})";
        ServerOutOfMemory => "{0} ran out of memory at {1} ({2})", "{0} 메모리 부족, {1} ({2})";

        // Why a figure of the servers was not seen …
        Place => "{0}: {1}", "{0}: {1}";
        NoSourceGiven => "no source was given", "소스가 지정되지 않았습니다";
        NoAnswerOfSource => "its source did not answer in time", "소스가 제때 응답하지 않았습니다";
        NoAnswerInTime => "no answer in time", "제때 응답이 없음";
        NoAnswerWithin => "no answer within {0}", "{0} 안에 응답이 없음";
        ConnectionClosed => "it closed the connection", "연결을 끊음";
        NoAddress => "its name has no address", "호스트 이름에 주소가 없음";
        NameNotFound => "its name is not found: {0}", "호스트 이름을 찾을 수 없음: {0}";
        LookingUp => "its name is still being looked up", "호스트 이름을 아직 조회하는 중";
        NoThread => "no thread to look its name up", "호스트 이름을 조회할 스레드가 없음";
        AnswersStatus => "it answers {0}", "응답 {0}";
        LeadsTo => "it answers {0} and leads to {1}", "응답 {0}, {1}(으)로 이동";
        LacksText => "it does not contain {0}; it says {1}", "{0} 문구가 없음. 내용: {1}";
        Answers => "{0} answers {1}", "{0}의 응답이 {1}입니다";
        NotAPage => "{0} is no page of metrics; it begins with {1}", "{0}은(는) 메트릭 페이지가 아닙니다. 시작 부분: {1}";
        NotPrometheus => "{0} answers {1} and is no Prometheus", "{0}의 응답이 {1}이며 Prometheus가 아닙니다";
        ExpressionRefused => "Prometheus refuses the expression: {0}", "Prometheus가 식을 거부했습니다: {0}";
        ExpressionUnread => "the expression cannot be read", "식을 읽을 수 없습니다";
        NoSeries => "Prometheus has no such series", "Prometheus에 그런 시계열이 없습니다";
        NoSeriesOf => "{0} has {1}, but no such series", "{0}에 {1}은(는) 있으나 그런 시계열이 없습니다";
        NoMetric => "{0} has no {1}", "{0}에 {1} 메트릭이 없습니다";
        NoComparison => "no series meets its comparison", "비교 조건을 만족하는 시계열이 없습니다";
        TooManySeries => "it means over 10,000 series", "해당하는 시계열이 10,000개를 넘습니다";
        SeveralAnswers => "it has {0} answers, one a series", "시계열마다 하나씩 답이 {0}개입니다";
        Ambiguous => "its operator meets several series of the same labels, or a number where series are wanted",
            "연산자에 레이블이 같은 시계열이 여럿 있거나, 시계열 자리에 숫자가 있습니다";
        ZeroByZero => "it is 0 / 0: nothing has happened yet that it is about", "0 / 0입니다. 해당하는 일이 아직 없었습니다";
        RateTakesTwo => "a rate takes two looks", "비율은 두 번 측정해야 합니다";
        LooksTooClose => "the two looks were too close together", "두 측정의 간격이 너무 짧습니다";
        NoReading => "no reading yet", "아직 측정값이 없습니다";
        GapsOver => "there are no readings without a gap over {0}", "{0} 동안 끊기지 않은 측정값이 없습니다";
        GrowthTakesTwo => "growth takes two readings", "증가량은 측정값이 둘 이상 필요합니다";
        SlopeTakes => "a slope takes readings over {0} of the hold", "기울기는 유지 구간 {0} 동안의 측정값이 필요합니다";
        SlopeOverSessions => "a slope over sessions takes {0} {0|reading|readings} during the ramp, over {1} {1|session|sessions}; there were {2} over {3}",
            "세션당 기울기는 램프업 중 세션 {1}개에 걸친 측정값 {0}개가 필요합니다. 실제로는 세션 {3}개에 {2}개입니다";
        NoAccessLog => "no access log is given", "액세스 로그가 지정되지 않았습니다";
        NoStubStatus => "no stub_status page is given", "stub_status 페이지가 지정되지 않았습니다";
        NotStubStatus => "{0} is not a stub_status page; it says {1}", "{0}은(는) stub_status 페이지가 아닙니다. 내용: {1}";
        NoSuchFigure => "there is no such figure", "그런 수치가 없습니다";
        NeverAsked => "it was never asked", "요청된 적이 없습니다";
        NoLineCounts => "no line that counts has come yet", "해당하는 줄이 아직 없습니다";
        LogLacks => "the access log has no {0}", "액세스 로그에 {0} 변수가 없습니다";
        NotTheFormat => "{0} of {1} {1|line|lines} {0|is|are} in another format than log_format says",
            "줄 {1}개 중 {0}개가 log_format과 다른 형식입니다";
        NoKnownFormat => "{0} of {1} {1|line|lines} {0|is|are} in another format than combined, JSON or ingress-nginx's",
            "줄 {1}개 중 {0}개가 combined, JSON, ingress-nginx 형식이 아닙니다";
        CommandEnded => "its command {0} ended ({1}): {2}", "명령 {0} 종료됨({1}): {2}";
        SaidNothing => "it said nothing", "출력 없음";
        NoLine => "{0} has no line since the run began", "테스트를 시작한 뒤 {0}에 줄이 없습니다";
        LinesBefore => "its {0} {0|line is|lines are all} from before the run, which began at {1} UTC; the last is of {2}",
            "줄 {0}개가 모두 {1} UTC에 시작한 테스트 이전의 것입니다. 마지막 줄은 {2}입니다";
        CannotRead => "cannot read {0}: {1}", "{0}을(를) 읽을 수 없습니다: {1}";
        NoPattern => "no pattern has the name {0}", "{0} 이름의 패턴이 없습니다";
        InfoLacks => "INFO has no {0}", "INFO에 {0} 항목이 없습니다";
        InfoNoNumber => "INFO's {0} is not a number", "INFO의 {0} 값이 숫자가 아닙니다";
        NoMaximum => "there is no {0}", "{0} 설정이 없습니다";
        ScanEnded => "at least {0} {0|key matches|keys match} {1}: the scan was ended after {2} s",
            "{1}에 맞는 키가 {0}개 이상입니다. {2}초 뒤 스캔을 중단했습니다";

        // … and what to do so that it is.
        GiveWatch => "give --prometheus URL and --redis URL, and --watch FILE for nginx and logs",
            "--prometheus URL과 --redis URL을, nginx와 로그는 --watch FILE을 지정하십시오";
        GiveInBlock => "in a [[watch]] block of source {0} (--watch FILE), {1}", "--watch FILE의 [[watch]] 블록(source {0}): {1}";
        GivePrometheus => "give url = \"http://…\", or the option --prometheus URL", "url = \"http://…\" 또는 --prometheus URL 옵션으로 지정";
        GivePage => "give url = \"http://…/actuator/prometheus\"", "url = \"http://…/actuator/prometheus\" 지정";
        GiveRedis => "give address = \"host:port\", or the option --redis URL", "address = \"host:port\" 또는 --redis URL 옵션으로 지정";
        GivePubsub => "give address = \"host:port\", or the option --redis-pubsub URL (--redis, if it is the same server)",
            "address = \"host:port\" 또는 --redis-pubsub URL 옵션(같은 서버이면 --redis)으로 지정";
        GiveNginx => "give url = \"http://…/stub_status\", file = \"/var/log/nginx/access.log\" or command = [\"ssh\", …]",
            "url = \"http://…/stub_status\", file = \"/var/log/nginx/access.log\" 또는 command = [\"ssh\", …] 지정";
        GiveLog => "give file = \"/var/log/app.log\" or command = [\"ssh\", \"web1\", …]", "file = \"/var/log/app.log\" 또는 command = [\"ssh\", \"web1\", …] 지정";
        GiveUrl => "give url = \"http://…\"", "url = \"http://…\" 지정";
        GiveAddress => "give address = \"host:port\"", "address = \"host:port\" 지정";
        SeeWithCurl => "see what answers: curl -v '{0}'", "응답을 확인하십시오: curl -v '{0}'";
        SeeReady => "see whether it runs: curl '{0}/-/ready'", "동작 여부를 확인하십시오: curl '{0}/-/ready'";
        GiveMetricsUrl => "give the URL of the page, such as {0}", "{0}와 같은 페이지의 URL을 지정하십시오";
        GivePrometheusUrl => "give the URL of a Prometheus server; a page of metrics is source = \"metrics\"",
            "Prometheus 서버의 URL을 지정하십시오. 메트릭 페이지라면 source = \"metrics\"입니다";
        GiveToken => "give a token: {0}", "토큰을 지정하십시오: {0}";
        PermitPage => "allow the page in the server's security configuration: {0}; if it is not there yet: {1}",
            "서버의 보안 설정에서 페이지를 허용하십시오: {0}; 아직 페이지가 없다면: {1}";
        FollowRedirect => "give the URL that it redirects to", "리디렉션되는 URL을 지정하십시오";
        CorrectExpression => "correct the expression", "식을 고치십시오";
        NameLabels => "name the labels of those that are wanted", "필요한 시계열의 레이블을 지정하십시오";
        WrapSides => "wrap both sides in sum(…), or in sum by (label) (…)", "양쪽을 sum(…) 또는 sum by (label) (…)로 감싸십시오";
        WrapAll => "wrap it in max(…), min(…) or sum(…)", "max(…), min(…), sum(…) 중 하나로 감싸십시오";
        SeeSeries => "see which there are: curl '{0}' | grep '^{1}'", "있는 것을 확인하십시오: curl '{0}' | grep '^{1}'";
        SeeGraph => "see which series there are, on its page /graph", "/graph 페이지에서 어떤 시계열이 있는지 확인하십시오";
        HaveScraped => "{0}; Prometheus must scrape that (scrape_configs)", "{0}. Prometheus가 이를 수집해야 합니다(scrape_configs)";
        AddSpring => "add io.micrometer:micrometer-registry-prometheus to the server's dependencies, and management.endpoints.web.exposure.include=prometheus to its properties",
            "서버의 의존성에 io.micrometer:micrometer-registry-prometheus를, 설정에 management.endpoints.web.exposure.include=prometheus를 추가하십시오";
        AddHistogram => "add management.metrics.distribution.percentiles-histogram.http.server.requests=true to the server's properties",
            "서버 설정에 management.metrics.distribution.percentiles-histogram.http.server.requests=true를 추가하십시오";
        AddPool => "the server needs a HikariCP pool, Spring's default, and its page of metrics: io.micrometer:micrometer-registry-prometheus and management.endpoints.web.exposure.include=prometheus",
            "서버에 HikariCP 풀(Spring 기본값)과 메트릭 페이지가 필요합니다: io.micrometer:micrometer-registry-prometheus, management.endpoints.web.exposure.include=prometheus";
        RunProcessExporter => "Spring's page does not have the resident memory: run process-exporter (ncabatoff/process-exporter) beside the servers, or cAdvisor beside the containers",
            "Spring 페이지에는 상주 메모리가 없습니다. 서버 옆에서 process-exporter(ncabatoff/process-exporter)를, 컨테이너라면 cAdvisor를 실행하십시오";
        RunCadvisor => "run cAdvisor (gcr.io/cadvisor/cadvisor) beside the containers", "컨테이너 옆에서 cAdvisor(gcr.io/cadvisor/cadvisor)를 실행하십시오";
        RunRedisExporter => "run a redis_exporter, or give --redis URL", "redis_exporter를 실행하거나 --redis URL을 지정하십시오";
        RunNginxExporter => "run an nginx-prometheus-exporter, or add a [[watch]] of source \"nginx\"", "nginx-prometheus-exporter를 실행하거나 source \"nginx\"인 [[watch]]를 추가하십시오";
        AddPage => "add url = \"http://…/stub_status\"", "url = \"http://…/stub_status\"를 추가하십시오";
        AddLog => "add file = \"/var/log/nginx/access.log\", or command = [\"ssh\", …] if it is elsewhere",
            "file = \"/var/log/nginx/access.log\"를, 다른 장비에 있다면 command = [\"ssh\", …]를 추가하십시오";
        AddToNginx => "add to nginx: {0}", "nginx에 추가: {0}";
        CopyFormat => "copy the log_format that access_log names in nginx.conf", "nginx.conf에서 access_log가 가리키는 log_format을 복사하십시오";
        GiveFormat => "give log_format = '…' as it is in nginx.conf, or add to nginx: {0}", "nginx.conf에 있는 대로 log_format = '…'을 지정하거나 nginx에 추가: {0}";
        HoldForLonger => "hold for longer", "유지 시간을 늘리십시오";
        HoldOrSustain => "hold for longer, or give a shorter time to sustain", "유지 시간을 늘리거나 지속 시간을 줄이십시오";
        MoreSessions => "more sessions, or a longer --ramp", "세션을 늘리거나 --ramp를 늘리십시오";
        RunByHand => "run the command by hand; it must go on until it is stopped, and ask nothing",
            "명령을 직접 실행해 보십시오. 멈출 때까지 계속되어야 하고 아무것도 묻지 않아야 합니다";
        SetClocks => "set the clocks of both machines (chronyc tracking), or have the command skip old lines",
            "두 장비의 시계를 맞추거나(chronyc tracking) 명령이 이전 줄을 건너뛰게 하십시오";
        CheckLog => "check that it is the log that the servers write, and that it is not buffered for long",
            "서버가 쓰는 로그가 맞는지, 오래 버퍼링되지 않는지 확인하십시오";
        GiveCommand => "give what writes to it as a command, such as {0}", "그 파일에 쓰는 것을 {0}와 같은 명령으로 지정하십시오";
        GiveLogPath => "give the path of the log on this machine, or a command that prints it",
            "이 장비에 있는 로그의 경로나 로그를 출력하는 명령을 지정하십시오";
        WatchDbsize => "the database has too many keys to scan during a test: watch dbsize instead",
            "테스트 중에 스캔하기에는 키가 너무 많습니다. 대신 dbsize를 보십시오";
        SeeInfo => "see redis-cli INFO for the fields that this version has", "이 버전에 있는 항목은 redis-cli INFO로 확인하십시오";
        SetMaximum => "CONFIG SET {0} sets one", "CONFIG SET {0}(으)로 설정합니다";
        CorrectHost => "correct the host name in address", "address의 호스트 이름을 고치십시오";
        CheckReachable => "check that the server runs and that a firewall lets this machine reach its port",
            "서버가 동작하는지, 방화벽이 이 장비의 접속을 허용하는지 확인하십시오";
        SeeBusyTls => "see what keeps the server busy (redis-cli SLOWLOG GET 10); if its port speaks no TLS, write redis:// instead of rediss://",
            "서버가 무엇으로 바쁜지 확인하십시오(redis-cli SLOWLOG GET 10). 포트가 TLS가 아니면 rediss:// 대신 redis://로 쓰십시오";
        SeeBusy => "see what keeps the server busy: redis-cli SLOWLOG GET 10; redis-cli --latency",
            "서버가 무엇으로 바쁜지 확인하십시오: redis-cli SLOWLOG GET 10; redis-cli --latency";
        CheckTlsPort => "check that the port speaks Redis over TLS (tls-port); without TLS write redis:// instead of rediss://",
            "포트가 TLS를 쓰는 Redis인지(tls-port) 확인하십시오. TLS가 아니면 rediss:// 대신 redis://로 쓰십시오";
        CheckPort => "check that the port is Redis's; if it speaks TLS (tls-port), write address = \"rediss://host:port\"",
            "Redis의 포트인지 확인하십시오. TLS(tls-port)라면 address = \"rediss://host:port\"로 쓰십시오";
        TrustCa => "trust the server's CA with --ca FILE, and use a host name that its certificate has",
            "--ca FILE로 서버의 CA를 신뢰하고 인증서에 있는 호스트 이름을 쓰십시오";
        ExportPassword => "export the password in a variable, and name that with password_env (REDISCLI_AUTH for --redis)",
            "비밀번호를 환경 변수에 넣고 password_env로 그 이름을 지정하십시오(--redis는 REDISCLI_AUTH)";
        CorrectPassword => "the server refused the password of the user {0}: correct the variable that password_env names, or the user in address",
            "서버가 사용자 {0}의 비밀번호를 거부했습니다. password_env가 가리키는 변수나 address의 사용자를 고치십시오";
        AllowOnServer => "allow it on the server: {0}", "서버에서 허용하십시오: {0}";
        AwaitLoading => "wait until the server has read its data from the disk: INFO persistence",
            "서버가 디스크에서 데이터를 다 읽을 때까지 기다리십시오: INFO persistence";
        GiveMaster => "give the address of the master, or repair the link: INFO replication", "마스터의 주소를 지정하거나 연결을 복구하십시오: INFO replication";
        GiveEachNode => "this is a node of a cluster, and each has a part of the keys: give a [[watch]] block to each",
            "클러스터의 노드이며 노드마다 키의 일부를 가집니다. 노드마다 [[watch]] 블록을 두십시오";
        ListenForOthers => "have the server listen for other machines: a password or a user, bind, and protected-mode no",
            "서버가 다른 장비의 접속을 받게 하십시오: 비밀번호나 사용자, bind, protected-mode no";
        KillScript => "end the script that keeps the server busy: SCRIPT KILL", "서버를 바쁘게 하는 스크립트를 끝내십시오: SCRIPT KILL";

        // What shows a trouble.
        SeenErrors => "{0} × {1} in {2}", "{2} 단계의 {1} {0}건";
        SeenErrorsAt => "{0} × {1} in {2} at {3}", "{3} {2} 단계의 {1} {0}건";
        SeenMissing => "{0} of {1} {1|pair|pairs} of members never learned of each other",
            "회원 쌍 {1}개 중 {0}개가 서로의 입장을 알지 못했습니다";
        SeenGone => "{0} {0|member was|members were} announced as gone while {0|its session was|their sessions were} open",
            "세션이 열려 있는 회원 {0}명이 퇴장한 것으로 통보되었습니다";
        SeenIdle => "{0} {0|session|sessions} at {1} {0|was|were} closed with 1000; {2} {2|heartbeat|heartbeats} of the run {2|was|were} answered",
            "{1} 세션 {0}개가 1000으로 닫혔습니다. 응답받은 하트비트는 전체 {2}개입니다";
        SeenIdleAlone => "{0} {0|session|sessions} at {1} {0|was|were} closed with 1000; the scenario has no heartbeat",
            "{1} 세션 {0}개가 1000으로 닫혔습니다. 시나리오에 하트비트가 없습니다";
        SeenMisrouted => "{0} of {1} {1|session|sessions} at {2} {0|belongs|belong} to another server by their hash",
            "{2} 세션 {1}개 중 {0}개는 해시상 다른 서버에 속합니다";
        SeenLost => "{0} lost {1} {1|session|sessions} at once, of {2} opened there, and none opened there afterwards",
            "{0}에서 열린 세션 {2}개 중 {1}개가 한꺼번에 끊겼고 이후 열린 세션이 없습니다";
        SeenLostAndBack => "{0} lost {1} {1|session|sessions} at once, and others opened there afterwards; {2} opened there in all",
            "{0}에서 세션 {1}개가 한꺼번에 끊긴 뒤 다시 세션이 열렸습니다. 열린 세션은 모두 {2}개입니다";
        SeenSilent => "{0} lost {1} {1|session|sessions} at once, of {2} opened there, after {3} {3|heartbeat|heartbeats} without a reply in time",
            "{0}에서 하트비트 {3}개가 제때 응답을 받지 못한 뒤 열린 세션 {2}개 중 {1}개가 한꺼번에 끊겼습니다";
        SeenFull => "{0} opened {1} {1|session|sessions} and none after that; connecting there failed {2} {2|time|times}, and open sessions went on",
            "{0}에서 세션 {1}개가 열린 뒤 더는 열리지 않았고 연결이 {2}번 실패했습니다. 열린 세션은 유지되었습니다";
        SeenFigure => "{0}: {1}", "{0}: {1}";

        // Whether members were sent where their hash says.
        RoutingExpected => "against the Java hash of \"memberId:challengeId\" over {0} {0|server|servers}, as expected",
            "예상 서버 {0}대에 대한 \"memberId:challengeId\"의 Java 해시와 비교";
        RoutingJudged => "against the Java hash of \"memberId:challengeId\" over the servers seen",
            "나타난 서버들에 대한 \"memberId:challengeId\"의 Java 해시와 비교";
        NoServer => "no server was returned", "서버가 배정되지 않았습니다";
        NothingToChoose => "one server only: nothing to choose", "서버가 한 대뿐이라 선택할 것이 없습니다";
        RoutingTooMany => "more servers than can be judged (8)", "판정할 수 있는 수(8)보다 서버가 많습니다";

        // Why a run ended early.
        Interrupted => "interrupted (SIGINT)", "사용자가 중단함(SIGINT)";
        KeyPressed => "ended with q in the live view", "라이브 화면에서 q 키로 끝냄";
        TerminalGone => "its terminal went away (SIGHUP)", "터미널 연결이 끊어짐(SIGHUP)";
        AskedToEnd => "asked to end (SIGTERM)", "종료 요청을 받음(SIGTERM)";
        MockEnded => "the built-in mock server ended ({0}), and its sessions with it",
            "내장 모의 서버와 그 세션이 종료됨({0})";
        WorkerBroken => "worker {0} could not go on: {1}", "워커 {0} 진행 불가: {1}";
        SessionsUnaccounted => "the accounts do not close, which is a defect of startline: {0} {0|session|sessions} opened and not closed, {1} open",
            "집계가 맞지 않음(startline의 결함): 열리고 닫히지 않은 세션 {0}개, 열려 있는 세션 {1}개";
        FirstFailed => "the first {0} sessions all failed, and none opened: {1}",
            "처음 세션 {0}개가 모두 실패했고 열린 세션이 없음: {1}";
        AbortRule => "--abort-on {0}: it was {1}", "--abort-on {0}: 측정값 {1}";
        Failures => "{0} × {2} in {1} ({3})", "{1} {2} {0}건({3})";
        FailuresSuchAs => "{0} × {2} in {1} ({3}, such as {4})", "{1} {2} {0}건({3}, 예: {4})";

        // Who must act.
        Machine => "machine", "이 장비";
        Network => "network", "네트워크";
        Server => "server", "서버";
        Scenario => "scenario", "시나리오";
    }
}

/// Returns the name of a criterion; those of the built-in scenario have one in every language.
pub fn criterion_name(lang: Lang, name: &str) -> &str {
    let korean = match name {
        "connections-held" => "연결 유지",
        "guide-4000-for-20m" => "4,000개 20분 유지",
        "error-rate" => "오류율",
        "login" => "로그인",
        "enter" => "입장",
        "connect" => "연결",
        "open" => "세션 열림",
        "arrivals" => "도착률",
        "pings-missed" => "PING 누락",
        "broadcasts-missing" => "브로드캐스트 누락",
        "broadcasts-duplicate" => "브로드캐스트 중복",
        "gone-while-open" => "열린 세션의 퇴장 통보",
        "left-unannounced" => "퇴장 미통보",
        "spread" => "서버 분산",
        "ticket-age" => "티켓 나이",
        "servers-up" => "서버 가동",
        _ => name,
    };
    match lang {
        Lang::En => name,
        Lang::Ko => korean,
    }
}

impl Reason {
    /// Returns who must act, by the name in results.
    pub fn of_blame(key: &str) -> Option<Self> {
        Some(match key {
            "machine" => Self::Machine,
            "network" => Self::Network,
            "server" => Self::Server,
            "scenario" => Self::Scenario,
            _ => return None,
        })
    }
}
