//! What an import makes, and that it makes all of it or nothing.

use crate::database::Database;
use crate::made::Made;

/// A client whose character set cannot hold a nickname.
const LATIN1: &str = "--default-character-set=latin1";

#[test]
fn the_guide_s_members_are_made() {
    let (database, made) = (Database::new(), Made::by(&["--count", "10k"]));
    let played = database.play(&made.import(), &[LATIN1]);
    played.assert_status(0);
    assert_eq!(
        played.stdout,
        "outcome\tfirst_id\tlast_id\tmembers\tconsecutive\nimported\t13\t10012\t10000\tyes\n"
    );
    assert_eq!(
        database.ask("SELECT COUNT(*), COUNT(DISTINCT social_uid), COUNT(DISTINCT email), COUNT(DISTINCT nickname) FROM member"),
        "10000\t10000\t10000\t10000"
    );
    // By the byte: what looks the same may have been garbled both ways.
    let nickname: String = "테스트유저".bytes().map(|byte| format!("{byte:02X}")).collect();
    let as_it_should_be = format!(
        "SELECT COUNT(*) FROM member WHERE member_id - 12 = SUBSTRING(social_uid, 10)
           AND social_uid = CONCAT('test_uid_', member_id - 12)
           AND email = CONCAT('test', member_id - 12, '@test.com')
           AND HEX(nickname) = CONCAT('{nickname}', HEX(CONCAT(member_id - 12)))
           AND social_type = 'TEST' AND is_deleted = 0
           AND created_at BETWEEN NOW(6) - INTERVAL 10 MINUTE AND NOW(6)
           AND updated_at BETWEEN NOW(6) - INTERVAL 10 MINUTE AND NOW(6)
           AND COALESCE(average_pace, birth, gender, height, profile_image, weight) IS NULL"
    );
    assert_eq!(database.ask(&as_it_should_be), "10000");
    assert_eq!(database.ask(&made.query()), "13\t10012\t10000\tyes");
}

#[test]
fn a_second_import_is_refused_and_changes_nothing() {
    let (database, made) = (Database::new(), Made::by(&["--count", "250"]));
    database.play(&made.import(), &[]).assert_status(0);
    let before = database.state();
    let again = database.play(&made.import(), &[]);
    again.assert_status(1);
    assert!(again.stderr.contains("Duplicate entry 'test_uid_1'"), "{}", again.stderr);
    assert_eq!(database.state(), before);
}

#[test]
fn a_client_that_goes_on_after_errors_leaves_nothing_half_done() {
    let database = Database::new();
    database.play(&Made::by(&["--count", "250"]).import(), &[]).assert_status(0);
    let before = database.state();
    // The first statement has members that are there; the others could be made.
    let more = Made::by(&["--count", "300", "--first", "201"]);
    let played = database.play(&more.import(), &["--force"]);
    assert!(played.stderr.contains("Duplicate entry 'test_uid_201'"), "{}", played.stderr);
    assert!(
        played.stdout.ends_with("\nrefused, nothing was changed\t213\t262\t50\tyes\n"),
        "{}",
        played.stdout
    );
    assert_eq!(database.state(), before);
}

#[test]
fn what_does_not_fit_is_refused_also_where_the_server_would_cut_it() {
    let (database, made) = (Database::new(), Made::by(&["--count", "1k"]));
    // Five characters and a number of three: the last one has four.
    database.tell("ALTER TABLE member MODIFY nickname varchar(8)");
    let played = database.play(&made.import(), &["--init-command=SET SESSION sql_mode = ''"]);
    played.assert_status(1);
    assert!(played.stderr.contains("Data too long for column 'nickname'"), "{}", played.stderr);
    assert_eq!(database.ask("SELECT COUNT(*) FROM member"), "0");
}

#[test]
fn gaps_between_ids_are_told() {
    let (database, made) = (Database::new(), Made::by(&["--count", "150"]));
    let played = database.play(&made.import(), &["--init-command=SET SESSION auto_increment_increment = 2"]);
    assert!(played.stdout.ends_with("\nimported\t13\t311\t150\tno\n"), "{}", played.stdout);
    assert_eq!(database.ask(&made.query()), "13\t311\t150\tno");
}

#[test]
fn the_query_counts_no_other_member() {
    let (database, made) = (Database::new(), Made::by(&["--count", "20", "--first", "5"]));
    assert_eq!(database.ask(&made.query()), "NULL\tNULL\t0\tno");
    database.play(&made.import(), &[]).assert_status(0);
    database.add_others(&[
        "test_uid_4",
        "test_uid_25",
        "test_uid_",
        "test_uid_7x",
        "test_uid_07",
        "testXuid_6",
        "6",
    ]);
    assert_eq!(database.ask(&made.query()), "13\t32\t20\tyes");
}

#[test]
fn any_text_arrives_as_it_was_given_whatever_the_session_s_mode() {
    let prefix = "o'b\\r%_\"|;-- 🏃";
    let options = [
        &["--count", "120", "--prefix", prefix, "--social-type", "T'E\\ST"][..],
        &["--email", "a'{i}@b.c", "--nickname", "러너\\'{i}\n"],
    ];
    let made = Made::by(&options.concat());
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
    for mode in ["", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES", "ANSI,STRICT_TRANS_TABLES"] {
        let database = Database::new();
        let init = format!("--init-command=SET SESSION sql_mode = '{mode}'");
        database.play(&made.import(), &[LATIN1, &init]).assert_status(0);
        let last = "SELECT HEX(social_uid), HEX(social_type), HEX(email), HEX(nickname) FROM member WHERE member_id = 132";
        let expected = [format!("{prefix}120"), "T'E\\ST".into(), "a'120@b.c".into(), "러너\\'120\n".into()]
            .map(|it| hex(&it));
        assert_eq!(database.ask(last), expected.join("\t"), "{mode}");
        assert_eq!(database.ask_with(&[&init], &made.query()), "13\t132\t120\tyes", "{mode}");
        // One differs where the prefix has what LIKE takes for anything.
        database.add_others(&["o'b", "o'b\\\\rXX\"|;-- 🏃5"]);
        database.tell(&format!("UPDATE member SET social_type = _utf8mb4 X'{}'", hex("T'E\\ST")));
        let cleaned_up = database.play(&made.clean_up(), &[LATIN1, &init]);
        assert_eq!(cleaned_up.assert_status(0).stdout, "outcome\tmembers\ndeleted\t120\n", "{mode}");
        assert_eq!(database.ask("SELECT COUNT(*) FROM member"), "2", "{mode}");
    }
}
