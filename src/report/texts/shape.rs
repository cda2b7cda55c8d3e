//! What the shape of missing broadcasts comes to, in a few words.
//!
//! Knows no figures. The parts of a sentence are joined by "; ".

use crate::lang::texts;

texts! {
    /// Parts of the sentence, and of the page's section.
    pub enum Words {
        Cut => "{0} of {1} {1|broadcast|broadcasts} reached only some receivers",
            "브로드캐스트 {1}건 중 {0}건이 일부 수신자에게만 도달";
        Lost => "{0} of {1} {1|broadcast|broadcasts} reached nobody", "브로드캐스트 {1}건 중 {0}건이 아무에게도 도달하지 못함";
        CutAndLost => "{0} of {1} {1|broadcast|broadcasts} reached only some receivers, and {2} nobody",
            "브로드캐스트 {1}건 중 {0}건이 일부 수신자에게만, {2}건은 아무에게도 도달하지 못함";

        Everywhere => "lost before any server passed them on", "어느 서버도 전달하기 전에 유실";
        OneServer => "a server passed on nothing of them while others did",
            "한 서버는 전혀 전달하지 않고 다른 서버는 전달함";
        TheLast => "the receivers that opened last miss them (median: after receiver {0} of a server)",
            "나중에 열린 수신자가 받지 못함(중앙값: 서버별 {0}번째 수신자 이후)";
        TheFirst => "the receivers that opened first miss them (median: before receiver {0} of a server)",
            "먼저 열린 수신자가 받지 못함(중앙값: 서버별 {0}번째 수신자 이전)";
        InARow => "receivers that opened one after the other miss them", "연달아 열린 수신자들이 받지 못함";
        Scattered => "receivers here and there miss them", "받지 못한 수신자가 흩어져 있음";

        OnlyTo => "only receivers at {0}", "{0}의 수신자만";
        OnlyFrom => "only members who entered at {0}", "{0}에서 입장한 회원만";
        MostTo => "more at receivers of {0} than elsewhere", "{0}의 수신자에서 더 많음";
        MostFrom => "more for members who entered at {0}", "{0}에서 입장한 회원에서 더 많음";
        BothAlike => "both servers alike", "두 서버 모두 비슷함";
        AllAlike => "all {0} {0|server|servers} alike", "서버 {0}대 모두 비슷함";

        Between => "only from {0} s to {1} s", "{0}초부터 {1}초까지만";
        Grows => "grows with arrivals", "도착이 늘수록 증가";
        Falls => "fewer as more arrive", "도착이 늘수록 감소";
        Steady => "at the same rate from the first arrivals to the last", "처음 도착부터 마지막까지 비슷함";

        OneWorker => "only at receivers of one worker of this machine, which no server knows: look at this machine first",
            "서버가 알지 못하는 이 장비의 한 워커에 있는 수신자만: 이 장비를 먼저 확인하십시오";
        InStalls => "{0} of them while this machine stalled", "그중 {0}건은 이 장비가 멈춘 동안";

        EverywhereNext => "Look at the server where these members entered, for events that it could not publish, and at what carries them between servers (Pub/Sub).",
            "이 회원들이 입장한 서버가 발행하지 못한 이벤트와 서버 사이의 전달 경로(Pub/Sub)를 확인하십시오.";
        OneServerNext => "Look at that server's subscription: whether it was connected, and its client's output buffer at the Pub/Sub server.",
            "해당 서버의 구독을 확인하십시오. 연결 상태와 Pub/Sub 서버의 클라이언트 출력 버퍼를 보십시오.";
        FanOutNext => "Look in the servers' logs for sends that fail: one receiver's failure must not end the rest, and sends to one session must not run at the same time.",
            "서버 로그에서 실패한 전송을 확인하십시오. 한 수신자의 실패로 나머지가 중단되지 않아야 하고, 한 세션에 동시에 전송하지 않아야 합니다.";

        Unlisted => "{0} more {0|pair is|pairs are} missing from the lists that members get as they open",
            "열릴 때 받는 목록에서 빠진 쌍 {0}건이 더 있음";
        OutOfOrder => "in {0} {0|pair|pairs} a member's departure was announced before its entering (returns aside)",
            "입장 알림보다 퇴장 알림이 먼저 온 쌍 {0}건 (재입장 제외)";
    }
}

texts! {
    /// What the page draws.
    pub enum Drawn {
        OverTime => "Broadcasts by how far they came", "브로드캐스트 도달 범위";
        OverTimeNote => "per second, by when the announced member opened", "초당, 알린 회원이 열린 시각 기준";
        ReachedAll => "reached everyone", "모두에게 도달";
        ReachedSome => "reached some", "일부에게 도달";
        ReachedNobody => "reached nobody", "아무에게도 도달 못함";

        LostEverywhere => "Lost before any server passed them on", "어느 서버도 전달하기 전에 유실";
        LostAtServer => "Not passed on by one server", "한 서버가 전달하지 않음";
        CutAtServer => "Passed on to some of a server's receivers", "서버의 일부 수신자에게만 전달";
        WithPairs => "{0} {0|broadcast|broadcasts}, {1} missing {1|pair|pairs}", "브로드캐스트 {0}건, 누락 쌍 {1}건";
        FirstReached => "First receiver reached, by its place at its server", "처음 도달한 수신자의 서버 내 순번";
        LastReached => "Last receiver reached", "마지막으로 도달한 수신자의 순번";
        Places => "median {0}, from {1} to {2}", "중앙값 {0}, 최소 {1}, 최대 {2}";

        LegsCaption => "Pairs missing, by the server at which the member entered and the one at which the receivers are",
            "회원이 입장한 서버와 수신자의 서버별 누락 쌍";
        Announcing => "entered at", "입장한 서버";
        Delivering => "receivers at {0}", "{0}의 수신자";
        OfBroadcasts => "{0} of {1} {1|broadcast|broadcasts}", "브로드캐스트 {1}건 중 {0}건";
        OtherServer => "another server", "다른 서버";
        PairsMissing => "pairs missing", "누락 쌍";

        TenthsCaption => "Broadcasts that a server passed on to some: whom they did not reach, in the order in which receivers opened",
            "서버가 일부에게만 전달한 브로드캐스트: 열린 순서에 따른 미도달 수신자";
        Receivers => "receivers", "수신자";
        Patterns => "What such broadcasts miss: {0}.", "이런 브로드캐스트에서 빠진 수신자: {0}.";
        Last => "the last receivers", "마지막 수신자들";
        First => "the first receivers", "처음 수신자들";
        Block => "receivers in a row", "연달아 있는 수신자들";
        Scattered => "receivers here and there", "흩어진 수신자들";
    }
}
