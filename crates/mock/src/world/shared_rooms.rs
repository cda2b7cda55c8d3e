//! Challenges that several processes share: tickets issued elsewhere, and bulletins heard.
//!
//! Each process keeps a world of its own, and what it hears brings them together. Invariants: a runner
//! is in the list from the moment on at which its entering is heard, and everyone seated by then is
//! told, so that each pair gets exactly one of "listed" and "announced"; of a member of its own a
//! process knows more than it hears.

use super::challenge::Challenge;
use super::running::{Fault, status_after};
use super::{Bulletin, Claim, News, Now, ParticipationStatus, Pass, Runner, Seat, World};
use crate::messages::{ErrorCode, LeaveReason, RunnerProgress};

impl World {
    /// Takes in a ticket that some server has issued, and that nobody else can take any more.
    ///
    /// # Errors
    /// What the ERROR message says.
    pub fn admit(&mut self, claim: Option<Claim>) -> Result<Pass, ErrorCode> {
        if self.faults.take(Fault::WsInternalError) {
            return Err(ErrorCode::InternalError);
        }
        let Claim { member, challenge: id, reenter } = claim.ok_or(ErrorCode::InvalidTicket)?;
        let challenge = self.challenges.get_mut(&id).ok_or(ErrorCode::Unauthorized)?;
        let runner = challenge.roster.find(member).ok_or(ErrorCode::Unauthorized)?;
        let participation = challenge.roster.get_mut(runner);
        // Who issued it has judged, and may know what has not been heard here.
        if participation.status == ParticipationStatus::Waiting || participation.status.may_reenter() {
            participation.status = ParticipationStatus::Running;
        }
        self.check_in(Pass { challenge: id, runner, reenter })
    }

    /// What is to be said to the servers that share challenges; in the order in which it happened.
    pub fn take_outbox(&mut self) -> Vec<Bulletin> {
        std::mem::take(&mut self.outbox)
    }

    /// Hears a bulletin, this process's own ones included, and tells everyone who is seated here. The
    /// seat of a runner who has entered elsewhere is given back: its connection is to be closed.
    pub fn hear(&mut self, bulletin: Bulletin, is_own: bool, now: Now) -> Option<Seat> {
        self.advance(now);
        let challenge = self.challenges.get_mut(&bulletin.challenge)?;
        let runner = challenge.roster.find(bulletin.member)?;
        let mut replaced = None;
        if !is_own {
            if bulletin.news == News::Entered {
                replaced = challenge.room.give_up_seat(runner);
            }
            challenge.follow(runner, bulletin);
        }
        let mut stage = stage!(self);
        match bulletin.news {
            News::Entered => {
                let fragment = challenge.fragment(runner, &mut stage.scratch.text).to_vec();
                challenge.room.show(runner, bulletin.distance, &fragment);
            }
            News::Updated => challenge.refresh(runner, stage.scratch),
            News::Left(LeaveReason::Finish) => {}
            // It may have come back meanwhile; it is listed again when that is heard.
            News::Left(_) | News::Gone => challenge.room.hide(runner),
        }
        let progress =
            RunnerProgress { member: bulletin.member, distance: bulletin.distance, pace: bulletin.pace };
        self.events_dropped +=
            challenge.tell(runner, bulletin.news, progress, bulletin.timestamp_ms, &mut stage);
        replaced
    }
}

