//! The texts of updates and of members who left, on the terminal and on the page.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// Heads, lines and parts of lines.
    pub enum Told {
        Updates => "Updates", "갱신 알림";
        UpdatesLead => "Each message of a member that servers pass on must reach every other open session of its challenge as an update.",
            "서버가 전달하는 회원의 메시지는 같은 챌린지의 열려 있는 다른 모든 세션에 갱신 알림으로 도착해야 합니다.";
        UpdatesNote => "per second, by the time at which they are settled: five seconds after the message was sent",
            "초당, 판정 시각 기준(메시지 전송 5초 뒤)";
        Expected => "expected", "받아야 할 것";
        Received => "received", "수신";
        Missing => "missing", "누락";
        Sent => "messages sent", "보낸 메시지";
        MissingShare => "missing, share", "누락 비율";
        Duplicate => "Duplicate", "중복";
        OutOfOrder => "After a later one of the same member", "같은 회원의 뒤 메시지보다 늦게 도착";
        Early => "Sent before the receiver counted (harmless)", "수신 대상이 되기 전에 보낸 것(무해)";
        Unknown => "Of none of the member's last messages", "최근 메시지와 맞지 않는 것";
        Strangers => "About members of no session here", "이 테스트에 없는 회원에 관한 것";
        Own => "About the receiver itself", "수신자 자신에 관한 것";
        MissingUpdate => "{0} did not get message {2} of {1}, sent in second {3}",
            "{0}: {1}의 {2}번째 메시지({3}초에 전송)를 받지 못함";
        SuchAs => "Missing, for example: {0}.", "누락 예: {0}.";
        UpdatesLine => "{0} {0|message|messages} sent, {1} {1|update|updates} expected: {2} missing ({3}), {4} duplicate, {5} out of order",
            "메시지 {0}개 전송, 받아야 할 갱신 {1}건: 누락 {2}({3}), 중복 {4}, 순서 뒤바뀜 {5}";
        UpdatesUnclear => "{0} of none of the member's last messages, {1} about members of no session here, {2} about the receiver itself",
            "최근 메시지와 맞지 않음 {0}건, 이 테스트에 없는 회원 {1}건, 수신자 자신 {2}건";
        FirstMissing => "first kept: {0}", "첫 샘플: {0}";

        Departures => "Departures", "퇴장 알림";
        DeparturesLead => "A session that closed before the end must be announced as gone to everyone who was there.",
            "종료 전에 닫힌 세션은 그때 있던 모든 세션에 퇴장으로 알려져야 합니다.";
        Closed => "Sessions closed before the end", "종료 전에 닫힌 세션";
        Unannounced => "Of these, announced to nobody", "그중 아무에게도 알려지지 않음";
        Pending => "Closed too late to be judged", "판정하기에 너무 늦게 닫힘";
        GoneByServer => "Announced as gone while open, by the server of their session: {0}",
            "열려 있는데 퇴장으로 알림, 세션의 서버별: {0}";
        UnannouncedByServer => "Announced to nobody, by the server of their session: {0}",
            "아무에게도 알려지지 않음, 세션의 서버별: {0}";
        StillListed => "Listed to newcomers long after the session had failed, by its server: {0}",
            "세션이 실패한 지 오래인데 새 참가자 목록에 남음, 세션의 서버별: {0}";
        UntoldBetween => "{0} {0|announcement|announcements} of sessions on {1} missing at {2}", "{1}의 세션 퇴장 알림 {0}건이 {2}에서 누락";
        Untold => "{0} was not told of {1}", "{0}: {1}의 퇴장을 알지 못함";
        DeparturesLine => "{0} {0|session|sessions} closed before the end, {1} {1|announcement|announcements} expected: {2} missing, {3} announced to nobody",
            "종료 전에 닫힌 세션 {0}개, 받아야 할 알림 {1}건: 누락 {2}, 아무에게도 알리지 않음 {3}";
        PendingLine => "{0} closed too late to be judged", "너무 늦게 닫혀 판정하지 않음 {0}개";
        Finished => "{0} finished", "{0}개 완주";
    }
}
