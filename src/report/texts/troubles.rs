//! Troubles in a few words, and what to do about each.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// What is wrong, and what to do.
    pub enum Trouble {
        Line => "{0}: {1}", "{0}: {1}";
        Since => "{0}, from {1} s on", "{0}, {1}초부터";
        ClientOnly => "seen by the sessions alone", "세션에서만 확인";
        ServersOnly => "seen on the servers alone", "서버에서만 확인";
        BothSides => "seen on both sides", "양쪽에서 확인";

        TicketExpired => "tickets were refused at the WebSocket", "WebSocket에서 티켓 거부";
        TicketExpiredNext => "Compare the time from enter to the upgrade with the tickets' life (30 s): \
            look for a queue in front of the WebSocket servers, clocks that differ, and a cache Redis \
            that evicts keys.",
            "enter부터 업그레이드까지의 시간을 티켓 수명(30초)과 비교하십시오. WebSocket 서버 앞의 대기열, 서로 다른 시계, 키를 제거하는 캐시 Redis를 \
            확인하십시오.";

        PoolExhausted => "the pool of database connections was exhausted", "데이터베이스 커넥션 풀 고갈";
        PoolExhaustedNext => "Look for \"Connection is not available\" in the business servers' logs; \
            find what holds connections for long, then raise maximum-pool-size or slow the ramp.",
            "비즈니스 서버 로그에서 \"HikariPool\"을 찾으십시오. 커넥션을 오래 점유하는 원인을 찾은 뒤 \
            maximum-pool-size를 늘리거나 램프업을 늦추십시오.";

        PubsubLost => "announcements over Pub/Sub were lost or slow", "Pub/Sub 알림 유실 또는 지연";
        PubsubLostNext => "Look for broadcasts that failed (TEXT_PARTIAL_WRITING) in the WebSocket \
            servers' logs: sends to one session must not run at the same time. Then look at the Pub/Sub \
            Redis: its latency and its clients' buffers.",
            "WebSocket 서버 로그에서 실패한 브로드캐스트(TEXT_PARTIAL_WRITING)를 찾으십시오. 한 세션에 동시에 전송하지 않아야 합니다. Pub/Sub \
            Redis의 지연 시간과 클라이언트 버퍼도 확인하십시오.";

        OutOfMemory => "a server ran out of memory", "서버 메모리 부족";
        OutOfMemoryNext => "Look for OutOfMemoryError in the server's log and for a kill in dmesg and \
            docker inspect (OOMKilled); raise -Xmx or the container's limit, and compare the heap's \
            growth with the sessions.",
            "서버 로그의 OutOfMemoryError와 dmesg, docker inspect(OOMKilled)의 강제 종료를 확인하십시오. -Xmx나 컨테이너 한도를 \
            높이고 힙 증가량을 세션 수와 비교하십시오.";

        WrongServer => "members were sent to another server than their hash says", "해시와 다른 서버로 배정";
        WrongServerNext => "Look for \"heartbeat 만료\" and \"Circuit Breaker\" in the business servers' \
            logs, and compare their configured lists of WebSocket servers; --expect-servers says how \
            many there should be.",
            "비즈니스 서버 로그에서 \"heartbeat 만료\"와 \"Circuit Breaker\"를 찾고, 설정된 WebSocket 서버 목록을 비교하십시오. 서버 수는 \
            --expect-servers로 지정합니다.";

        IdleTimeout => "members were timed out as idle (TIMEOUT)", "유휴 상태로 타임아웃 처리(TIMEOUT)";
        IdleTimeoutNext => "Send heartbeats at least every 60 s. If they were, look for \"PING 처리 실패\" and \
            \"타임아웃 감지\" in the WebSocket servers' logs: one that does not handle them drops the \
            member.",
            "하트비트를 60초 이내의 간격으로 보내십시오. 이미 그렇다면 WebSocket 서버 로그에서 \"PING 처리 실패\"와 \"타임아웃 감지\"를 확인하십시오. \
            처리하지 못하면 회원이 퇴장 처리됩니다.";

        BadGateway => "nginx had no server to pass requests to (502)", "nginx가 요청을 전달할 서버 없음(502)";
        BadGatewayNext => "See nginx's error log for the upstream and its reason (refused, reset, no \
            live upstreams), and whether that server runs.",
            "nginx 오류 로그에서 upstream과 이유(거부, 리셋, 사용 가능한 upstream 없음)를 확인하고 해당 서버가 실행 중인지 확인하십시오.";

        ServerDown => "a server went down", "서버 중단";
        ServerDownNext => "See whether the server runs and why it ended: its log's last lines, dmesg and \
            docker inspect (OOMKilled), a deployment.",
            "서버가 실행 중인지, 왜 종료되었는지 확인하십시오. 로그의 마지막 줄, dmesg와 docker inspect(OOMKilled), 배포 여부를 보십시오.";

        ConnectRefused => "connections were refused, since nothing listens there", "수신 중인 서버가 없어 연결 거부";
        ConnectRefusedNext => "Check the host and the port of the URL, and that the server runs and listens on that \
            address (there: ss -ltn), not on 127.0.0.1 alone.",
            "URL의 호스트와 포트를 확인하고, 서버가 실행 중이며 127.0.0.1만이 아니라 그 주소에서 수신하는지 확인하십시오.";

        ServerRestarted => "a server restarted", "서버 재시작";
        ServerRestartedNext => "See why the server ended before it came back: its log's last lines, \
            dmesg and docker inspect (OOMKilled), a health check that gave up, a deployment.",
            "서버가 다시 시작되기 전에 왜 종료되었는지 확인하십시오. 로그의 마지막 줄, dmesg와 docker inspect(OOMKilled), 실패한 헬스 체크, 배포 \
            여부를 보십시오.";

        ConnectionLimit => "a server took no more connections", "서버 연결 수 한도 도달";
        ConnectionLimitNext => "Compare the number with the limits: Tomcat's \
            server.tomcat.max-connections (8,192), nginx's worker_connections (two a session), open \
            files (ulimit -n), ports to the upstream (28,232).",
            "이 수를 한도와 비교하십시오. Tomcat의 server.tomcat.max-connections(8,192), nginx의 \
            worker_connections(세션당 2개), 열린 파일 수(ulimit -n), upstream 방향 포트 수(28,232).";
    }
}
