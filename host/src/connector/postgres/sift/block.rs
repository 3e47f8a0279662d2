//! The block of PL/pgSQL that sifts records: it inserts them from the temporary tables, looks at them again where triggers
//! may have changed them, and notes which are refused and why.

use std::fmt::Write as _;

use super::QUOTE;
use super::insert;
use super::lookup;
use super::text;
use crate::connector::postgres::name::TableName;
use crate::connector::postgres::name::literal;
use crate::connector::postgres::name::quote;
use crate::connector::postgres::triggers;
use crate::connector::target::Records;
use crate::connector::target::Rows;
use crate::record::ColumnType;

/// Records that are inserted together at most.
const TOGETHER_MAX: usize = 64;
/// Of so many records as come to one refusal, the part that is inserted together: more would mostly have one among them,
/// and fewer would take more statements. From 0.1 to 1 it makes a third of the time; measured with one refusal in 20.
const TOGETHER: f64 = 0.3;
/// What the server raises where a trigger or a rule has kept rows out.
pub(super) const KEPT_OUT: &str = "WHB01";
/// What the block raises, with the place of the row, where one holds other values than were copied.
pub(super) const REWRITTEN: &str = "WHB02";
/// The block that inserts from the temporary tables. It ends at the first record whose key is there already: what comes
/// behind is judged when that one is settled.
pub(super) fn block(records: &Records<'_>, stagings: &[String]) -> String {
    let (mut inserts, mut looks) = (String::new(), String::new());
    let mut keys = String::new();
    for (number, ((rows, of), staging)) in records.tables.iter().zip(records.of).zip(stagings).enumerate() {
        let table = TableName::parse(&rows.table.name);
        let names = insert::names(rows);
        let selected: Vec<String> = names.iter().map(|name| format!("s.{name}")).collect();
        let from = format!(
            "FROM pg_temp.{staging} AS s WHERE s.whimbrel_record >= whimbrel_from AND s.whimbrel_record < whimbrel_behind"
        );
        let is_one_each = of.len() == records.count && of.iter().enumerate().all(|(place, record)| place == *record);
        let wanted = match is_one_each {
            true => "whimbrel_wanted := whimbrel_behind - whimbrel_from".to_owned(),
            false => format!("SELECT count(*) INTO whimbrel_wanted {from}"),
        };
        let _ = write!(
            inserts,
            "whimbrel_into := {number};
            {wanted};
            IF whimbrel_wanted > 0 THEN
                INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} {from} ORDER BY s.whimbrel_row;
                GET DIAGNOSTICS whimbrel_written = ROW_COUNT;
                IF whimbrel_written <> whimbrel_wanted THEN
                    RAISE EXCEPTION USING ERRCODE = '{KEPT_OUT}', MESSAGE = (whimbrel_wanted - whimbrel_written)::text;
                END IF;
            END IF;
            ",
            table.sql(),
            names.join(", "),
            selected.join(", "),
        );
        if rows.key.is_empty() {
            continue;
        }
        looks.push_str(&look(number, rows, staging));
        let others: Vec<String> = rows
            .table
            .uniques
            .iter()
            .filter(|unique| !lookup::same(&unique.columns, rows.key))
            .map(|unique| literal(&unique.name))
            .collect();
        let known = if others.is_empty() { "NULL".to_owned() } else { others.join(", ") };
        let _ = write!(
            keys,
            " OR (whimbrel_table = {} AND whimbrel_constraint NOT IN ({known})) IS NOT FALSE",
            literal(&table.table)
        );
    }
    let asked = records.tables.iter().map(|rows| {
        let query = triggers::on_insert(&literal(&TableName::parse(&rows.table.name).sql()));
        format!("whimbrel_is_deferred := ({query}); {NOTE}")
    });
    let asked = asked.collect::<Vec<_>>().join("\n    ");
    format!(
        "DO {QUOTE}
DECLARE
    whimbrel_from int := 0;
    whimbrel_behind int;
    whimbrel_size int := 4;
    whimbrel_until int := 0;
    whimbrel_refused int := 0;
    whimbrel_seqscan text;
    whimbrel_bitmapscan text;
    whimbrel_wanted bigint;
    whimbrel_written bigint;
    whimbrel_code text;
    whimbrel_message text;
    whimbrel_detail text;
    whimbrel_column text;
    whimbrel_constraint text;
    whimbrel_table text;
    whimbrel_schema text;
    whimbrel_place text;
    whimbrel_is_conflict boolean;
    whimbrel_into int;
    whimbrel_is_deferred boolean;
    whimbrel_looks boolean := false;
    whimbrel_at int;
    whimbrel_found text[];
BEGIN
    {asked}
    -- The temporary tables are never analysed, and are read by their index alone.
    whimbrel_seqscan := current_setting('enable_seqscan');
    whimbrel_bitmapscan := current_setting('enable_bitmapscan');
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
    WHILE whimbrel_from < {count} LOOP
        whimbrel_size := greatest(1, least(whimbrel_size, {TOGETHER_MAX}));
        whimbrel_behind := least(whimbrel_from + whimbrel_size, {count});
        BEGIN
            {inserts}
            IF whimbrel_looks THEN
                {looks}
            END IF;
            whimbrel_from := whimbrel_behind;
            whimbrel_size := CASE WHEN whimbrel_from < whimbrel_until THEN (whimbrel_until - whimbrel_from) / 2
                ELSE {TOGETHER} * whimbrel_from / (whimbrel_refused + 1) END;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS whimbrel_code = RETURNED_SQLSTATE, whimbrel_message = MESSAGE_TEXT,
                whimbrel_detail = PG_EXCEPTION_DETAIL, whimbrel_column = COLUMN_NAME,
                whimbrel_constraint = CONSTRAINT_NAME, whimbrel_table = TABLE_NAME,
                whimbrel_schema = SCHEMA_NAME, whimbrel_place = PG_EXCEPTION_CONTEXT;
            IF NOT (whimbrel_code ~ '^(22|23|P0)' OR whimbrel_code IN ('54000', '{KEPT_OUT}', '{REWRITTEN}')
                OR whimbrel_place ~ ' at RAISE') THEN
                RAISE;
            END IF;
            IF whimbrel_behind - whimbrel_from > 1 THEN
                -- One of these is refused: it is looked for by halves.
                whimbrel_until := whimbrel_behind;
                whimbrel_size := (whimbrel_behind - whimbrel_from) / 2;
            ELSE
                whimbrel_is_conflict := whimbrel_code = '23505' AND (false{keys});
                INSERT INTO pg_temp.whimbrel_refused VALUES (whimbrel_from, whimbrel_code, whimbrel_message,
                    whimbrel_detail, whimbrel_column, whimbrel_constraint, whimbrel_table, whimbrel_schema,
                    whimbrel_place, whimbrel_is_conflict, whimbrel_into,
                    CASE WHEN whimbrel_code = '{REWRITTEN}' THEN whimbrel_found END);
                EXIT WHEN whimbrel_is_conflict;
                whimbrel_from := whimbrel_behind;
                whimbrel_until := 0;
                whimbrel_refused := whimbrel_refused + 1;
                whimbrel_size := {TOGETHER} * whimbrel_from / (whimbrel_refused + 1);
            END IF;
        END;
    END LOOP;
    INSERT INTO pg_temp.whimbrel_refused (record, message) VALUES (-1, whimbrel_from::text);
    PERFORM set_config('enable_seqscan', whimbrel_seqscan, true),
        set_config('enable_bitmapscan', whimbrel_bitmapscan, true);
END {QUOTE}",
        count = records.count,
    )
}

