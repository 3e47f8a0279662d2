//! The values that are tried, and the columns that they go through.

/// A column, the values that are tried, and what it goes through.
pub struct Column {
    /// Its type.
    pub declared: String,
    /// As SQL takes them without a cast.
    pub values: Vec<String>,
    /// The type of the column in between.
    pub other: String,
    /// What they are made on the way out, and back.
    pub out: Option<String>,
    pub back: Option<String>,
}

/// What else there is to know of PostgreSQL's types.
pub const NOTES: &str = "
A decimal keeps the zeros behind its digits where the database does (`1.50`); to compare, `1.50` and `1.5` are one number. `-0` and `0` are one number to every
database; PostgreSQL keeps the sign, SQLite does not. A computed column is read like any other and is never written. A timestamp with a zone
and one without do not become each other unless a `zone` is named; a label that an enum does not have, a value that a domain refuses and a
text with a NUL character are dead letters.
";

fn column(declared: &str, values: &[&str], other: &str) -> Column {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Column { declared: declared.to_owned(), values, other: other.to_owned(), out: None, back: None }
}

fn cast(column: Column, out: &str, back: &str) -> Column {
    let some = |cast: &str| (!cast.is_empty()).then(|| cast.to_owned());
    Column { out: some(out), back: some(back), ..column }
}

