//! The texts of sessions that dropped and came back, on the terminal and on the page.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// Heads, lines and parts of lines.
    pub enum Back {
        Nothing => "no session dropped", "끊긴 세션이 없습니다";
        NoPolicy => "{0} {0|session was|sessions were} cut on purpose; the scenario has no [reconnect], so they stayed away",
            "세션 {0}개를 일부러 끊었습니다. 시나리오에 재연결 정책이 없어 다시 연결하지 않았습니다";
        CameBack => "{1} of {0} {0|session|sessions} that dropped came back, with {2} {2|attempt|attempts}",
            "끊긴 세션 {0}개 중 {1}개가 복구됨, 시도 {2}회";
        After => "{0}: after {1} s (median), {2} s (p95), {3} s at most", "{0}: 중앙값 {1}초, p95 {2}초, 최대 {3}초";
        NotBack => "{0} given up, {1} still away at the end", "포기 {0}개, 끝까지 복구되지 않음 {1}개";
        Gap => "most away at once in the hold: {0}; {1} session-seconds lost", "유지 구간에서 동시에 끊긴 최대 {0}개, 잃은 세션·초 {1}";
        Cause => "{0} {1} ({2} back)", "{0} {1}({2} 복구)";
        Causes => "dropped by {0}", "끊긴 원인: {0}";
        Server => "{0}: {1} dropped, {2} came back here", "{0}: {1}개 끊김, {2}개가 이 서버로 복구";
        AttemptsFailed => "{0} {0|attempt|attempts} failed: {1}", "실패한 시도 {0}회: {1}";
        Silent => "{0} {0|connection|connections} cut silently: the peers hear nothing", "연결 {0}개를 조용히 끊음: 상대는 아무것도 받지 못합니다";
        Acknowledged => "{0} cut silently, and {1} that this machine's kernel still acknowledges: it refused the filter",
            "조용히 끊은 연결 {0}개, 커널이 필터를 거부해 아직 ACK를 보내는 연결 {1}개";

        Title => "Sessions that dropped", "끊긴 세션";
        Lead => "An open session whose connection ends is away until it is open again. First entries are counted apart.",
            "열린 세션의 연결이 끝나면 다시 열릴 때까지 끊긴 상태입니다. 첫 입장은 따로 셉니다.";
        CauseHead => "cause", "원인";
        ServerHead => "server", "서버";
        Dropped => "dropped", "끊김";
        Recovered => "came back", "복구";
        GaveUp => "given up", "포기";
        CameHere => "came here", "이 서버로";
        Unfinished => "away at the end", "미복구";
        LostP50 => "lost p50 (s)", "손실 p50(초)";
        LostP95 => "lost p95 (s)", "손실 p95(초)";
        LostMax => "lost max (s)", "손실 최대(초)";
        StepHead => "step of attempts", "시도 단계";
        FailureHead => "attempts that failed", "실패한 시도";
        Count => "count", "횟수";
        Chart => "Sessions away", "끊긴 세션 수";
        ChartNote => "dropped and came back: per second; away: at the end of the second",
            "끊김과 복구는 초당, 끊긴 상태는 그 초의 끝 기준";
        Away => "away", "끊긴 상태";
    }
}
