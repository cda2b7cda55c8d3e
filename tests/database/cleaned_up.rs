//! What a clean-up takes away, and whom it leaves alone.

use crate::database::Database;
use crate::made::Made;

#[test]
fn exactly_the_members_that_were_made_are_deleted() {
    let (database, made) = (Database::new(), Made::by(&["--count", "250"]));
    database.add_others(&[
        "test_uid_0",
        "test_uid_251",
        "test_uid_7x",
        "test_uid_07",
        "testXuid_5",
        "kakao_1",
        "%",
    ]);
    let before = database.state();
    database.play(&made.import(), &[]).assert_status(0);
    assert_ne!(database.state(), before);
    let cleaned_up = database.play(&made.clean_up(), &[]);
    assert_eq!(cleaned_up.assert_status(0).stdout, "outcome\tmembers\ndeleted\t250\n");
    assert_eq!(database.state(), before);
    let again = database.play(&made.clean_up(), &[]);
    assert_eq!(again.assert_status(0).stdout, "outcome\tmembers\ndeleted\t0\n");
    assert_eq!(database.state(), before);
    let anew = database.play(&made.import(), &[]);
    assert!(anew.assert_status(0).stdout.contains("\nimported\t"), "{}", anew.stdout);
}

#[test]
fn whom_the_key_takes_for_a_test_member_is_left_alone() {
    let (database, made) = (Database::new(), Made::by(&["--count", "20"]));
    // The same to the column's collation, and other people.
    database.add_others(&["TEST_UID_5", "tést_uid_6", "test_uid_8  "]);
    assert_eq!(
        database.ask(
            "SELECT COUNT(*) FROM member WHERE social_uid IN ('test_uid_5', 'test_uid_6', 'test_uid_8')"
        ),
        "3"
    );
    let before = database.state();
    let cleaned_up = database.play(&made.clean_up(), &[]);
    assert_eq!(cleaned_up.assert_status(0).stdout, "outcome\tmembers\ndeleted\t0\n");
    assert_eq!(database.state(), before);
    assert!(database.play(&made.import(), &[]).assert_status(1).stderr.contains("Duplicate entry"));
    assert_eq!(database.state(), before);
}

#[test]
fn a_member_of_another_social_type_is_left_alone() {
    let (database, made) = (Database::new(), Made::by(&["--count", "20", "--social-type", "LOAD"]));
    database.add_others(&["test_uid_5"]);
    let before = database.state();
    database.play(&made.clean_up(), &[]).assert_status(0);
    assert_eq!(database.state(), before);
}

#[test]
fn nobody_is_deleted_while_another_table_refers_to_one() {
    let (database, made) = (Database::new(), Made::by(&["--count", "250"]));
    database.play(&made.import(), &[]).assert_status(0);
    database.tell("INSERT INTO challenge_participation (challenge_id, member_id) SELECT 38, member_id FROM member WHERE social_uid = 'test_uid_150'");
    let before = database.state();
    let refused = database.play(&made.clean_up(), &[]);
    refused.assert_status(1);
    assert!(refused.stderr.contains("a foreign key constraint fails"), "{}", refused.stderr);
    assert!(refused.stderr.contains("challenge_participation"), "{}", refused.stderr);
    assert_eq!(database.state(), before);
    let refused = database.play(&made.clean_up(), &["--force"]);
    assert!(refused.stdout.ends_with("\nrefused, nothing was changed\t0\n"), "{}", refused.stdout);
    assert_eq!(database.state(), before);
    database.tell("DELETE FROM challenge_participation");
    database.play(&made.clean_up(), &[]).assert_status(0);
    assert_eq!(database.ask("SELECT COUNT(*) FROM member"), "0");
}

#[test]
fn participations_go_with_their_members_and_nobody_else_s_do() {
    let (database, made) = (Database::new(), Made::by(&["--count", "250", "--cleanup-participations"]));
    database.add_others(&["kakao_1", "test_uid_251"]);
    database.play(&made.import(), &[]).assert_status(0);
    for challenge in [38, 39] {
        database.tell(&format!(
            "INSERT INTO challenge_participation (challenge_id, member_id) SELECT {challenge}, member_id FROM member"
        ));
    }
    // A record stops it as a whole: no participation is gone, and the error names the table.
    database.tell(
        "INSERT INTO run_record (member_id) SELECT member_id FROM member WHERE social_uid = 'test_uid_7'",
    );
    let refused = database.play(&made.clean_up(), &[]);
    assert!(refused.assert_status(1).stderr.contains("run_record"), "{}", refused.stderr);
    assert_eq!(database.ask("SELECT COUNT(*) FROM challenge_participation"), "504");
    database.tell("DELETE FROM run_record");
    let cleaned_up = database.play(&made.clean_up(), &[]);
    let shown = "outcome\tparticipations\tmembers\ndeleted\t500\t250\n";
    assert_eq!(cleaned_up.assert_status(0).stdout, shown);
    assert_eq!(database.ask("SELECT COUNT(*) FROM challenge_participation"), "4", "the others' stay");
    assert_eq!(database.ask("SELECT COUNT(*) FROM member"), "2");
    let again = database.play(&made.clean_up(), &[]);
    assert_eq!(again.assert_status(0).stdout, "outcome\tparticipations\tmembers\ndeleted\t0\t0\n");
}