/// What the block does with the answer to whether triggers run. What a deferred one does, the block does not see.
const NOTE: &str = "\
IF whimbrel_is_deferred THEN RAISE EXCEPTION 'a trigger is deferred'; END IF; \
whimbrel_looks := whimbrel_looks OR whimbrel_is_deferred IS NOT NULL;";

/// Looks at rows of a table again that were inserted, and raises where one holds other values than were copied.
fn look(number: usize, rows: &Rows<'_>, staging: &str) -> String {
    let column = |place: &usize| &rows.table.columns[*place];
    let equal = |key: &usize| {
        let name = quote(&column(key).name);
        format!("t.{name} = s.{name}")
    };
    let by = rows.key.iter().map(equal).collect::<Vec<_>>().join(" AND ");
    let has_key = rows.key.iter().map(|key| format!("s.{} IS NOT NULL", quote(&column(key).name)));
    let has_key = has_key.collect::<Vec<_>>().join(" AND ");
    // Equal numbers may be written in several ways; of all else the bytes are compared, as not every type has an `=`.
    let is_number =
        |place: &&usize| matches!(column(place).kind, ColumnType::Decimal { .. } | ColumnType::Float { .. });
    let (numbers, others): (Vec<&usize>, Vec<&usize>) = rows.columns.iter().partition(is_number);
    let list = |alias: &str| {
        let names = others.iter().map(|place| format!("{alias}.{}", quote(&column(place).name)));
        format!("ROW({})::pg_catalog.record", names.collect::<Vec<_>>().join(", "))
    };
    let mut differs: Vec<String> = Vec::new();
    if !others.is_empty() {
        differs.push(format!("{} OPERATOR(pg_catalog.*<>) {}", list("s"), list("t")));
    }
    differs.extend(numbers.iter().map(|place| {
        let name = quote(&column(place).name);
        format!("s.{name} IS DISTINCT FROM t.{name}")
    }));
    let found: Vec<String> = rows.columns.iter().map(|place| text::select("t", column(place))).collect();
    format!(
        "SELECT s.whimbrel_row INTO whimbrel_at FROM pg_temp.{staging} AS s
            WHERE s.whimbrel_record >= whimbrel_from AND s.whimbrel_record < whimbrel_behind AND {has_key}
              AND (SELECT {differs} FROM {table} AS t WHERE {by} LIMIT 1) IS NOT FALSE
            ORDER BY s.whimbrel_row LIMIT 1;
        IF FOUND THEN
            whimbrel_into := {number};
            whimbrel_found := (SELECT ARRAY[{found}]::text[] FROM pg_temp.{staging} AS s, {table} AS t
                WHERE s.whimbrel_record >= whimbrel_from AND s.whimbrel_record < whimbrel_behind
                  AND s.whimbrel_row = whimbrel_at AND {by} LIMIT 1);
            RAISE EXCEPTION USING ERRCODE = '{REWRITTEN}', MESSAGE = whimbrel_at::text;
        END IF;
        ",
        differs = differs.join(" OR "),
        table = TableName::parse(&rows.table.name).sql(),
        found = found.join(", "),
    )
}
