//! The messages of the WebSocket, server to client, as text.
//!
//! Rendered by hand into a buffer, `type` first and fields in the order of `protocol.md`: a message
//! is made once however many receive it, but a ramp of thousands makes thousands. Knows neither
//! frames nor receivers. Invariant: what is rendered is one valid JSON object without line breaks
//! (a test reads every kind back).

use std::io::Write;

use crate::ids::MemberId;

/// The reason for which a runner has left, as the others receive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LeaveReason {
    Disconnected,
    Error,
    Expired,
    Finish,
    Kicked,
    Quit,
    Timeout,
}

impl LeaveReason {
    /// The reason with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [LeaveReason; 7] = [
            LeaveReason::Disconnected,
            LeaveReason::Error,
            LeaveReason::Expired,
            LeaveReason::Finish,
            LeaveReason::Kicked,
            LeaveReason::Quit,
            LeaveReason::Timeout,
        ];
        ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Its name in USER_LEFT.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disconnected => "DISCONNECTED",
            Self::Error => "ERROR",
            Self::Expired => "EXPIRED",
            Self::Finish => "FINISH",
            Self::Kicked => "KICKED",
            Self::Quit => "QUIT",
            Self::Timeout => "TIMEOUT",
        }
    }
}

/// What an ERROR message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ErrorCode {
    InternalError,
    InvalidMessageType,
    InvalidSession,
    InvalidTicket,
    MessageProcessingError,
    RecordProcessingError,
    Unauthorized,
}

impl ErrorCode {
    /// Its name in `errorCode`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InternalError => "INTERNAL_ERROR",
            Self::InvalidMessageType => "INVALID_MESSAGE_TYPE",
            Self::InvalidSession => "INVALID_SESSION",
            Self::InvalidTicket => "INVALID_TICKET",
            Self::MessageProcessingError => "MESSAGE_PROCESSING_ERROR",
            Self::RecordProcessingError => "RECORD_PROCESSING_ERROR",
            Self::Unauthorized => "UNAUTHORIZED",
        }
    }

    /// The text in `errorMessage`.
    pub fn message(self) -> &'static str {
        match self {
            Self::InternalError => "서버 내부 오류입니다.",
            Self::InvalidMessageType => "지원하지 않는 메시지 타입입니다.",
            Self::InvalidSession => "유효하지 않은 세션입니다.",
            Self::InvalidTicket => "유효하지 않은 티켓입니다.",
            Self::MessageProcessingError => "메시지 처리에 실패했습니다.",
            Self::RecordProcessingError => "기록 처리에 실패했습니다.",
            Self::Unauthorized => "인증이 필요합니다.",
        }
    }
}

/// How far a runner is, as the others see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunnerProgress {
    /// Who.
    pub member: MemberId,
    /// Kilometres.
    pub distance: f64,
    /// Seconds a kilometre.
    pub pace: i32,
}

/// `테스트유저{member}`, the nickname of every member here.
pub fn nickname(out: &mut Vec<u8>, member: MemberId) {
    put(out, format_args!("테스트유저{member}"));
}

/// {userId, nickname, profileImage, distance, pace}: an entry of CONNECTED's list, and its `me`.
pub fn participant(out: &mut Vec<u8>, progress: RunnerProgress) {
    out.push(b'{');
    participant_fields(out, progress);
    out.push(b'}');
}