impl Challenge {
    /// What has become of a runner on another server.
    fn follow(&mut self, runner: Runner, bulletin: Bulletin) {
        let has_seat = self.room.seat(runner).is_some();
        let participation = self.roster.get_mut(runner);
        (participation.distance, participation.pace) = (bulletin.distance, bulletin.pace);
        let status = participation.status;
        match bulletin.news {
            News::Entered => participation.status = ParticipationStatus::Running,
            News::Left(LeaveReason::Finish) if status != ParticipationStatus::Completed => {
                self.roster.finish(runner);
            }
            News::Left(reason) if status == ParticipationStatus::Running && !has_seat => {
                participation.status = status_after(reason);
            }
            News::Gone if status == ParticipationStatus::Running && !has_seat => {
                participation.status = ParticipationStatus::Disconnected;
            }
            News::Left(_) | News::Gone | News::Updated => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::injection::Injector;
    use crate::world::{About, Batch, ChallengeId, Distance, MemberId, WorldSettings};

    const ID: ChallengeId = ChallengeId(38);
    const NOW: Now = Now { real_ms: 0, wall_ms: 0 };
    const MEMBERS: u64 = 12;

    /// One of the processes, and how far it has heard.
    struct Side {
        world: World,
        heard: usize,
    }

    /// Somebody who is connected: where, from which announcement on, and who was listed.
    struct Observer {
        side: usize,
        member: u64,
        from: u64,
        listed: BTreeSet<u64>,
    }

    fn world() -> World {
        let mut world = World::new(WorldSettings {
            members: 1..=MEMBERS,
            servers: 1,
            ticket_ttl_ms: 30_000,
            shut_out_ms: 0,
            quiet: false,
            announce_expired: false,
            done_closes: false,
            injector: Injector::default(),
            is_shared: true,
        });
        let about = About {
            title: String::new(),
            description: String::new(),
            participants_max: 100,
            start_ms: 60_000,
            distance: Distance::Five,
            password: None,
            is_private: false,
            is_broadcast: false,
        };
        world.preload(ID, about, 1..=MEMBERS, NOW);
        world
    }

    /// The members whom messages of this type in these frames are about.
    fn about(frames: &[u8], kind: &str) -> Vec<u64> {
        let text = String::from_utf8_lossy(frames);
        let of = text.split("{\"type\":").filter(|message| message.starts_with(&format!("\"{kind}\"")));
        of.map(|message| {
            let (_, rest) = message.split_once("\"userId\":").expect("a member");
            rest.split(',').next().and_then(|number| number.parse().ok()).expect("a number")
        })
        .collect()
    }

    fn claim(member: u64) -> Option<Claim> {
        Some(Claim { member: MemberId(member), challenge: ID, reenter: false })
    }

    fn enter(side: usize, sides: &mut [Side; 2], member: u64) -> Observer {
        let world = &mut sides[side].world;
        let pass = world.admit(claim(member)).expect("admitted");
        let mut list = Vec::new();
        world.list(pass, NOW, &mut list);
        let text = String::from_utf8_lossy(&list).into_owned();
        let (_, list) = text.split_once("\"participants\":[").expect("a list");
        let listed = list.split("\"userId\":").skip(1);
        let listed = listed.map(|it| it.split(',').next().and_then(|id| id.parse().ok()).expect("a number"));
        let listed = listed.collect();
        world
            .register(pass, Seat { worker: 0, slot: member as u32, session: member as u32, server: 0 })
            .expect("a seat");
        world.announce(pass, NOW);
        Observer { side, member, from: world.next_event(pass), listed }
    }

    fn hear_one(side: usize, sides: &mut [Side; 2], said: &[(Bulletin, usize)]) -> bool {
        let Some((bulletin, origin)) = said.get(sides[side].heard) else { return false };
        sides[side].heard += 1;
        assert_eq!(sides[side].world.hear(*bulletin, *origin == side, NOW), None);
        true
    }

    /// Whatever the order in which two processes hear of what happens.
    #[test]
    fn each_pair_is_listed_or_announced_exactly_once() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut sides = [world(), world()].map(|world| Side { world, heard: 0 });
            let (mut said, mut observers) = (Vec::new(), Vec::<Observer>::new());
            // So that nothing is forgotten before it is looked at.
            for side in &mut sides {
                side.world.challenges.get_mut(&ID).expect("there").room.log_mut().attach(0);
            }
            while observers.len() < MEMBERS as usize {
                let side = random.usize(..2);
                if random.bool() {
                    observers.push(enter(side, &mut sides, observers.len() as u64 + 1));
                    said.extend(sides[side].world.take_outbox().into_iter().map(|it| (it, side)));
                } else {
                    hear_one(side, &mut sides, &said);
                }
            }
            for side in 0..2 {
                while hear_one(side, &mut sides, &said) {}
            }
            let mut batches = [Batch::default(), Batch::default()];
            for (side, batch) in sides.iter_mut().zip(&mut batches) {
                side.world.take_events(ID, 0, usize::MAX, batch);
            }
            for observer in &observers {
                let (mut scratch, runner) = (Vec::new(), Runner(observer.member as u32 - 1));
                let (frames, _) = batches[observer.side].for_receiver(runner, observer.from, &mut scratch);
                let announced = about(frames, "USER_ENTERED");
                for other in (1..=MEMBERS).filter(|other| *other != observer.member) {
                    let times = announced.iter().filter(|it| **it == other).count()
                        + usize::from(observer.listed.contains(&other));
                    assert_eq!(times, 1, "seed {seed}: {other} to {}", observer.member);
                }
                assert!(!announced.contains(&observer.member) && !observer.listed.contains(&observer.member));
            }
        }
    }