pub fn of_postgres() -> Vec<Column> {
    let far = ["infinity", "-infinity", "0044-03-15 12:00:00.5+00 BC", "294276-12-31 23:59:59.999999+00"];
    let near = ["0001-01-01 00:00:00+00", "2024-03-31 01:30:00.123456+00", "9999-12-31 23:59:59.999999+00"];
    let zoned: Vec<&str> = near.into_iter().chain(far).collect();
    let local: Vec<String> = zoned.iter().map(|at| at.replace("+00", "")).collect();
    let local: Vec<&str> = local.iter().map(String::as_str).collect();
    let array = ["{}", "{NULL}", "{{1,2},{3,NULL}}", "[0:1]={1,2}"];
    let arrays = |more: &[&'static str]| more.iter().copied().chain(array).collect::<Vec<_>>();
    let floats = ["0.1", "NaN", "Infinity", "-Infinity", "-0"];
    vec![
        column("boolean", &["true", "false"], "BOOLEAN"),
        column("smallint", &["-32768", "32767"], "INTEGER"),
        column("integer", &["-2147483648", "2147483647"], "INTEGER"),
        column("bigint", &["-9223372036854775808", "9223372036854775807"], "INTEGER"),
        column("real", &[&floats[..], &["3.4028235e+38", "1e-45"]].concat(), "REAL"),
        column("double precision", &[&floats[..], &["1.7976931348623157e+308", "5e-324"]].concat(), "REAL"),
        column(
            "numeric",
            &["0", "-0.001", "12345678901234567890123456789012345678901234567890.12345", "1.50", "NaN", "Infinity"],
            "NUMERIC",
        ),
        cast(
            column("numeric", &["0.1", "-12345678901234567890123456789012345678901234567890.12345", "NaN"], "TEXT"),
            "text",
            "decimal",
        ),
        column("numeric(12,3)", &["-123456789.125", "0.100"], "NUMERIC(12,3)"),
        cast(column("money", &["-0.01", "92233720368547758.07"], "TEXT"), "text", "decimal"),
        column("text", &["", "ž😀", "a\tb\nc", "NULL", "\\N", "'"], "TEXT"),
        column("character varying(9)", &["", "ž😀 "], "VARCHAR(9)"),
        column("character(4)", &["ab", "", "ž"], "TEXT"),
        column("\"char\"", &["a"], "TEXT"),
        column("name", &["a_name"], "TEXT"),
        column("bytea", &["", "\\x00ff"], "BLOB"),
        column("uuid", &["00112233-4455-6677-8899-aabbccddeeff"], "UUID"),
        column("timestamp with time zone", &zoned, "TIMESTAMPTZ"),
        column("timestamp without time zone", &local, "TIMESTAMP"),
        column("timestamp(3) without time zone", &["2024-03-31 01:30:00.123", "infinity"], "TIMESTAMP"),
        column("date", &["0001-01-01", "9999-12-31", "infinity", "0044-03-15 BC", "5874897-12-31"], "DATE"),
        column("time without time zone", &["00:00:00", "23:59:59.999999", "24:00:00"], "TIME"),
        column("time with time zone", &["12:00:00+02", "24:00:00-15:59"], "TEXT"),
        column("interval", &["1 day", "24:00:00", "-1 years -2 mons +3 days -04:05:06.000007"], "TEXT"),
        column(
            "json",
            &["{\"b\": 1,  \"a\": [1.50]}", "{\"a\": 1, \"a\": 2}", "null", "12345678901234567890123.0", "7"],
            "JSON",
        ),
        column("jsonb", &["{\"b\": 1, \"a\": [1.50]}", "null", "12345678901234567890123.0", "7"], "JSON"),
        column("inet", &["10.0.0.1", "10.0.0.1/24", "::1"], "TEXT"),
        column("cidr", &["10.0.0.0/8", "::/0"], "TEXT"),
        column("macaddr", &["08:00:2b:01:02:03"], "TEXT"),
        column("macaddr8", &["08:00:2b:01:02:03:04:05"], "TEXT"),
        column("bit(16)", &["0000000000000000", "1010101010101010"], "TEXT"),
        column("bit varying(20)", &["", "0101"], "TEXT"),
        column("xml", &["<a>ž</a>", "text &amp; <b/>"], "TEXT"),
        column("int4range", &["[1,5)", "empty", "(,)"], "TEXT"),
        column("tstzrange", &["[\"2024-01-31 12:00:00+00\",infinity)"], "TEXT"),
        column("int4multirange", &["{[1,5),[7,9)}", "{}"], "TEXT"),
        column("point", &["(0.1,1e+300)"], "TEXT"),
        column("polygon", &["((0,0),(1,0),(0.1,1))"], "TEXT"),
        column("tsvector", &["'a':1A 'fat':2"], "TEXT"),
        column("tsquery", &["'fat' & !'cat'"], "TEXT"),
        column("pg_lsn", &["16/B374D848"], "TEXT"),
        column("oid", &["4294967295"], "TEXT"),
        column("hstore", &["\"a\"=>NULL, \"b\"=>\"x, \\\"y\\\"\""], "TEXT"),
        column("citext", &["aB"], "TEXT"),
        column("mood", &["sad", "it's ok"], "TEXT"),
        column("zip", &["01234"], "TEXT"),
        column("pair", &["(1,\"a, \"\"b\"\"\")", "(,)"], "TEXT"),
        column("boolean[]", &["{t,NULL,f}", "{}", "{{t},{f}}"], "JSON"),
        column("integer[]", &arrays(&["{1,NULL,-2147483648}"]), "JSON"),
        column("bigint[]", &arrays(&["{9223372036854775807}"]), "JSON"),
        column("double precision[]", &arrays(&["{0.1,NaN,-Infinity,1e+300}"]), "JSON"),
        column("numeric[]", &arrays(&["{0.12345678901234567890123456789012345678901,NaN}"]), "JSON"),
        column("text[]", &["{}", "{NULL,\"NULL\",\"\",\"a,\\\"b\\\\\"}", "{{a},{b}}"], "JSON"),
        column("character varying(3)[]", &["{abc,NULL}"], "JSON"),
        column("character(3)[]", &["{\"a  \",NULL}"], "JSON"),
        column("uuid[]", &["{00112233-4455-6677-8899-aabbccddeeff,NULL}"], "JSON"),
        column(
            "timestamp with time zone[]",
            &["{\"2024-03-31 01:30:00.123456+00\",infinity,NULL,\"0044-03-15 00:00:00+00 BC\"}"],
            "JSON",
        ),
        column("date[]", &["{2024-01-31,-infinity}"], "JSON"),
        column("time without time zone[]", &["{24:00:00,12:00:00.5}"], "JSON"),
        column("bytea[]", &["{\"\\\\x00ff\",NULL}"], "JSON"),
        column("json[]", &["{\"{\\\"a\\\": 1.50}\",NULL}", "{\"null\"}"], "JSON"),
        column("jsonb[]", &["{\"{\\\"a\\\": 1.50}\",NULL}"], "JSON"),
        column("mood[]", &["{sad,NULL,\"it's ok\"}"], "JSON"),
        column("interval[]", &["{\"1 day\",NULL,24:00:00}", "{{\"1 day\"},{\"2 days\"}}"], "JSON"),
        column("inet[]", &["{10.0.0.1,10.0.0.1/24}"], "JSON"),
        column("pair[]", &["{\"(1,a)\",NULL}"], "JSON"),
    ]
}

pub fn of_sqlite() -> Vec<Column> {
    vec![
        column("INTEGER", &["-9223372036854775808", "9223372036854775807", "'text'"], "bigint"),
        column("REAL", &["0.1", "-0.0", "9e999", "-9e999", "5e-324"], "double precision"),
        column("NUMERIC(15,2)", &["7", "0.25", "-12345678.5", "0.125", "1e300"], "numeric(15,2)"),
        column("TEXT", &["''", "'ž😀'", "'12'", "'a' || char(0) || 'b'", "x'00ff'"], "text"),
        column("VARCHAR(3)", &["'abc'", "'abcd'"], "character varying(3)"),
        column("BLOB", &["x''", "x'00ff'", "'text'"], "bytea"),
        column("BOOLEAN", &["0", "1", "2", "'true'"], "boolean"),
        column("UUID", &["'00112233-4455-6677-8899-aabbccddeeff'", "'00112233-4455-6677-8899-AABBCCDDEEFF'"], "uuid"),
        column("DATE", &["'2024-01-31'", "'31.1.2024'"], "date"),
        column("TIME", &["'12:00:00'", "'12:00:00.123456'", "'12:00'"], "time without time zone"),
        column(
            "DATETIME",
            &["'2024-01-31 12:00:00'", "'2024-01-31 12:00:00.123456'", "'2024-01-31T12:00:00'", "1706702400"],
            "timestamp without time zone",
        ),
        column(
            "TIMESTAMPTZ",
            &["'2024-01-31 12:00:00+00:00'", "'2024-01-31 12:00:00.123456+00:00'", "'2024-01-31 14:00:00+02:00'"],
            "timestamp with time zone",
        ),
        column("JSON", &["'{\"b\": 1,  \"a\": [1.50]}'", "'{'", "7"], "json"),
        column("JSON", &["'{\"a\": 1}'", "'[{\"a\": 1, \"a\": 2}]'"], "jsonb"),
        column("JSON", &["'[1,null,3]'", "'[\"x\"]'", "'{}'"], "integer[]"),
    ]
}

/// One table a column.
pub fn schema(columns: &[Column], declared: impl Fn(&Column) -> &String) -> String {
    let tables = columns.iter().enumerate();
    let tables: String = tables
        .map(|(table, column)| format!("CREATE TABLE t{table} (id INTEGER PRIMARY KEY, v {});\n", declared(column)))
        .collect();
    let is_postgres = columns.iter().any(|column| declared(column) == "mood");
    let types = "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
        CREATE DOMAIN zip AS CHAR(5) CHECK (VALUE <> '00000'); CREATE TYPE pair AS (a INTEGER, b TEXT);\n";
    if is_postgres { format!("{types}{tables}") } else { tables }
}

/// A row each value, numbered from 0.
pub fn inserts(columns: &[Column]) -> String {
    let is_literal = columns.iter().any(|column| column.declared == "mood");
    let mut sql = String::new();
    for (table, column) in columns.iter().enumerate() {
        for (id, value) in column.values.iter().enumerate() {
            let value = match is_literal {
                true => format!("'{}'", value.replace('\'', "''")),
                false => value.clone(),
            };
            sql.push_str(&format!("INSERT INTO t{table} VALUES ({id}, {value});\n"));
        }
    }
    sql
}
