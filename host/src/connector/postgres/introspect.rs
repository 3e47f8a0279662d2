//! Table schemas from the system catalogs.

use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::Oid;

use super::error::target_error;
use super::name::TableName;
use super::spelling;
use super::types;
use super::types::CatalogType;
use crate::connector::TargetError;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::ForeignKey;
use crate::record::TableSchema;
use crate::record::Unique;

const RELATION: &str = "\
SELECT c.oid, c.relname::text, CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid) THEN n.nspname::text END,
    ARRAY_REMOVE(ARRAY[
        CASE WHEN c.relrowsecurity THEN 'row-level security' END,
        CASE WHEN c.relkind = 'p' THEN 'partitions, none of which may take a row' END,
        CASE WHEN c.relispartition THEN 'the bounds of a partition: ' || pg_catalog.pg_get_expr(c.relpartbound, c.oid) END,
        CASE WHEN c.relkind = 'f' THEN 'another server behind it' END
    ], NULL)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'f')";

// A domain's limits are those of the innermost domain that has some; its base type is what is read and written.
const COLUMNS: &str = "\
WITH RECURSIVE base (attnum, type, modifier, depth) AS (
    SELECT attnum, atttypid, atttypmod, 0 FROM pg_catalog.pg_attribute
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
  UNION ALL
    SELECT b.attnum, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.modifier END, b.depth + 1
    FROM base AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
)
SELECT a.attnum, a.attname::text AS name, pg_catalog.format_type(b.type, b.modifier) AS declared,
    a.attnotnull OR EXISTS (SELECT FROM base AS d JOIN pg_catalog.pg_type AS dt ON dt.oid = d.type
        WHERE d.attnum = a.attnum AND dt.typtype = 'd' AND dt.typnotnull) AS not_null,
    a.atthasdef OR a.attidentity <> '' OR EXISTS (SELECT FROM base AS d JOIN pg_catalog.pg_type AS dt ON dt.oid = d.type
        WHERE d.attnum = a.attnum AND dt.typtype = 'd' AND dt.typdefault IS NOT NULL) AS has_default,
    a.attidentity <> '' OR coalesce(pg_catalog.pg_get_expr(own.adbin, own.adrelid), '') ~
        '^\\(?([a-z_]+\\.)?(nextval|gen_random_uuid|uuid_generate_v(1|1mc|4)|uuidv[47])\\([^()]*\\)\\)?(::[a-z ]+)?$' AS has_fresh_default,
    CASE WHEN a.attidentity <> '' THEN pg_catalog.pg_get_serial_sequence(a.attrelid::pg_catalog.regclass::text, a.attname)
        WHEN pg_catalog.pg_get_expr(own.adbin, own.adrelid) ~ '^\\(?([a-z_]+\\.)?nextval\\([^()]*\\)\\)?(::[a-z ]+)?$' THEN
            (SELECT pg_catalog.format('%I.%I', sn.nspname, s.relname) FROM pg_catalog.pg_depend AS d
             JOIN pg_catalog.pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
             JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace
             WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = own.oid LIMIT 1) END AS sequence,
    a.attgenerated <> '' AS generated,
    tn.nspname::text AS type_schema, t.typname::text AS type_name, t.typtype::text AS type_kind, b.modifier,
    ARRAY(SELECT l.enumlabel::text FROM pg_catalog.pg_enum AS l WHERE l.enumtypid IN (t.oid, e.oid) ORDER BY l.enumsortorder) AS labels,
    en.nspname::text AS element_schema, e.typname::text AS element_name, e.typtype::text AS element_kind,
    ARRAY(SELECT pg_catalog.format_type(d.type, NULL) || ': ' || pg_catalog.pg_get_constraintdef(k.oid)
        FROM base AS d JOIN pg_catalog.pg_constraint AS k ON k.contypid = d.type AND k.contype = 'c'
        WHERE d.attnum = a.attnum ORDER BY d.depth, k.conname) AS checks