    #[test]
    fn a_member_who_leaves_there_may_come_back_here() {
        let mut sides = [world(), world()].map(|world| Side { world, heard: 0 });
        enter(1, &mut sides, 1);
        let status =
            |sides: &[Side; 2]| sides[0].world.challenge(ID).expect("there").roster.get(Runner(0)).status;
        let mut said: Vec<_> = sides[1].world.take_outbox().into_iter().map(|it| (it, 1)).collect();
        hear_one(0, &mut sides, &said);
        assert_eq!(status(&sides), ParticipationStatus::Running);
        assert!(sides[1].world.depart(ID, Runner(0), 1, LeaveReason::Disconnected, NOW));
        said.extend(sides[1].world.take_outbox().into_iter().map(|it| (it, 1)));
        while hear_one(0, &mut sides, &said) {}
        assert_eq!(status(&sides), ParticipationStatus::Disconnected);
        assert!(sides[0].world.enter(MemberId(1), ID, NOW).is_ok_and(|entered| entered.reenter));
        assert_eq!(sides[0].world.tickets().len(), 0, "kept where both find it");
        sides[0].world.take_back(Claim { reenter: true, ..claim(1).expect("one") });
        assert_eq!(status(&sides), ParticipationStatus::Disconnected);
    }

    #[test]
    fn who_enters_elsewhere_is_to_be_closed_here_and_no_ghost() {
        let mut sides = [world(), world()].map(|world| Side { world, heard: 0 });
        enter(0, &mut sides, 1);
        let entered = sides[0].world.take_outbox()[0];
        assert_eq!(sides[0].world.hear(entered, true, NOW), None);
        let seat = sides[0].world.hear(entered, false, NOW).expect("a seat that is given up");
        assert_eq!(seat.session, 1);
        assert!(
            !sides[0].world.depart(ID, Runner(0), 1, LeaveReason::Disconnected, NOW),
            "not here any more"
        );
        assert!(sides[0].world.take_outbox().is_empty());
        let gone = Bulletin { news: News::Gone, ..entered };
        sides[0].world.hear(gone, false, NOW);
        let challenge = sides[0].world.challenge(ID).expect("there");
        assert_eq!(challenge.roster.get(Runner(0)).status, ParticipationStatus::Disconnected);
        assert!(challenge.room.is_empty());
    }

    #[test]
    fn a_finisher_has_finished_everywhere_and_stays_listed() {
        let mut sides = [world(), world()].map(|world| Side { world, heard: 0 });
        enter(1, &mut sides, 1);
        sides[1].world.record(ID, Runner(0), 1, (5.0, 300), NOW).expect("a seat");
        let said: Vec<_> = sides[1].world.take_outbox().into_iter().map(|it| (it, 1)).collect();
        assert_eq!(said.len(), 3, "entered, updated, finished");
        while hear_one(0, &mut sides, &said) {}
        let list = enter(0, &mut sides, 2).listed;
        assert!(list.contains(&1));
        let runner = sides[0].world.challenge(ID).expect("there").roster.get(Runner(0));
        assert_eq!((runner.status, runner.rank), (ParticipationStatus::Completed, 1));
        assert_eq!(sides[0].world.admit(claim(1)), Err(ErrorCode::Unauthorized));
        assert_eq!(sides[0].world.admit(None), Err(ErrorCode::InvalidTicket));
    }
}
