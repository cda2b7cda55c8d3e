//! The application's refusals: HTTP status, `code` of the envelope, Korean message.
//!
//! The only place where these three are put together. Invariant: what `protocol.md` names is
//! spelled here exactly as there, since clients can tell errors apart by nothing but the message.

/// A named error of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
#[allow(missing_docs)]
pub enum Refusal {
    BadRequest,
    CancelNotAllowed,
    ChallengeNotFound,
    ChallengeNotReady,
    InternalServerError,
    InvalidParticipationStatus,
    MemberNotFound,
    NotJoined,
    NotRecruiting,
    ParticipantLimitExceeded,
    PasswordMismatch,
    TicketIssueFailed,
    TimeOverlap,
    ValidationFailed,
    AlreadyJoined,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::ChallengeNotFound => 404,
            Self::NotRecruiting | Self::ParticipantLimitExceeded => 403,
            Self::TicketIssueFailed | Self::InternalServerError => 500,
            _ => 400,
        }
    }

    /// The envelope's `code`, which mirrors the meaning and not always the status.
    pub fn code(self) -> u16 {
        match self {
            Self::MemberNotFound => 404,
            _ => self.status(),
        }
    }

    /// The envelope's `message`: all that distinguishes errors.
    pub fn message(self) -> &'static str {
        match self {
            Self::AlreadyJoined => "이미 참가 중인 챌린지입니다.",
            Self::BadRequest => "잘못된 요청입니다.",
            Self::CancelNotAllowed => "대기 중인 상태에서만 참가 취소할 수 있습니다.",
            Self::ChallengeNotFound => "존재하지 않는 챌린지입니다.",
            Self::ChallengeNotReady => "챌린지가 입장 가능한 상태가 아닙니다.",
            Self::InternalServerError => "서버 내부 오류입니다.",
            Self::InvalidParticipationStatus => "참가 상태가 유효하지 않습니다.",
            Self::MemberNotFound => "존재하지 않는 회원입니다.",
            Self::NotJoined => "참가하지 않은 챌린지입니다.",
            Self::NotRecruiting => "모집 중이 아닌 챌린지입니다.",
            Self::ParticipantLimitExceeded => "참가 인원이 가득 찼습니다.",
            Self::PasswordMismatch => "비밀번호가 일치하지 않습니다.",
            Self::TicketIssueFailed => "티켓 발급에 실패했습니다.",
            Self::TimeOverlap => "같은 시간대에 이미 참여 중인 챌린지가 있습니다.",
            Self::ValidationFailed => "입력값 검증에 실패했습니다.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_member_is_400_outside_and_404_inside() {
        assert_eq!((Refusal::MemberNotFound.status(), Refusal::MemberNotFound.code()), (400, 404));
    }

    #[test]
    fn statuses_are_those_of_the_error_table() {
        for refusal in
            [Refusal::TimeOverlap, Refusal::AlreadyJoined, Refusal::NotJoined, Refusal::CancelNotAllowed]
        {
            assert_eq!((refusal.status(), refusal.code()), (400, 400));
        }
        for refusal in [Refusal::NotRecruiting, Refusal::ParticipantLimitExceeded] {
            assert_eq!((refusal.status(), refusal.code()), (403, 403));
        }
        assert_eq!((Refusal::ChallengeNotFound.status(), Refusal::ChallengeNotFound.code()), (404, 404));
        assert_eq!((Refusal::TicketIssueFailed.status(), Refusal::TicketIssueFailed.code()), (500, 500));
    }
}
