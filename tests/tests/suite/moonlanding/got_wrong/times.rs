//! When it was: in UTC, from what the source says and nothing else.

use rusqlite::Connection;
use serde_json::Value as Json;
use serde_json::json;

use super::DEAD_LETTERS;
use super::FRIDAY;
use super::bear_dead_letters;
use super::dead;
use super::engagement;
use super::example;
use super::rows;

fn now() -> String {
    let clock = Connection::open_in_memory().unwrap();
    clock.query_row("SELECT strftime('%Y-%m-%dT%H:%M:%S', 'now')", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_time_has_its_offset_or_is_johannesburgs_with_its_hours() {
    let dates = json!({
        "commencement_date": "2024-01-31T14:05:06+02:00",
        "deadline_date": "2024-01-31T14:05:06-05:30",
        "completion_date": "31/01/24 14:05",
    });
    let example = example(&[
        (FRIDAY, "friday/engagements/list/E1", engagement(dates)),
        // The second of January, and still the first in UTC.
        (FRIDAY, "friday/engagements/list/E2", engagement(json!({ "completion_date": "02/01/24 00:30" }))),
    ]);
    example.run().run().expect(0);
    let sql =
        "SELECT commencement_date, deadline_date, completion_date FROM engagements WHERE name = 'e' ORDER BY 1 DESC";
    let expected = [
        "2024-01-31T12:05:06.000000Z | 2024-01-31T19:35:06.000000Z | 2024-01-31T12:05:00.000000Z",
        "NULL | NULL | 2024-01-01T22:30:00.000000Z",
    ];
    assert_eq!(rows(&example.target, sql), expected);
}

#[test]
fn a_number_is_seconds_or_milliseconds_as_it_is_declared() {
    let activity = |seconds: u64| json!({ "message": "m", "timestamp": seconds });
    let example = example(&[
        // Which of both `createdTime` is, its size says; the manifest has the border.
        (FRIDAY, "friday/engagements/list/E1", engagement(json!({ "createdTime": 1_706_702_400 }))),
        (FRIDAY, "friday/engagements/list/E2", engagement(json!({ "createdTime": 1_706_702_400_000_u64 }))),
        // Always seconds, always milliseconds, however large or small.
        (FRIDAY, "friday/engagements/list/E1/activity/A1", activity(1_706_702_400)),
        (FRIDAY, "friday/engagements/list/E1/activity/A2", activity(20_000_000_000)),
        (FRIDAY, "friday/users/list/U1", json!({ "name": "a", "created": 1_706_702_400 })),
    ]);
    example.run().run().expect(0);
    let noon = "2024-01-31T12:00:00.000000Z";
    let rows = |sql| rows(&example.target, sql);
    assert_eq!(rows("SELECT created_at FROM engagements WHERE name = 'e'"), [noon, noon]);
    let sql = "SELECT occurred_at FROM activity_logs WHERE message = 'm' ORDER BY 1";
    assert_eq!(rows(sql), [noon, "2603-10-11T11:33:20.000000Z"]);
    assert_eq!(rows("SELECT created_at FROM users WHERE name = 'a'"), ["1970-01-20T18:05:02.400000Z"]);
}

#[test]
fn a_date_that_is_missing_or_cannot_be_read_is_never_now() {
    let activity = |date: Json| json!({ "message": "m", "dateTime": date });
    let path = |id| format!("friday/engagements/list/E1/rfis/R1/activity/{id}");
    let example = example(&[
        (FRIDAY, "friday/engagements/list/E1", engagement(json!({}))),
        (FRIDAY, "friday/engagements/list/E2", engagement(json!({ "deadline_date": "soon" }))),
        (FRIDAY, "friday/engagements/list/E3", engagement(json!({ "deadline_date": "31/02/24 14:05" }))),
        (FRIDAY, "friday/engagements/list/E1/rfis/R1", json!({ "name": "r", "status": 0 })),
        (FRIDAY, &path("A1"), activity(json!("31/01/24 14:05"))),
        (FRIDAY, &path("A2"), activity(json!("31/01/24 25:05"))),
        (FRIDAY, &path("A3"), activity(Json::Null)),
        (FRIDAY, &path("A4"), json!({ "message": "m" })),
        (FRIDAY, &path("A5"), activity(json!(1_706_702_400))),
    ]);
    bear_dead_letters(&example);
    let begun = now();
    example.run().run().expect(DEAD_LETTERS);
    let ended = now();
    let expected = [
        "engagements | date-format | deadline_date",
        "engagements | date-format | deadline_date",
        "rfi-activity | date-format | dateTime",
        "rfi-activity | required | dateTime",
        "rfi-activity | required | dateTime",
        "rfi-activity | type-mismatch | dateTime",
    ];
    assert_eq!(dead(&example.target), expected);
    let rows = |sql: &str| rows(&example.target, sql);
    assert_eq!(rows("SELECT occurred_at FROM activity_logs WHERE message = 'm'"), ["2024-01-31T12:05:00.000000Z"]);
    let sql = "SELECT commencement_date, deadline_date, completion_date, created_at FROM engagements WHERE name = 'e'";
    assert_eq!(rows(sql), ["NULL | NULL | NULL | NULL"]);
    // Nor anywhere else.
    let times = rows(
        "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
                      WHERE m.type = 'table' AND m.name NOT LIKE 'whimbrel%' AND c.type = 'TEXT' \
                      AND (c.name LIKE '%\\_at' ESCAPE '\\' OR c.name LIKE '%\\_date' ESCAPE '\\')",
    );
    assert!(times.len() > 20, "{times:?}");
    for (table, column) in times.iter().map(|name| name.split_once('.').unwrap()) {
        let sql = format!(
            "SELECT \"{column}\" FROM {table} WHERE substr(\"{column}\", 1, 19) BETWEEN '{begun}' AND '{ended}'"
        );
        assert_eq!(rows(&sql), [""; 0], "{table}.{column}");
    }
}
