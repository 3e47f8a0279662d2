//! Who is whom: nobody vanishes, and no two become one that are not.

use serde_json::json;

use super::DEAD_LETTERS;
use super::FRIDAY;
use super::MWR;
use super::bear_dead_letters;
use super::dead;
use super::declare;
use super::engagement;
use super::example;
use super::reference;
use super::review;
use super::rows;

#[test]
fn who_has_no_email_is_kept_alone() {
    let example = example(&[
        (FRIDAY, "friday/users/list/no-field", json!({ "name": "a" })),
        (FRIDAY, "friday/users/list/null", json!({ "name": "b", "email": null })),
        (FRIDAY, "friday/users/list/empty", json!({ "name": "c", "email": "" })),
        (MWR, "myworkreview/users/list/no-field", json!({ "name": "d" })),
        (MWR, "myworkreview/users/list/empty", json!({ "name": "e", "email": "" })),
        (MWR, "myworkreview/users/list/blank", json!({ "name": "f", "email": "  " })),
    ]);
    example.run().run().expect(0);
    let sql = "SELECT name FROM users WHERE legacy_path LIKE '%/list/no-field' OR legacy_path LIKE '%/list/null'
               OR legacy_path LIKE '%/list/empty' OR legacy_path LIKE '%/list/blank' ORDER BY name";
    assert_eq!(rows(&example.target, sql), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn the_same_document_id_in_both_systems_is_two_people() {
    let example = example(&[
        (FRIDAY, "friday/users/list/same", json!({ "name": "of friday", "email": "one@example.org" })),
        (MWR, "myworkreview/users/list/same", json!({ "name": "of mwr", "email": "two@example.org" })),
        (FRIDAY, "friday/engagements/list/E1", engagement(json!({ "user": "same" }))),
        (MWR, "myworkreview/reviews/list/V1", review(json!({ "user": { "cloud_id": "same" } }))),
    ]);
    example.run().run().expect(0);
    let sql =
        |table| format!("SELECT u.name FROM {table} t JOIN users u ON u.id = t.created_by WHERE t.name IN ('e', 'v')");
    assert_eq!(rows(&example.target, &sql("engagements")), ["of friday"]);
    assert_eq!(rows(&example.target, &sql("reviews")), ["of mwr"]);
}

#[test]
fn what_makes_an_address_the_same_and_whose_values_stand_is_declared() {
    let example = example(&[
        (FRIDAY, "friday/users/list/P", json!({ "name": "was", "email": " Ada.L+audit@Gmail.com", "created": 1 })),
        (
            MWR,
            "myworkreview/users/list/Q",
            json!({ "name": "is", "email": "adal@gmail.com", "created": 1_700_000_000_000_u64 }),
        ),
    ]);
    let newest = r#"config = { key = "email", survivor = "newest", by = "created_at", normalize = { plus-tags = true, dots = ["gmail.com"] } }"#;
    declare(&example, r#"config = { key = "email" }"#, newest);
    example.run().run().expect(0);
    let sql = "SELECT name, legacy_path FROM users WHERE email LIKE '%gmail.com'";
    assert_eq!(rows(&example.target, sql), ["is | myworkreview/users/list/Q"]);
}

#[test]
fn each_system_has_its_own_ids_of_roles_and_an_unknown_one_is_refused() {
    let partner_of_mwr = "c7TgBhNjMkLpOiU8yT5r";
    let example = example(&[
        (FRIDAY, "friday/users/list/F1", json!({ "name": "a", "role": "K3vXbq81LmPzTn0RcYwe" })),
        (MWR, "myworkreview/users/list/M1", json!({ "name": "b", "role": partner_of_mwr })),
        (
            MWR,
            "myworkreview/users/list/M2",
            json!({ "name": "c", "role": reference(&format!("myworkreview/roles/list/{partner_of_mwr}")) }),
        ),
        (FRIDAY, "friday/users/list/F2", json!({ "name": "d", "role": partner_of_mwr })),
    ]);
    bear_dead_letters(&example);
    example.run().run().expect(DEAD_LETTERS);
    let sql = "SELECT name, role FROM users WHERE name IN ('a', 'b', 'c', 'd') ORDER BY name";
    assert_eq!(rows(&example.target, sql), ["a | partner", "b | partner", "c | partner"]);
    assert_eq!(dead(&example.target), ["friday-users | enum-value | role"]);
}
