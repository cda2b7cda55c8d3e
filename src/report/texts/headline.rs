//! The verdict in one sentence, and how stable the run was.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// The sentence of a verdict, and its parts.
    pub enum Headline {
        Passed => "Passed: {0}", "합격: {0}";
        Failed => "Failed: {0}", "불합격: {0}";
        Inconclusive => "Inconclusive: {0}", "판정 불가: {0}";

        Both => "{0}; {1}.", "{0}. {1}.";
        BothEndedEarly => "{0}; {1}, and the run was ended early by its --abort-on rule.",
            "{0}. {1}. --abort-on 규칙에 따라 테스트를 일찍 끝냈습니다.";
        Killed => "The run had not finished when this was written: it was killed, or was still going on. {0}.",
            "기록 당시 테스트가 끝나지 않았습니다(강제 종료되었거나 진행 중). {0}.";

        // What was done.
        Held => "At least {0} of {1} {1|session|sessions} {0|was|were} open throughout the hold of {2}",
            "{2}의 유지 구간 내내 세션 {1}개 중 {0}개 이상이 열려 있었습니다";
        HeldOne => "The session was open throughout the hold of {0}", "{0}의 유지 구간 내내 세션 1개가 열려 있었습니다";
        HeldAll => "All {0} sessions were open throughout the hold of {1}",
            "{1}의 유지 구간 내내 세션 {0}개가 모두 열려 있었습니다";
        ButCut => "{0}, but for {1} cut on purpose", "{0}(일부러 끊은 {1}건 제외)";
        HeldStages => "{0} of {1} {1|session|sessions} opened; open in each stage, at least: {2}",
            "세션 {1}개 중 {0}개가 열렸고, 단계 부하마다 최소로 열려 있던 세션은 {2}입니다";
        HeldInStage => "{0} of {1} ({2})", "{1}개 중 {0}개({2})";
        Completed => "{0} of {1} {1|session|sessions} completed", "세션 {1}개 중 {0}개가 모든 단계를 마쳤습니다";
        Finished => "{0} of {1} {1|session|sessions} opened, and {2} finished",
            "세션 {1}개 중 {0}개가 열렸고 {2}개가 완주했습니다";
        Opened => "{0} of {1} {1|session|sessions} opened", "세션 {1}개 중 {0}개가 열렸습니다";

        // What failed. `{2}` is a place, `{3}` the kind.
        Closed => "{0} of {1} {1|session|sessions} {0|was|were} closed by the servers {2} ({3})",
            "{2} 세션 {1}개 중 {0}개를 서버가 닫았습니다({3})";
        Unconnected => "{0} of {1} {1|session|sessions} could not connect {2} ({3})",
            "{2} 세션 {1}개 중 {0}개가 연결하지 못했습니다({3})";
        UnconnectedAtOnce => "{0} of {1} {1|session|sessions} could not connect ({2})",
            "세션 {1}개 중 {0}개가 연결하지 못했습니다({2})";
        TimedOut => "{0} of {1} {1|session|sessions} {0|was|were} not answered in time {2} ({3})",
            "{2} 세션 {1}개 중 {0}개가 제때 응답을 받지 못했습니다({3})";
        Lost => "{0} of {1} {1|session|sessions} failed {2} ({3})", "{2} 세션 {1}개 중 {0}개가 실패했습니다({3})";
        Beats => "{0} of {1} {2} {1|heartbeat|heartbeats} {0|was|were} not answered in time ({3})",
            "{2} 하트비트 {1}개 중 {0}개가 제때 응답을 받지 못했습니다({3})";
        Criterion => "{0}: {1}", "{0}: {1}";
        InHold => "in the hold", "유지 구간에서";
        InStep => "in {0}", "{0} 단계에서";

        // How the criteria came out.
        AllMet => "all {0} criteria were met", "기준 {0}개를 모두 충족했습니다";
        AllMeasuredMet => "all {0} criteria that could be measured were met",
            "측정할 수 있던 기준 {0}개를 모두 충족했습니다";
        MetOfAll => "{0} of {1} {1|criterion|criteria} {0|was|were} met; {2} not measured ({3} of the servers)",
            "기준 {1}개 중 {0}개를 충족했고 {2}개는 측정하지 못했습니다(서버 쪽 {3}개)";
        OneMet => "the one criterion that was measured was met", "측정한 기준 1개를 충족했습니다";
        SomeFailed => "{0} of {1} {1|criterion|criteria} failed", "기준 {1}개 중 {0}개가 실패했습니다";
        WithWarnings => "{0}, {1} with a warning", "{0}(경고 {1}개)";

        // How long how many were open.
        Stable => "Stable: {0} {0|session|sessions} for {1}", "안정: 세션 {0}개, {1} 동안";
        StableShort => "Stable: {0} {0|session|sessions} for {1} of {2}", "안정: 세션 {0}개, {2} 중 {1} 동안";
        StableNone => "Not stable: the hold of {0} had an instant without any open session",
            "불안정: {0}의 유지 구간에 열린 세션이 하나도 없는 순간이 있었습니다";
        StableNever => "Not stable: the hold never began", "불안정: 유지 구간이 시작되지 않았습니다";
    }
}