/// CONNECTED up to the opening bracket of its list.
pub fn connected_head(out: &mut Vec<u8>, challenge: u64, me: RunnerProgress) {
    put(out, format_args!(r#"{{"type":"CONNECTED","challengeId":{challenge},"userId":{},"me":"#, me.member));
    participant(out, me);
    out.extend_from_slice(br#","participants":["#);
}

/// CONNECTED from the closing bracket of its list on.
pub fn connected_tail(out: &mut Vec<u8>, timestamp_ms: u64) {
    put(out, format_args!(r#"],"timestamp":{timestamp_ms}}}"#));
}

/// USER_ENTERED.
pub fn user_entered(out: &mut Vec<u8>, progress: RunnerProgress, timestamp_ms: u64) {
    out.extend_from_slice(br#"{"type":"USER_ENTERED","#);
    participant_fields(out, progress);
    put(out, format_args!(r#","timestamp":{timestamp_ms}}}"#));
}

/// USER_LEFT.
pub fn user_left(out: &mut Vec<u8>, member: MemberId, reason: LeaveReason, timestamp_ms: u64) {
    let reason = reason.name();
    put(
        out,
        format_args!(
            r#"{{"type":"USER_LEFT","userId":{member},"reason":"{reason}","timestamp":{timestamp_ms}}}"#
        ),
    );
}

/// PARTICIPANT_UPDATE.
pub fn participant_update(out: &mut Vec<u8>, progress: RunnerProgress, timestamp_ms: u64) {
    let RunnerProgress { member, distance, pace } = progress;
    put(
        out,
        format_args!(
            r#"{{"type":"PARTICIPANT_UPDATE","userId":{member},"distance":{distance:?},"pace":{pace},"timestamp":{timestamp_ms}}}"#
        ),
    );
}

/// PONG.
pub fn pong(out: &mut Vec<u8>, timestamp_ms: u64) {
    put(out, format_args!(r#"{{"type":"PONG","timestamp":{timestamp_ms}}}"#));
}

/// ERROR.
pub fn error(out: &mut Vec<u8>, code: ErrorCode, timestamp_ms: u64) {
    let (name, message) = (code.name(), code.message());
    put(
        out,
        format_args!(
            r#"{{"type":"ERROR","errorCode":"{name}","errorMessage":"{message}","timestamp":{timestamp_ms}}}"#
        ),
    );
}

fn participant_fields(out: &mut Vec<u8>, progress: RunnerProgress) {
    let RunnerProgress { member, distance, pace } = progress;
    put(out, format_args!(r#""userId":{member},"nickname":""#));
    nickname(out, member);
    // `{:?}` writes 0.0 where `{}` writes 0: a Java double always has its point.
    put(out, format_args!(r#"","profileImage":null,"distance":{distance:?},"pace":{pace}"#));
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(render: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        render(&mut out);
        let _: serde_json::Value = serde_json::from_slice(&out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn messages_have_their_fields_in_the_documented_order() {
        let progress = RunnerProgress { member: MemberId(13), distance: 0.0, pace: 0 };
        assert_eq!(
            rendered(|out| user_entered(out, progress, 7)),
            r#"{"type":"USER_ENTERED","userId":13,"nickname":"테스트유저13","profileImage":null,"distance":0.0,"pace":0,"timestamp":7}"#
        );
        assert_eq!(
            rendered(|out| user_left(out, MemberId(13), LeaveReason::Finish, 7)),
            r#"{"type":"USER_LEFT","userId":13,"reason":"FINISH","timestamp":7}"#
        );
        assert_eq!(
            rendered(|out| participant_update(
                out,
                RunnerProgress { member: MemberId(13), distance: 1.25, pace: 330 },
                7
            )),
            r#"{"type":"PARTICIPANT_UPDATE","userId":13,"distance":1.25,"pace":330,"timestamp":7}"#
        );
        assert_eq!(rendered(|out| pong(out, 7)), r#"{"type":"PONG","timestamp":7}"#);
        assert_eq!(
            rendered(|out| error(out, ErrorCode::Unauthorized, 7)),
            r#"{"type":"ERROR","errorCode":"UNAUTHORIZED","errorMessage":"인증이 필요합니다.","timestamp":7}"#
        );
    }

    #[test]
    fn connected_is_one_object_around_the_list() {
        let me = RunnerProgress { member: MemberId(13), distance: 0.0, pace: 0 };
        let other = RunnerProgress { member: MemberId(6012), distance: 0.0, pace: 0 };
        let text = rendered(|out| {
            connected_head(out, 38, me);
            participant(out, other);
            connected_tail(out, 1_700_000_000_000);
        });
        assert_eq!(
            text,
            concat!(
                r#"{"type":"CONNECTED","challengeId":38,"userId":13,"#,
                r#""me":{"userId":13,"nickname":"테스트유저13","profileImage":null,"distance":0.0,"pace":0},"#,
                r#""participants":[{"userId":6012,"nickname":"테스트유저6012","profileImage":null,"distance":0.0,"pace":0}],"#,
                r#""timestamp":1700000000000}"#
            )
        );
    }

    #[test]
    fn an_entry_of_the_list_is_some_93_bytes() {
        let mut out = Vec::new();
        participant(&mut out, RunnerProgress { member: MemberId(6012), distance: 0.0, pace: 0 });
        assert!((88..=98).contains(&out.len()), "{} bytes", out.len());
    }
}
