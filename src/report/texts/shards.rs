//! Texts of the shards that a merged result is the sum of.
//!
//! Invariant: each stands in both languages.

use crate::lang::texts;

texts! {
    /// Headings, lines and columns.
    pub enum Shards {
        Title => "Shards", "샤드";
        Lead => "The result is the sum of these runs, each of which played a part of the plan. Lag and stalls are each machine's own.",
            "이 결과는 계획의 일부를 각각 실행한 다음 테스트들의 합계입니다. 지연(lag)과 멈춤은 장비별 값입니다.";
        Caption => "Each shard, by its own result", "샤드별 결과";
        Shard => "shard", "샤드";
        Opened => "opened", "열림";
        OfPlanned => "of", "계획";
        Failed => "failed", "실패";
        Held => "held", "유지";
        Lag => "lag p99 (ms)", "lag p99(ms)";
        Stalls => "stalls", "멈춤";
        Cpu => "CPU (s)", "CPU(초)";
        Clock => "clock ± (ms)", "시계 오차(ms)";
        Started => "started at", "시작 시각";
        Outcome => "its result", "자체 결과";
        Directory => "directory", "디렉터리";
        Passed => "passed", "통과";
        FailedRun => "failed", "실패";
        Inconclusive => "inconclusive", "판정 불가";
        NotMerged => "did not finish: left out", "끝나지 않음: 제외";
        CameThisFar => "shard {0} was killed after {1}: until then {2} of {3} {3|session|sessions} had started, {4} had opened, {5} had failed, and {6} {6|was|were} open; none of it is in the sum",
            "샤드 {0}: {1} 후 강제 종료됨. 그때까지 세션 {3}개 중 {2}개 시작, {4}개 열림, {5}개 실패, {6}개 열려 있음. 합계에는 포함되지 않습니다";
        Unbegun => "shard {0} was killed before its first second", "샤드 {0}: 첫 1초가 기록되기 전에 강제 종료됨";
        WatchedBySeveral => "{0} of {1} {1|figure|figures} of the servers {0|was|were} watched by several shards: shown are the first of these",
            "서버 지표 {1}개 중 {0}개를 여러 샤드가 관찰했습니다. 첫 번째 샤드의 값을 표시합니다";
        OfShard => "shard {0} of {1}, a part of the plan {2}", "샤드 {0}(전체 {1}개), 계획 {2}의 일부";
        Starts => "started within {0} ms of each other by their clocks", "각 시계로 {0} ms 이내에 시작";
        ClocksWithin => "clocks at most {0} ms apart", "시계 차이 최대 {0} ms";
        ClocksUnknown => "how far their clocks are apart is unknown: not all of them are kept in time",
            "시계 차이를 알 수 없습니다. 일부 시계가 동기화되어 있지 않습니다";
        Across => "between shards {0} {0|announcement|announcements} received, {1} expected; totals only, pairs are judged within each shard",
            "샤드 간 알림 {0}건 수신, {1}건 예상. 합계만 비교하며, 쌍은 샤드 안에서만 판정합니다";
    }
}
