//! Friday's requests for information, with the responses and files in them, and below them their questions and activity.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::Dirt;
use super::engagements::TYPED;
use super::expected::Row;
use super::friday;
use super::made::Made;
use super::moment::Form;
use super::people::System;
use super::size::children;
use super::value::Value;
use super::value::map;
use super::words;
use super::world;
use super::written::Written;
use super::written::row;

/// Returns the path of the request for information.
pub(super) fn request(
    out: &mut Written<'_>,
    engagement_index: usize,
    engagement: &str,
    client: usize,
    index: usize,
) -> io::Result<String> {
    let world = out.world;
    let path = format!("{engagement}/rfis/{}", world.id(world::RFI, index));
    let mut made = Made::new(world, world::RFI, index, path.clone());
    let mut columns = vec![("legacy_path", path.as_str().into()), ("engagement_id", row(engagement))];
    columns.push(("key", made.maybe_text("key", format!("RFI-{index:06}"))));
    columns.push(("name", made.text("name", format!("Request {}", index % 90))));
    let question = made.random.pick(words::SENTENCES);
    columns.push(("question", made.maybe_text("question", question)));
    columns.push(("requested_at", made.maybe_time("date_requested", TYPED)));
    columns.push(("resolved_at", made.maybe_time("date_resolved", &[Form::Local, Form::Timestamp])));
    made.maybe("deadline", 14);
    columns.push(("deadline_at", made.maybe_time("deadline_date", TYPED)));
    let is_resolved = made.random.percent(60);
    made.put("status", i64::from(is_resolved));
    columns.push(("status", if is_resolved { "resolved" } else { "open" }.into()));
    let auditor = made.random.pick(&["Requested", "Reviewing", "Queries", "Received"]);
    columns.push(("auditor_status", made.maybe_text("auditor_status", auditor)));
    let of_client = made.random.pick(&["Pending", "Partially Sent", "Sent"]);
    columns.push(("client_status", made.maybe_text("client_status", of_client)));
    columns.push(("flag", made.maybe_flag("flag", 10)));
    made.maybe("ml_query", "bank");
    made.maybe("days_outstanding", 3);
    let sections = children(world.size.sections, world.size.engagements, engagement_index);
    let section = (!sections.is_empty()).then(|| sections.start + made.random.below(sections.len()));
    let section_id = section.map(|section| world.id(world::SECTION, section));
    let has_section = section_id.as_ref().is_some_and(|id| made.maybe("section_cloud_id", id.as_str()));
    let section_path = format!("{engagement}/sections/{}", section_id.unwrap_or_default());
    columns.push(("section_id", if has_section { row(&section_path) } else { Json::Null }));

    let count = made.random.below(4);
    let users = friday::mixed(&mut made, System::Friday, count);
    let values: Vec<Value> = users.iter().map(|person| made.user_value(*person)).collect();
    made.put("users", values);
    let mut rows = vec![("rfis", columns)];
    rows.extend(out.links("rfi_users", ("rfi_id", row(&path)), &users));
    rows.extend(responses(&mut made, &path, index));
    rows.extend(files(&mut made, engagement, &path, client));
    out.document(made, rows)?;
    Ok(path)
}

/// What was answered, in the document itself.
fn responses(made: &mut Made<'_>, rfi: &str, index: usize) -> Vec<(&'static str, Row)> {
    let count = made.random.below(4);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for position in 0..count {
        let id = format!("r{}", &made.world.id(world::RESPONSE, index * 4 + position)[..9]);
        let mut element = Made::new(made.world, world::RESPONSE, index * 4 + position, String::new());
        let mut columns =
            vec![("rfi_id", row(rfi)), ("legacy_id", element.text("id", id)), ("position", position.into())];
        columns.push(("responder_id", element.maybe_user("user", System::Friday)));
        let text = element.random.pick(words::SENTENCES);
        columns.push(("response_text", element.text("text", text)));
        columns.push(("responded_at", element.maybe_time("date", TYPED)));
        let status = element.random.pick(&["submitted", "reviewed", "rejected", "accepted"]);
        columns.push(("status", element.maybe_text("status", status)));
        columns.push(("reviewed_by", element.maybe_user("reviewed_by", System::Friday)));
        values.push(Value::Map(element.fields));
        rows.push(("rfi_responses", columns));
    }
    made.put("responseCount", i64::try_from(count).unwrap_or(0));
    made.put("responses", values);
    rows
}

