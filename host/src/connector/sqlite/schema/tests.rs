//! Schemas of real databases and of SQLite's oddities.

use std::path::Path;

use super::*;

type Test = std::result::Result<(), Box<dyn std::error::Error>>;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

fn database(sql: &str) -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(sql)?;
    Ok(connection)
}

fn schema(connection: &Connection, table: &str) -> std::result::Result<TableSchema, Box<dyn std::error::Error>> {
    Ok(read(connection, table)?.ok_or_else(|| format!("there is no {table}"))?)
}

/// One line a table: columns (`!` not null, `+` filled in, `=` computed), key, references.
fn outline(table: &TableSchema) -> String {
    let names =
        |columns: &[usize]| columns.iter().map(|c| table.columns[*c].name.clone()).collect::<Vec<_>>().join(",");
    let mut out = format!("{}:", table.name);
    for column in &table.columns {
        let marks = [(!column.nullable, "!"), (column.has_default, "+"), (column.generated, "=")];
        let marks: String = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
        let kind = match &column.kind {
            ColumnType::Integer { .. } => "int".to_owned(),
            ColumnType::Text { chars_max, .. } => {
                format!("text{}", chars_max.map(|n| n.to_string()).unwrap_or_default())
            }
            ColumnType::Decimal { limits: Some((digits, scale)), .. } => format!("dec{digits},{scale}"),
            ColumnType::LocalTimestamp => "local".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        out.push_str(&format!(" {} {kind}{marks}", column.name));
    }
    out.push_str(&format!(" | {}", names(&table.primary_key)));
    for unique in &table.uniques {
        out.push_str(&format!(" | unique {}", names(&unique.columns)));
    }
    for key in &table.foreign_keys {
        out.push_str(&format!(" | {} -> {}.{}", names(&key.columns), key.parent, key.parent_columns.join(",")));
    }
    out
}

#[test]
fn chinook() -> Test {
    let file = format!("{DATA}/chinook/Chinook_Sqlite.sqlite");
    if !Path::new(&file).exists() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("SKIPPED: {file} is not there");
        }
        return Ok(());
    }
    let connection = super::super::file::open(Path::new(&file), super::super::Mode::ReadOnly)?;
    for expected in [
        "Album: AlbumId int!+ Title text160! ArtistId int! | AlbumId | ArtistId -> Artist.ArtistId",
        "Artist: ArtistId int!+ Name text120 | ArtistId",
        "Customer: CustomerId int!+ FirstName text40! LastName text20! Company text80 Address text70 City text40 \
         State text40 Country text40 PostalCode text10 Phone text24 Fax text24 Email text60! SupportRepId int \
         | CustomerId | SupportRepId -> Employee.EmployeeId",
        "Employee: EmployeeId int!+ LastName text20! FirstName text20! Title text30 ReportsTo int BirthDate local \
         HireDate local Address text70 City text40 State text40 Country text40 PostalCode text10 Phone text24 \
         Fax text24 Email text60 | EmployeeId | ReportsTo -> Employee.EmployeeId",
        "Genre: GenreId int!+ Name text120 | GenreId",
        "Invoice: InvoiceId int!+ CustomerId int! InvoiceDate local! BillingAddress text70 BillingCity text40 \
         BillingState text40 BillingCountry text40 BillingPostalCode text10 Total dec10,2! | InvoiceId \
         | CustomerId -> Customer.CustomerId",
        "InvoiceLine: InvoiceLineId int!+ InvoiceId int! TrackId int! UnitPrice dec10,2! Quantity int! \
         | InvoiceLineId | InvoiceId -> Invoice.InvoiceId | TrackId -> Track.TrackId",
        "MediaType: MediaTypeId int!+ Name text120 | MediaTypeId",
        "Playlist: PlaylistId int!+ Name text120 | PlaylistId",
        "PlaylistTrack: PlaylistId int! TrackId int! | PlaylistId,TrackId | PlaylistId -> Playlist.PlaylistId \
         | TrackId -> Track.TrackId",
        "Track: TrackId int!+ Name text200! AlbumId int MediaTypeId int! GenreId int Composer text220 \
         Milliseconds int! Bytes int UnitPrice dec10,2! | TrackId | AlbumId -> Album.AlbumId \
         | GenreId -> Genre.GenreId | MediaTypeId -> MediaType.MediaTypeId",
    ] {
        let name = expected.split(':').next().unwrap_or_default();
        let table = schema(&connection, name)?;
        assert_eq!(outline(&table), expected);
        assert!(table.not_predicted.is_empty(), "{:?}", table.not_predicted);
    }
    assert_eq!(read(&connection, "album")?, None);
    Ok(())
}