FROM pg_catalog.pg_attribute AS a
JOIN base AS b ON b.attnum = a.attnum
JOIN pg_catalog.pg_type AS t ON t.oid = b.type AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_attrdef AS own ON own.adrelid = a.attrelid AND own.adnum = a.attnum
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_namespace AS en ON en.oid = e.typnamespace
WHERE a.attrelid = $1
ORDER BY a.attnum";

// Servers before 15 have no `indnullsnotdistinct`, which reading it through JSON allows.
const INDEXES: &str = "\
SELECT c.relname::text AS name, i.indisprimary, (ARRAY(SELECT unnest(i.indkey)))[1:i.indnkeyatts] AS columns,
    i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR NOT i.indisvalid AS is_special,
    coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal,
    pg_catalog.pg_get_indexdef(i.indexrelid) AS definition
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = $1 AND i.indisunique AND i.indislive
ORDER BY i.indisprimary DESC, c.relname";

const REFERRERS: &str = "\
SELECT DISTINCT c.relname::text, CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid) THEN n.nspname::text END
FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.confrelid = pg_catalog.to_regclass($1) ORDER BY 1, 2";

// A reference to a partitioned table has a hidden twin for each of its partitions.
const FOREIGN_KEYS: &str = "\
SELECT k.conname::text AS name, k.conkey AS columns, p.relname::text AS parent,
    CASE WHEN NOT pg_catalog.pg_table_is_visible(p.oid) THEN n.nspname::text END AS parent_schema,
    ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place) AS parent_columns,
    k.confmatchtype = 'f' AND cardinality(k.conkey) > 1 AS is_full
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS p ON p.oid = k.confrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.relnamespace
WHERE k.conrelid = $1 AND k.contype = 'f'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS o WHERE o.oid = k.conparentid AND o.conrelid = k.conrelid)
ORDER BY k.conname";

const UNPREDICTED: &str = "\
SELECT CASE contype WHEN 'c' THEN 'check constraint' ELSE 'exclusion constraint' END
    || ' `' || conname || '`: ' || pg_catalog.pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint WHERE conrelid = $1 AND contype IN ('c', 'x')
UNION ALL
SELECT 'trigger `' || tgname || '`' FROM pg_catalog.pg_trigger
WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 20 <> 0
UNION ALL
SELECT 'rule `' || rulename || '`' FROM pg_catalog.pg_rewrite
WHERE ev_class = $1 AND ev_enabled <> 'D' AND ev_type IN ('2', '3')
ORDER BY 1";

/// Returns the schema of a table, or `None` where the search path finds none of this name.
pub(super) async fn table(connection: &mut PgConnection, name: &str) -> Result<Option<TableSchema>, TargetError> {
    read(connection, &TableName::parse(name))
        .await
        .map_err(|error| target_error(error, &format!("read the schema of `{name}`")))
}

/// Returns the tables with a foreign key to this one.
pub(super) async fn referrers(connection: &mut PgConnection, name: &str) -> Result<Vec<TableSchema>, TargetError> {
    let failed = |error| target_error(error, &format!("look for references to `{name}`"));
    let found = sqlx::query(REFERRERS).bind(TableName::parse(name).sql()).fetch_all(&mut *connection).await;
    let mut referrers = Vec::new();
    for row in found.map_err(failed)? {
        let child = TableName { schema: row.try_get(1).map_err(failed)?, table: row.try_get(0).map_err(failed)? };
        referrers.extend(read(connection, &child).await.map_err(failed)?);
    }
    Ok(referrers)
}

