//! All of it arrives, as it was: nothing is left behind, replaced or made up.

use serde_json::Value as Json;
use serde_json::json;

use super::FRIDAY;
use super::MWR;
use super::count;
use super::documents;
use super::engagement;
use super::example;
use super::highlight;
use super::review;
use super::rows;

#[test]
fn checklists_and_templates_arrive_whole() {
    let items = json!([
        { "id": "i1", "question": "first?", "responses": ["yes", { "by": "U1" }], "resolved": true },
        { "id": "i2", "question": "second?", "responses": [], "resolved": false },
    ]);
    let example = example(&[
        (MWR, "myworkreview/checklists/list/K1", json!({ "name": "k", "section_items": items })),
        (
            FRIDAY,
            "friday/templates/list/T1",
            json!({ "name": "t", "sections": [{ "name": "one" }, { "name": "two" }] }),
        ),
    ]);
    example.run().run().expect(0);
    let sql = "SELECT c.name, position, question, responses, is_done FROM checklist_items i \
               JOIN checklists c ON c.id = i.checklist_id WHERE c.name = 'k' ORDER BY position";
    let expected = [r#"k | 0 | first? | ["yes",{"by":"U1"}] | 1"#, "k | 1 | second? | [] | 0"];
    assert_eq!(rows(&example.target, sql), expected);
    let sql = "SELECT t.name, position, s.name FROM template_sections s \
               JOIN review_templates t ON t.id = s.template_id WHERE t.name = 't' ORDER BY position";
    assert_eq!(rows(&example.target, sql), ["t | 0 | one", "t | 1 | two"]);
    // And so do all the others.
    let elements = |documents: &[Json], field: &str| -> usize {
        documents.iter().filter_map(|document| document[field].as_array()).map(Vec::len).sum()
    };
    let checklists = documents(&example, MWR, ["myworkreview", "checklists", "list"]);
    let mut templates = documents(&example, FRIDAY, ["friday", "templates", "list"]);
    templates.extend(documents(&example, MWR, ["myworkreview", "templates", "list"]));
    assert!(checklists.len() > 2 && templates.len() > 2);
    assert_eq!(count(&example.target, "checklists"), checklists.len());
    assert_eq!(count(&example.target, "checklist_items"), elements(&checklists, "section_items"));
    assert_eq!(count(&example.target, "review_templates"), templates.len());
    assert_eq!(count(&example.target, "template_sections"), elements(&templates, "sections"));
}

#[test]
fn a_highlight_has_its_own_author_dates_responses_and_image() {
    let image = "data:image/png;base64,iVBORw0KGgo=";
    let whole = json!({
        "id": "h1", "email": "author@example.org", "content": { "image": image }, "resolved": true,
        "resolvedBy": { "cloud_id": "B" }, "resolvedDate": "31/01/24 14:05",
        "partialResolved": true, "partialResolvedBy": "C", "partialResolvedDate": 1_706_616_000_000_u64,
        "responses": [
            { "id": "r1", "user": "B", "text": "why?", "date": "30/01/24 09:00" },
            { "id": "r2", "user": "C", "text": "so", "date": 1_706_702_400 },
        ],
    });
    let highlights = json!([highlight(whole), highlight(json!({ "id": "h2" }))]);
    let example = example(&[
        (MWR, "myworkreview/users/list/A", json!({ "name": "a", "email": "reviewer@example.org" })),
        (MWR, "myworkreview/users/list/B", json!({ "name": "b" })),
        (MWR, "myworkreview/users/list/C", json!({ "name": "c" })),
        (
            MWR,
            "myworkreview/reviews/list/V1",
            review(json!({ "user": "A", "email": "reviewer@example.org", "highlights": highlights })),
        ),
    ]);
    example.run().run().expect(0);
    let sql = "SELECT legacy_id, author_email, h.image, b.name, resolved_at, c.name, partially_resolved_at FROM highlights h \
               LEFT JOIN users b ON b.id = resolved_by LEFT JOIN users c ON c.id = partially_resolved_by \
               WHERE review_id = (SELECT id FROM reviews WHERE name = 'v') ORDER BY position";
    let own = format!(
        "h1 | author@example.org | {image} | b | 2024-01-31T12:05:00.000000Z | c | 2024-01-30T12:00:00.000000Z"
    );
    assert_eq!(rows(&example.target, sql), [own.as_str(), "h2 | NULL | NULL | NULL | NULL | NULL | NULL"]);
    let sql = "SELECT h.legacy_id, r.position, u.name, r.text, r.created_at FROM highlight_responses r \
               JOIN highlights h ON h.id = r.highlight_id JOIN users u ON u.id = r.user_id \
               WHERE h.review_id = (SELECT id FROM reviews WHERE name = 'v') ORDER BY r.position";
    let expected = ["h1 | 0 | b | why? | 2024-01-30T07:00:00.000000Z", "h1 | 1 | c | so | 2024-01-31T12:00:00.000000Z"];
    assert_eq!(rows(&example.target, sql), expected);
}

#[test]
fn a_client_is_known_by_its_id_and_never_by_its_name() {
    let example = example(&[
        (FRIDAY, "friday/clients/list/C1", json!({ "name": "Acme" })),
        (FRIDAY, "friday/clients/list/C2", json!({ "name": "Acme" })),
        (FRIDAY, "friday/engagements/list/E1", engagement(json!({ "name": "e1", "client_name": "Acme" }))),
        (
            FRIDAY,
            "friday/engagements/list/E2",
            engagement(json!({ "name": "e2", "client": "C2", "client_name": "Acme" })),
        ),
        (
            FRIDAY,
            "friday/engagements/list/E3",
            engagement(json!({ "name": "e3", "client": { "cloud_id": "C1", "name": "Acme" } })),
        ),
        (FRIDAY, "friday/engagements/list/E4", engagement(json!({ "name": "e4" }))),
    ]);
    example.run().run().expect(0);
    let sql = "SELECT e.name, client_name, c.legacy_path FROM engagements e LEFT JOIN clients c ON c.id = e.client_id \
               WHERE e.name IN ('e1', 'e2', 'e3', 'e4') ORDER BY 1";
    let expected = [
        "e1 | Acme | NULL",
        "e2 | Acme | friday/clients/list/C2",
        "e3 | NULL | friday/clients/list/C1",
        "e4 | NULL | NULL",
    ];
    assert_eq!(rows(&example.target, sql), expected);
    assert_eq!(count(&example.target, "clients WHERE name = 'Acme'"), 2);
}

#[test]
fn a_review_without_an_engagement_gets_none() {
    let example = example(&[
        (FRIDAY, "friday/engagements/list/E1", engagement(json!({}))),
        (MWR, "myworkreview/reviews/list/V1", review(json!({ "groupName": "v1", "financialYear": "2024" }))),
        (MWR, "myworkreview/reviews/list/V2", review(json!({ "groupName": "v2", "friday_link": "E1" }))),
    ]);
    example.run().run().expect(0);
    let sql = "SELECT r.name, e.legacy_path FROM reviews r LEFT JOIN engagements e ON e.id = r.engagement_id \
               WHERE r.name IN ('v1', 'v2') ORDER BY 1";
    assert_eq!(rows(&example.target, sql), ["v1 | NULL", "v2 | friday/engagements/list/E1"]);
    let engagements = documents(&example, FRIDAY, ["friday", "engagements", "list"]);
    assert_eq!(count(&example.target, "engagements"), engagements.len());
}
