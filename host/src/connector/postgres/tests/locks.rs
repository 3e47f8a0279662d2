//! One process at a time runs a migration, and one that was taken over writes nothing more.

use std::time::Duration;

use super::*;
use crate::connector::TargetError;
use crate::connector::target::Lock;

#[tokio::test]
async fn a_lock_says_who_has_it_and_ends_with_its_connection() {
    in_database(move |url| async move {
        let one = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let other = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let held = one.lock("crm", "7", "run 7 on host a").await.unwrap();
        let unrelated = other.lock("shop", "8", "run 8").await.unwrap();
        let Err(refused) = other.lock("crm", "9", "run 9").await else { panic!("locked twice") };
        assert_eq!(refused.to_string(), "the migration `crm` is being run by run 7 on host a");
        drop(held);
        drop(retry(&other, "crm").await);

        let _held = retry(&one, "crm").await;
        end_lock_of(&url, "again").await;
        drop(retry(&other, "crm").await);
        drop(unrelated);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_was_taken_over_begins_nothing_and_what_it_had_begun_is_waited_for() {
    in_database(move |url| async move {
        // What another session has committed meanwhile would not be seen in such transactions.
        let database = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let mut admin = PgConnection::connect(&url).await.unwrap();
        run(
            &mut admin,
            &format!("ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'"),
        )
        .await;
        let zombie = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let held = zombie.lock("it's a \\ migration", "1", "the zombie").await.unwrap();
        let mut open = zombie.begin().await.unwrap();
        let insert = "INSERT INTO whimbrel.run (id, migration, mode, started_at, status) VALUES ('1', 'm', 'x', 'x', 'x')";
        open.execute(insert, &[]).await.unwrap();
        end_lock_of(&url, "the zombie").await;
        let rightful = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let taking = tokio::spawn(async move {
            let lock = retry(&rightful, "it's a \\ migration").await;
            (rightful, lock)
        });
        let waits = "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'whimbrel: again' AND wait_event = 'advisory'";
        while texts(&url, waits).await.is_empty() {}
        assert!(!taking.is_finished(), "a transaction of the run before is open");
        open.commit().await.unwrap();
        let (rightful, _lock) = taking.await.unwrap();
        let Err(lost) = zombie.begin().await else { panic!("the zombie begins a transaction") };
        assert_eq!(lost.to_string(), "the migration `it's a \\ migration` was taken over by again");
        assert!(matches!(held.lost().await, TargetError::Lost { .. }));
        let mut tx = rightful.begin().await.unwrap();
        assert_eq!(tx.query("SELECT count(*) FROM whimbrel.run", &[]).await.unwrap(), [[Value::Integer(1)]]);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lock_whose_session_has_ended_is_taken_again() {
    in_database(move |url| async move {
        let one = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let other = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let held = one.lock("crm", "1", "the first").await.unwrap();
        end_lock_of(&url, "the first").await;
        // A task of its own: dropped while it takes the lock, it would give up the session that has it.
        let watched = tokio::spawn(async move { held.lost().await });
        let session = "SELECT pid::text FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) \
            WHERE application_name = 'whimbrel: the first' AND locktype = 'advisory' AND granted";
        while texts(&url, session).await.is_empty() {
            assert!(!watched.is_finished(), "{}", watched.await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        one.begin().await.unwrap().commit().await.unwrap();
        let Err(refused) = other.lock("crm", "2", "the second").await else { panic!("locked twice") };
        assert_eq!(refused.to_string(), "the migration `crm` is being run by the first");
        watched.abort();
    })
    .await;
}

/// Ends the session that has a lock, as a lost network does.
async fn end_lock_of(url: &str, who: &str) {
    let kill = format!(
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = 'whimbrel: {who}'"
    );
    while texts(url, &kill).await.is_empty() {}
    let gone = format!("SELECT pid::text FROM pg_stat_activity WHERE application_name = 'whimbrel: {who}'");
    while !texts(url, &gone).await.is_empty() {}
}

/// The server notices the end of a connection a little later.
async fn retry(target: &PostgresTarget, migration: &str) -> Box<dyn Lock> {
    for _ in 0..1_000 {
        match target.lock(migration, "another", "again").await {
            Ok(lock) => return lock,
            Err(TargetError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("`{migration}` stays locked")
}
