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

        // The verdict.
        CriterionFailed => "{0}: {1}.", "{0}: {1}.";
        AllMet => "All {0} criteria that were measured were met.", "측정한 기준 {0}개를 모두 충족했습니다.";
        OneMet => "The one criterion that was measured was met.", "측정한 기준 1개를 충족했습니다.";
        OneWarned => "One of them with a warning.", "그중 1개는 경고가 있습니다.";
        SomeWarned => "{0} of them with a warning.", "그중 {0}개는 경고가 있습니다.";
        ServersUnmeasured => "{0} of {1} criteria were not measured, {2} of them of the servers: no source shows them.",
            "기준 {1}개 중 {0}개를 측정하지 못했고, 그중 {2}개는 서버 쪽 기준입니다. 이를 보여 주는 소스가 없습니다.";
        RequiredUnmeasured => "{0} was not measured, and --require all wants it: {1}.",
            "{0} 기준을 측정하지 못했습니다(--require): {1}.";
        NoCriteria => "The scenario sets no criteria: nothing was judged.",
            "시나리오에 기준이 없어 판정하지 않았습니다.";
        NoneMeasured => "No criterion could be measured.", "측정할 수 있는 기준이 없었습니다.";
        NoSessionStarted => "No session started.", "시작된 세션이 없습니다.";
        FewStarted => "Only {0} of {1} sessions were started.", "세션 {1}개 중 {0}개만 시작되었습니다.";
        SlowArrivals => "Sessions arrived at {0} of the planned rate: the load generator was too slow for the ramp.",
            "세션 도착률이 계획의 {0}에 그쳤습니다. 부하 발생기가 램프업 속도를 따라가지 못했습니다.";
        Overloaded => "The load generator was overloaded: lag p99 {0} ms, over {1} ms ({2}).",
            "부하 발생기가 과부하 상태였습니다. 지연(lag) p99 {0} ms, 한도 {1} ms({2}).";
        LagLimitGiven => "--lag-limit", "--lag-limit";
        LagLimitDefault => "a tenth of the tightest timeout", "가장 짧은 제한 시간의 10분의 1";
        HoldEndedEarly => "The hold ended after {0} s of {1} s: no session was left.",
            "유지 구간이 {1}초 중 {0}초 만에 끝났습니다. 남은 세션이 없었습니다.";
        NotFinished => "The run is not finished.", "테스트가 아직 끝나지 않았습니다.";
        Aborted => "The run was ended early by {0}.", "중단 규칙에 따라 테스트를 일찍 끝냈습니다: {0}.";
        Stopped => "The run was stopped early: {0}.", "테스트가 중간에 중단되었습니다: {0}.";
        AccountsOpen => "The accounts do not close, which is a defect of startline: {0}.",
            "집계가 맞지 않습니다. startline의 결함입니다: {0}.";
        Unequal => "{0} does not close: {1} against {2}", "{0} 불일치: {1} 대 {2}";
        PingsDue => "PINGs due = sent + missed", "예정된 PING = 전송 + 누락";
        PingsSent => "PINGs sent = answered + late + unanswered + pending",
            "전송한 PING = 응답 + 늦음 + 무응답 + 대기";
        PongsLate => "late PONGs ≤ PINGs timed out", "늦은 PONG ≤ 시간을 넘긴 PING";
        SessionsClosed => "sessions closed ≤ opened", "닫힌 세션 ≤ 열린 세션";
        SessionsOpened => "sessions opened + completed ≤ started", "열린 세션 + 완료한 세션 ≤ 시작한 세션";
        SessionsEnded => "sessions failed + completed + abandoned ≤ started",
            "실패 + 완료 + 포기한 세션 ≤ 시작한 세션";
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
        AtMost => "at most {0}", "{0} 이하";
        AtLeast => "at least {0}", "{0} 이상";
        Below => "below {0}", "{0} 미만";
        NeverSucceeded => "{0} were attempted and none succeeded", "{0}건을 시도했으나 모두 실패했습니다";
        PerhapsOurs => "{0}; this machine may have caused this", "{0}; 이 장비가 원인일 수 있습니다";

        // Why a criterion was not measured.
        NeedsSessions => "needs {0} sessions; the plan has {1}", "세션 {0}개가 필요하며 계획은 {1}개입니다";
        NeedsHold => "needs a hold of {0}; the plan's is {1}", "유지 시간 {0} 필요, 계획은 {1}";
        NoHold => "the hold never began", "유지 구간이 시작되지 않았습니다";
        NoRate => "all sessions start at once, or fewer than two started",
            "모든 세션이 동시에 시작하거나, 시작된 세션이 2개 미만입니다";
        NoLedger => "no ledger was kept", "브로드캐스트 원장을 기록하지 않았습니다";
        NoPing => "no PING fell due", "보낼 차례가 된 PING이 없습니다";
        NothingAttempted => "nothing was attempted", "시도한 것이 없습니다";
        NotAttempted => "no {0} was attempted to its end", "끝까지 시도한 {0} 단계가 없습니다";
        NoPair => "no pair of open sessions to judge", "판정할 열린 세션 쌍이 없습니다";
        NoMeasure => "there is no measure {0}", "{0} 측정 항목이 없습니다";
        NoStep => "there is no step {0}", "{0} 단계가 없습니다";
        NoFigure => "there is no figure {0}", "{0} 수치가 없습니다";
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

        // What shows a trouble.
        SeenErrors => "{0} × {1} in {2}", "{2} 단계의 {1} {0}건";
        SeenErrorsAt => "{0} × {1} in {2} at {3}", "{3} {2} 단계의 {1} {0}건";
        SeenMissing => "{0} of {1} pairs of members never learned of each other",
            "회원 쌍 {1}개 중 {0}개가 서로의 입장을 알지 못했습니다";
        SeenGone => "{0} members were announced as gone while their sessions were open",
            "세션이 열려 있는 회원 {0}명이 퇴장한 것으로 통보되었습니다";
        SeenIdle => "{0} sessions at {1} were closed with 1000; {2} PINGs of the run were answered",
            "{1} 세션 {0}개가 1000으로 닫혔습니다. 응답받은 PING은 전체 {2}개입니다";
        SeenMisrouted => "{0} of {1} sessions at {2} belong to another server by their hash",
            "{2} 세션 {1}개 중 {0}개는 해시상 다른 서버에 속합니다";
        SeenLost => "{0} lost {1} sessions at once, of {2} opened there, and none opened there afterwards",
            "{0}에서 열린 세션 {2}개 중 {1}개가 한꺼번에 끊겼고 이후 열린 세션이 없습니다";
        SeenLostAndBack => "{0} lost {1} sessions at once, and others opened there afterwards; {2} opened there in all",
            "{0}에서 세션 {1}개가 한꺼번에 끊긴 뒤 다시 세션이 열렸습니다. 열린 세션은 모두 {2}개입니다";
        SeenSilent => "{0} lost {1} sessions at once, of {2} opened there, after {3} PINGs without a PONG in time",
            "{0}에서 PING {3}개가 제때 응답을 받지 못한 뒤 열린 세션 {2}개 중 {1}개가 한꺼번에 끊겼습니다";
        SeenFull => "{0} opened {1} sessions and none after that; connecting there failed {2} times, and open sessions went on",
            "{0}에서 세션 {1}개가 열린 뒤 더는 열리지 않았고 연결이 {2}번 실패했습니다. 열린 세션은 유지되었습니다";
        SeenFigure => "{0}: {1}", "{0}: {1}";

        // Whether members were sent where their hash says.
        RoutingExpected => "against the Java hash of \"memberId:challengeId\" over {0} servers, as expected",
            "예상 서버 {0}대에 대한 \"memberId:challengeId\"의 Java 해시와 비교";
        RoutingJudged => "against the Java hash of \"memberId:challengeId\" over the servers seen",
            "나타난 서버들에 대한 \"memberId:challengeId\"의 Java 해시와 비교";
        NoServer => "no server was handed out", "서버가 배정되지 않았습니다";
        NothingToChoose => "one server only: nothing to choose", "서버가 한 대뿐이라 선택할 것이 없습니다";
        RoutingTooMany => "more servers than can be judged (8)", "판정할 수 있는 수(8)보다 서버가 많습니다";

        // Why a run ended early.
        Interrupted => "interrupted (SIGINT)", "사용자가 중단함(SIGINT)";
        TerminalGone => "its terminal went away (SIGHUP)", "터미널 연결이 끊어짐(SIGHUP)";
        AskedToEnd => "asked to end (SIGTERM)", "종료 요청을 받음(SIGTERM)";
        MockEnded => "the built-in mock server ended ({0}), and its sessions with it",
            "내장 모의 서버와 그 세션이 종료됨({0})";
        WorkerBroken => "worker {0} could not go on: {1}", "워커 {0} 진행 불가: {1}";
        SessionsUnaccounted => "the accounts do not close, which is a defect of startline: {0} sessions opened and not closed, {1} open",
            "집계가 맞지 않음(startline의 결함): 열리고 닫히지 않은 세션 {0}개, 열려 있는 세션 {1}개";
        FirstFailed => "the first {0} sessions all failed, and none opened: {1}",
            "처음 세션 {0}개가 모두 실패했고 열린 세션이 없음: {1}";
        AbortRule => "--abort-on {0}: it was {1}", "--abort-on {0}: 측정값 {1}";
        Failures => "{0} {1} {2} ({3})", "{1} {2} {0}건({3})";
        FailuresSuchAs => "{0} {1} {2} ({3}, such as {4})", "{1} {2} {0}건({3}, 예: {4})";

        // Who has to act.
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
        "spread" => "서버 분산",
        "servers-up" => "서버 가동",
        _ => name,
    };
    match lang {
        Lang::En => name,
        Lang::Ko => korean,
    }
}

impl Reason {
    /// Returns who has to act, by the name in results.
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
