//! Texts about where sessions were sent, and where their hash says.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// In the printed summary, and on the page.
    pub enum Routing {
        // The printed summary.
        Expected => "{0}, {1} by hash", "{0}, 해시 기준 {1}개";
        Uneven => "an even share is {0} opened; the smallest is {1} of it, the largest {2}",
            "균등하면 서버당 {0}개; 최소 서버는 그 {1}배, 최대 서버는 {2}배";
        Moved => "{0} {0|member|members} of {1} came to {2}", "{1}의 회원 {0}명이 {2}(으)로 배정";
        MovedFromUnseen => "{0} {0|member|members} of a server that nobody was sent to came to {1}",
            "아무도 배정되지 않은 서버의 회원 {0}명이 {1}(으)로 배정";
        MoreMoves => "… and {0} more moves, in summary.json", "… 이동 {0}건 더 있음(summary.json)";

        // Charts.
        OpenedByServer => "Sessions opened, by server", "서버별로 열린 세션";
        OpenByServer => "Open sessions, by server", "서버별 열려 있는 세션";
        OpenNote => "until accounts close", "집계를 마칠 때까지";
        FailedByServer => "Failures, by server", "서버별 실패";
        MisroutedByServer => "Members on another server than their hash says", "해시와 다른 서버로 간 회원";
        ByHash => "{0}, by hash", "{0}, 해시 기준";
        OtherServers => "{0} other {0|server|servers}", "그 외 서버 {0}대";

        // Tables.
        ExpectedColumn => "By hash", "해시 기준";
        MovesCaption => "Moves: members who came to another server than their hash says",
            "이동: 해시와 다른 서버로 간 회원";
        Home => "Server by hash", "해시상 서버";
        CameTo => "Came to", "배정된 서버";
        Members => "Members", "회원";
        CameBetween => "Came there misrouted", "잘못 배정된 시간";
        Unseen => "one that nobody was sent to", "아무도 배정되지 않은 서버";
    }
}
