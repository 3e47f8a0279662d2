//! One process at a time runs a migration.

use super::*;
use crate::connector::TargetError;

#[tokio::test]
async fn a_lock_says_who_has_it_and_ends_with_its_connection() {
    in_database(move |url| async move {
        let one = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let other = PostgresTarget::open(&url, Mode::ReadOnly).await.unwrap();
        let held = one.lock("crm", "run 7 on host a").await.unwrap();
        let unrelated = other.lock("shop", "run 8").await.unwrap();
        let Err(refused) = other.lock("crm", "run 9").await else { panic!("locked twice") };
        assert_eq!(refused.to_string(), "the migration `crm` is being run by run 7 on host a");
        drop(held);
        drop(retry(&other, "crm").await);

        let _held = retry(&one, "crm").await;
        let kill =
            "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = 'whimbrel: again'";
        while texts(&url, kill).await.is_empty() {}
        drop(retry(&other, "crm").await);
        drop(unrelated);
    })
    .await;
}

/// The server notices the end of a connection a little later.
async fn retry(target: &PostgresTarget, migration: &str) -> Box<dyn crate::connector::target::Lock> {
    for _ in 0..1_000 {
        match target.lock(migration, "again").await {
            Ok(lock) => return lock,
            Err(TargetError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("`{migration}` stays locked")
}
