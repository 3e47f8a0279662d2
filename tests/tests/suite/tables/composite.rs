//! Tables whose rows are told apart by several columns, between both databases, and rows of others that refer to them.

use whimbrel_tests::Database;

use super::Small;
use super::moved;

/// Rows are told apart by two columns: others refer to them by an id made of both, or by both where the target keeps them.
#[test]
fn rows_with_a_composite_key_are_referred_to() {
    const LINES: &str = r#"
[[entity]]
name = "returns"
from = "old.returned"
key = "id"
into = ["returns"]
config.columns = { id = "id", line_id = { from = ["order_no", "line_no"], reference = "lines" } }

[[entity]]
name = "lines"
from = "old.line"
key = ["order_no", "line_no"]
id = "STRATEGY"
into = ["lines"]
config.columns = { id = { from = ["order_no", "line_no"] }, order_no = "order_no", line_no = "line_no" }

[[entity]]
name = "kept_returns"
from = "old.returned"
key = "id"
into = ["kept_returns"]
config.columns = { id = "id", order_no = "order_no", line_no = "line_no" }

[[entity]]
name = "kept_lines"
from = "old.line"
key = ["order_no", "line_no"]
into = ["kept_lines"]
config.columns = { order_no = "order_no", line_no = "line_no" }
"#;
    let old = "CREATE TABLE line (order_no INTEGER NOT NULL, line_no TEXT NOT NULL, PRIMARY KEY (order_no, line_no));
        CREATE TABLE returned (id INTEGER PRIMARY KEY, order_no INTEGER, line_no TEXT);
        INSERT INTO line VALUES (1, 'a'), (1, 'b'), (12, 'a'), (2, 'a');
        INSERT INTO returned VALUES (1, 1, 'b'), (2, 12, 'a'), (3, 2, NULL), (4, 1, 'b');";
    for (strategy, id) in [("uuid-v5", "UUID PRIMARY KEY"), ("sequence", "SERIAL PRIMARY KEY")] {
        for from in Database::each() {
            for to in Database::each().into_iter().filter(|to| to.kind() != from.kind()) {
                let is_sqlite = to.kind() == "sqlite";
                let id = if is_sqlite { id.replace("SERIAL", "INTEGER") } else { id.to_owned() };
                let column = if strategy == "uuid-v5" { "UUID" } else { "INTEGER" };
                let new = format!(
                    "CREATE TABLE lines (id {id}, order_no INTEGER, line_no TEXT, UNIQUE (order_no, line_no));
                     CREATE TABLE returns (id INTEGER PRIMARY KEY, line_id {column} REFERENCES lines (id));
                     CREATE TABLE kept_lines (order_no INTEGER, line_no TEXT, PRIMARY KEY (order_no, line_no));
                     CREATE TABLE kept_returns (id INTEGER PRIMARY KEY, order_no INTEGER, line_no TEXT,
                         FOREIGN KEY (order_no, line_no) REFERENCES kept_lines (order_no, line_no));"
                );
                let small = Small::new(from.another(), old, &LINES.replace("STRATEGY", strategy), &new);
                let small = Small { target: to, ..small };
                let predicted = small.call(&["run", "--json"]).run().expect(0).json();
                let done = small.call(&["run", "--execute", "--yes", "--json"]).run().expect(0).json();
                assert_eq!((moved(&predicted), moved(&done)), (16, 16), "{done}");
                let found = small.target.query(
                    "SELECT r.id, l.order_no, l.line_no FROM returns AS r LEFT JOIN lines AS l ON l.id = r.line_id ORDER BY 1",
                );
                let some = |text: &str| Some(text.to_owned());
                let expected = [("1", "1", "b"), ("2", "12", "a"), ("4", "1", "b")]
                    .map(|(id, order, line)| vec![some(id), some(order), some(line)]);
                let without = vec![some("3"), None, None];
                assert_eq!(found, [&expected[..2], &[without], &expected[2..]].concat(), "{strategy}");
                let kept =
                    small.target.query("SELECT COUNT(*) FROM kept_returns JOIN kept_lines USING (order_no, line_no)");
                assert_eq!(kept, [[some("3")]], "{strategy}");
                small.call(&["verify"]).run().expect(0);
            }
        }
    }
}
