//! Whether the account may write what a run writes, by the catalogs alone: nothing is locked, and nothing tried.

use sqlx::PgConnection;

use super::bookkeeping;
use super::error::target_error;
use super::name::TableName;
use crate::connector::TargetError;
use crate::connector::target::Written;

const LACKING_COLUMNS: &str = "\
SELECT current_user::text, pg_catalog.array_agg(DISTINCT p.privilege)
FROM ROWS FROM (unnest($2::text[]), unnest($3::text[])) AS p (name, privilege)
WHERE NOT pg_catalog.has_column_privilege(pg_catalog.to_regclass($1), p.name, p.privilege)";

const LACKING_TABLES: &str = "\
SELECT current_user::text, pg_catalog.array_agg(DISTINCT p.privilege)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
WHERE n.nspname = $1 AND c.relkind = 'r' AND NOT pg_catalog.has_table_privilege(c.oid, p.privilege)";

const LACKING_SEQUENCE: &str = "\
SELECT current_user::text, pg_catalog.array_agg(p.privilege)
FROM unnest(ARRAY['SELECT', 'UPDATE']) AS p (privilege)
WHERE NOT pg_catalog.has_sequence_privilege($1::text::pg_catalog.regclass, p.privilege)";

const LACKING_SCHEMA: &str = "\
SELECT current_user::text, ARRAY['CREATE']
WHERE NOT coalesce((SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = $1),
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'))";

/// Fails where the account lacks what a run needs, as the run would on the way.
pub(super) async fn check(connection: &mut PgConnection, written: &[Written<'_>]) -> Result<(), TargetError> {
    let asked = |error| target_error(error, "ask what the account may do");
    let own = if bookkeeping::exist(connection).await? { LACKING_TABLES } else { LACKING_SCHEMA };
    let lacking: Option<(String, Option<Vec<String>>)> =
        sqlx::query_as(own).bind(bookkeeping::SCHEMA).fetch_optional(&mut *connection).await.map_err(asked)?;
    let what = match own {
        LACKING_TABLES => "write to whimbrel's own tables in the schema `whimbrel`",
        _ => "create whimbrel's own tables in the schema `whimbrel`",
    };
    refuse(lacking, what)?;
    for Written { table, inserted, updated } in written {
        let (names, privileges): (Vec<&str>, Vec<&str>) = (inserted.iter())
            .flat_map(|column| [(column, "SELECT"), (column, "INSERT")])
            .chain(updated.iter().map(|column| (column, "UPDATE")))
            .map(|(column, privilege)| (table.columns[*column].name.as_str(), privilege))
            .unzip();
        let lacking: Option<(String, Option<Vec<String>>)> = sqlx::query_as(LACKING_COLUMNS)
            .bind(TableName::parse(&table.name).sql())
            .bind(names)
            .bind(privileges)
            .fetch_optional(&mut *connection)
            .await
            .map_err(asked)?;
        refuse(lacking, &format!("write to `{}`", table.name))?;
        for column in inserted.iter().map(|column| &table.columns[*column]) {
            let Some(sequence) = &column.sequence else { continue };
            let lacking: Option<(String, Option<Vec<String>>)> = sqlx::query_as(LACKING_SEQUENCE)
                .bind(sequence)
                .fetch_optional(&mut *connection)
                .await
                .map_err(asked)?;
            refuse(lacking, &format!("move the sequence `{sequence}` behind the ids of `{}`", table.name))?;
        }
    }
    Ok(())
}

fn refuse(lacking: Option<(String, Option<Vec<String>>)>, what: &str) -> Result<(), TargetError> {
    let Some((account, Some(privileges))) = lacking else { return Ok(()) };
    let source = format!("the account `{account}` lacks {}", privileges.join(", ")).into();
    Err(TargetError::Permission { what: what.to_owned(), source })
}