async fn read(connection: &mut PgConnection, name: &TableName) -> Result<Option<TableSchema>, sqlx::Error> {
    let found = sqlx::query(RELATION).bind(name.sql()).fetch_optional(&mut *connection).await?;
    let Some(found) = found else { return Ok(None) };
    let id: Oid = found.try_get(0)?;
    let mut schema = TableSchema {
        name: TableName { schema: found.try_get(2)?, table: found.try_get(1)? }.written(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        not_predicted: Vec::new(),
    };
    // Dropped columns leave gaps in the numbers.
    let mut numbers: Vec<i16> = Vec::new();
    for row in sqlx::query(COLUMNS).bind(id).fetch_all(&mut *connection).await? {
        numbers.push(row.try_get("attnum")?);
        add_column(&mut schema, &row)?;
    }
    let indexes = |columns: Vec<i16>| -> Vec<usize> {
        columns.iter().filter_map(|number| numbers.iter().position(|found| found == number)).collect()
    };
    for row in sqlx::query(INDEXES).bind(id).fetch_all(&mut *connection).await? {
        let columns = row.try_get::<Vec<i16>, _>("columns")?;
        let (name, definition): (String, String) = (row.try_get("name")?, row.try_get("definition")?);
        if row.try_get("is_special")? {
            schema.not_predicted.push(format!("unique index `{name}`: {definition}"));
            continue;
        }
        let columns = indexes(columns);
        if let Some(column) = columns.iter().map(|column| &schema.columns[*column]).find(|column| is_citext(column)) {
            schema.not_predicted.push(format!("`{name}` takes upper and lower case of `{}` for equal", column.name));
        }
        if row.try_get("indisprimary")? {
            schema.primary_key = columns;
        } else {
            schema.uniques.push(Unique { name, columns, nulls_equal: row.try_get("nulls_equal")? });
        }
    }
    for row in sqlx::query(FOREIGN_KEYS).bind(id).fetch_all(&mut *connection).await? {
        let name: String = row.try_get("name")?;
        if row.try_get("is_full")? {
            schema.not_predicted.push(format!("foreign key `{name}`: MATCH FULL refuses a key that is NULL in part"));
        }
        schema.foreign_keys.push(ForeignKey {
            name,
            columns: indexes(row.try_get("columns")?),
            parent: TableName { schema: row.try_get("parent_schema")?, table: row.try_get("parent")? }.written(),
            parent_columns: row.try_get("parent_columns")?,
        });
    }
    schema.not_predicted.extend(found.try_get::<Vec<String>, _>(3)?);
    schema.not_predicted.extend(sqlx::query_scalar::<_, String>(UNPREDICTED).bind(id).fetch_all(connection).await?);
    Ok(Some(schema))
}

fn add_column(schema: &mut TableSchema, row: &PgRow) -> Result<(), sqlx::Error> {
    let (modifier, labels): (i32, Vec<String>) = (row.try_get("modifier")?, row.try_get("labels")?);
    let element = match (row.try_get("element_schema")?, row.try_get("element_name")?, row.try_get("element_kind")?) {
        (Some(schema), Some(name), Some(kind)) => {
            let labels = labels.clone();
            Some(Box::new(CatalogType { schema, name, kind, modifier, labels, element: None }))
        }
        _ => None,
    };
    let kind = types::column_type(&CatalogType {
        schema: row.try_get("type_schema")?,
        name: row.try_get("type_name")?,
        kind: row.try_get("type_kind")?,
        modifier,
        labels,
        element,
    });
    let column = Column {
        name: row.try_get("name")?,
        kind,
        declared: row.try_get("declared")?,
        nullable: !row.try_get::<bool, _>("not_null")?,
        has_default: row.try_get("has_default")?,
        has_fresh_default: row.try_get("has_fresh_default")?,
        sequence: row.try_get("sequence")?,
        generated: row.try_get("generated")?,
    };
    for check in row.try_get::<Vec<String>, _>("checks")? {
        schema.not_predicted.push(format!("domain of `{}`, {check}", column.name));
    }
    if spelling::is_spelt(&column) {
        schema
            .not_predicted
            .push(format!("whether `{}` gives back what it is given: {}", column.name, column.declared));
    }
    let is_moment = matches!(column.kind, ColumnType::Timestamp | ColumnType::LocalTimestamp | ColumnType::Time);
    if is_moment && types::second_digits(&column.declared) < 6 {
        schema.not_predicted.push(format!("the digits of a second that `{}` keeps: {}", column.name, column.declared));
    }
    schema.columns.push(column);
    Ok(())
}

fn is_citext(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Text { .. }) && column.declared.trim_end_matches('"').ends_with("citext")
}