#[test]
fn keys_without_an_index_of_their_own_are_rowids() -> Test {
    let connection = database(
        "CREATE TABLE alias (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE descending (id INTEGER PRIMARY KEY DESC);
         CREATE TABLE int_key (id INT PRIMARY KEY);
         CREATE TABLE bare (id INTEGER PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE strict (id TEXT PRIMARY KEY, v INT NOT NULL DEFAULT 1, w INT NOT NULL DEFAULT NULL) STRICT;",
    )?;
    for expected in [
        "alias: id int!+ v text | id",
        "descending: id int | id",
        "int_key: id int | id",
        "bare: id int! | id",
        "strict: id text! v int!+ w int! | id",
    ] {
        assert_eq!(outline(&schema(&connection, expected.split(':').next().unwrap_or_default())?), expected);
    }
    Ok(())
}

#[test]
fn what_a_dry_run_cannot_foresee_is_named() -> Test {
    let connection = database(
        "CREATE TABLE \"odd \"\" name\" (
            a INTEGER PRIMARY KEY, -- CHECK (not this)
            \"order\" TEXT DEFAULT 'CHECK (nor this)' CHECK (\"order\" <> ')'),
            b INT CONSTRAINT positive CHECK (b > 0),
            c INT GENERATED ALWAYS AS (b * 2) VIRTUAL,
            UNIQUE (b, \"order\"));
         CREATE UNIQUE INDEX lower_order ON \"odd \"\" name\" (lower(\"order\"));
         CREATE UNIQUE INDEX some ON \"odd \"\" name\" (b) WHERE b > 10;
         CREATE UNIQUE INDEX folded ON \"odd \"\" name\" (\"order\" COLLATE NOCASE);
         CREATE INDEX plain ON \"odd \"\" name\" (b);
         CREATE TRIGGER watch AFTER INSERT ON \"odd \"\" name\" BEGIN SELECT 1; END;",
    )?;
    let mut table = schema(&connection, "main.odd \" name")?;
    table.not_predicted.sort();
    assert_eq!(
        table.not_predicted,
        [
            "check constraint (\"order\" <> ')')",
            "check constraint `positive` (b > 0)",
            "index `folded` with collation NOCASE",
            "trigger `watch`",
            "unique index `lower_order` over an expression",
            "unique index `some` with a condition",
        ]
    );
    assert_eq!(
        outline(&table),
        "main.odd \" name: a int!+ order text+ b int c int= | a | unique b,order | unique order"
    );
    Ok(())
}

#[test]
fn foreign_keys_find_the_primary_key_and_the_letter_case() -> Test {
    let connection = database(
        "CREATE TABLE Pair (A INT, B INT, PRIMARY KEY (B, A));
         CREATE TABLE child (x INT, y INT, z INT REFERENCES nowhere(q), FOREIGN KEY (X, y) REFERENCES pair,
            FOREIGN KEY (z) REFERENCES PAIR (a) DEFERRABLE INITIALLY DEFERRED);",
    )?;
    let table = schema(&connection, "child")?;
    assert_eq!(outline(&table), "child: x int y int z int |  | z -> nowhere.q | x,y -> Pair.B,A | z -> Pair.A");
    assert!(has_deferred_foreign_keys(&connection, "child")?);
    assert!(!has_deferred_foreign_keys(&connection, "Pair")?);
    Ok(())
}