/// What was uploaded; a file's path begins with the name of the old storage.
fn files(made: &mut Made<'_>, engagement: &str, rfi: &str, client: usize) -> Vec<(&'static str, Row)> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let ids = [last(&made.world.client_path(client)), last(engagement), last(rfi)].join("/");
    let count = made.random.below(3);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for position in 0..count {
        let (ending, mime_type) = words::MIME_TYPES[made.random.below(words::MIME_TYPES.len())];
        let name = format!("statement é {position}.{ending}");
        let stored = format!("{ids}/q{position}/{name}_{}", 1_600_000_000 + made.random.below(100_000_000));
        let (person, user) = made.some_user(System::Friday);
        let size = made.random.below(90_000_000);
        let digest = [made.random.number().to_be_bytes(), made.random.number().to_be_bytes()].concat();
        values.push(map([
            ("name", name.as_str().into()),
            ("path", format!("friday-staging/{stored}").into()),
            ("size", i64::try_from(size).unwrap_or(0).into()),
            ("type", mime_type.into()),
            ("md5", Value::Bytes(digest.clone())),
            ("user", user),
        ]));
        rows.push((
            "files",
            vec![
                ("rfi_id", row(rfi)),
                ("position", position.into()),
                ("name", name.into()),
                ("path", format!("moonlanding/{stored}").into()),
                ("size", size.into()),
                ("mime_type", mime_type.into()),
                ("md5", STANDARD.encode(digest).into()),
                ("created_by", made.world.people.reference(person)),
            ],
        ));
    }
    made.put("filesCount", i64::try_from(count).unwrap_or(0));
    made.put("files", values);
    rows
}

pub(super) fn question(out: &mut Written<'_>, rfi: &str, index: usize) -> io::Result<()> {
    let path = format!("{rfi}/questions/{}", out.world.id(world::QUESTION, index));
    let made = Made::new(out.world, world::QUESTION, index, path.clone());
    let mut made = made.with_dirt(world::QUESTION, index, &[Dirt::Dangling, Dirt::Missing]);
    let mut columns = vec![("legacy_path", path.into()), ("rfi_id", row(rfi))];
    let question = made.random.pick(words::SENTENCES);
    columns.push(("question", made.required_text("question", question)));
    columns.push(("position", made.integer("order", 12)));
    columns.push(("is_required", made.maybe_flag("required", 50)));
    columns.push(("asked_by", made.maybe_user("user", System::Friday)));
    columns.push(("created_at", made.maybe_time("created", &[Form::Timestamp, Form::Millis])));
    out.document(made, vec![("rfi_questions", columns)])
}

pub(super) fn activity(out: &mut Written<'_>, engagement: &str, rfi: &str, index: usize) -> io::Result<()> {
    let path = format!("{rfi}/activity/{}", out.world.id(world::RFI_ACTIVITY, index));
    let mut made = Made::new(out.world, world::RFI_ACTIVITY, index, path.clone()).with_dirt(
        world::RFI_ACTIVITY,
        index,
        &[Dirt::BadDate, Dirt::Missing],
    );
    let mut columns = vec![("legacy_path", path.into()), ("engagement_id", row(engagement)), ("rfi_id", row(rfi))];
    columns.extend([("review_id", Json::Null), ("user_id", Json::Null)]);
    let message = made.random.pick(words::SENTENCES);
    columns.push(("message", made.required_text("message", message)));
    let person = made.world.people.some(System::Friday, &mut made.random);
    let email = made.world.people.email(person).unwrap_or_default();
    columns.push(("user_email", made.maybe_text("user_email", email)));
    columns.push(("occurred_at", made.required_time("dateTime", TYPED)));
    out.document(made, vec![("activity_logs", columns)])
}
