//! Friday's engagements with what lies below them: sections, the engagement's own activity and its chat; its requests for
//! information are in `requests`.

use std::io;

use serde_json::Value as Json;

use super::Dirt;
use super::expected::Row;
use super::friday;
use super::made::Made;
use super::moment::Form;
use super::people::Person;
use super::people::System;
use super::requests;
use super::size;
use super::size::children;
use super::value::Value;
use super::value::map;
use super::words;
use super::world;
use super::written::Written;
use super::written::row;

/// Dates that people typed, and those that a calendar gave.
pub(super) const TYPED: &[Form] = &[Form::Local, Form::Offset, Form::Timestamp];
const STAGES: &[(&str, &str)] = &[
    ("InfoGathering", "info_gathering"),
    ("Commencement", "commencement"),
    ("TeamExecution", "team_execution"),
    ("PartnerReview", "partner_review"),
    ("Finalization", "finalization"),
    ("CloseOut", "close_out"),
];

fn engagement_type_path(out: &Written<'_>, index: usize) -> String {
    format!("friday/engagement_types/list/{}", out.world.id(world::ENGAGEMENT_TYPE, index))
}

pub(super) fn engagement_type(out: &mut Written<'_>, index: usize) -> io::Result<()> {
    let path = engagement_type_path(out, index);
    let mut made = Made::new(out.world, world::ENGAGEMENT_TYPE, index, path.clone());
    let names = ["Annual audit", "Review", "Compilation", "Tax", "Agreed-upon procedures", "Payroll"];
    let name = made.text("name", names[index % names.len()]);
    out.document(made, vec![("engagement_types", vec![("legacy_path", path.into()), ("name", name)])])
}

/// Writes every engagement, and below it what is its own.
pub(super) fn write(out: &mut Written<'_>) -> io::Result<()> {
    let size = out.world.size;
    for index in 0..size.engagements {
        let (path, client) = engagement(out, index)?;
        for section in children(size.sections, size.engagements, index) {
            rfi_section(out, &path, section)?;
        }
        for rfi in children(size.rfis, size.engagements, index) {
            let rfi_path = requests::request(out, index, &path, client, rfi)?;
            for question in children(size.questions, size.rfis, rfi) {
                requests::question(out, &rfi_path, question)?;
            }
            for activity in children(size.rfi_activity, size.rfis, rfi) {
                requests::activity(out, &path, &rfi_path, activity)?;
            }
        }
        for activity in children(size.activity, size.engagements, index) {
            engagement_activity(out, &path, activity)?;
        }
        for chat in children(size.chat, size.engagements, index) {
            message(out, world::CHAT, System::Friday, &path, "engagement_id", chat)?;
        }
    }
    Ok(())
}

/// Returns the engagement's path, and its client's place.
fn engagement(out: &mut Written<'_>, index: usize) -> io::Result<(String, usize)> {
    let world = out.world;
    let path = world.engagement_path(index);
    let mut made = Made::new(world, world::ENGAGEMENT, index, path.clone());
    let limit = made.random.below(world.size.clients) + 1;
    let client = made.random.below(limit);
    let mut columns = vec![("legacy_path", path.as_str().into())];
    columns.extend(client_of(out, &mut made, client)?);
    let types = made.random.below(size::ENGAGEMENT_TYPES);
    let type_path = engagement_type_path(out, types);
    let type_id = type_path.rsplit('/').next().unwrap_or_default();
    let has_type = made.maybe("engagement_type", type_id);
    columns.push(("engagement_type_id", if has_type { row(&type_path) } else { Json::Null }));
    let name = format!("{} {}", world.client_name(client), 2019 + index % 6);
    // The field was renamed.
    let field = if made.random.percent(70) { "name" } else { "title" };
    columns.push(("name", made.text(field, name)));
    let year = i64::try_from(2019 + index % 6).unwrap_or(0);
    let stored = if made.random.percent(20) { year.to_string().into() } else { Value::Integer(year) };
    columns.push(("year", if made.maybe("year", stored) { year.into() } else { Json::Null }));
    columns.push(("month", made.maybe_text("month", "February")));
    for field in ["commencement_date", "deadline_date", "completion_date"] {
        columns.push((field, made.maybe_time(field, TYPED)));
    }
    let team = made.random.below(world.size.teams);
    let team_path = world.team_path(System::Friday, team);
    let team_value = made.record_value(&team_path, "team");
    columns.push(("team_id", if made.maybe("team", team_value) { row(&team_path) } else { Json::Null }));
    let status = made.random.pick(&["Pending", "Active", "Active", "Active"]);
    columns.push(("status", status.to_lowercase().into()));
    made.put("status", status);
    let (stored, stage) = STAGES[made.random.below(STAGES.len())];
    columns.push(("stage", if made.maybe("stage", stored) { stage.into() } else { Json::Null }));
    columns.push(("created_by", made.maybe_user("user", System::Friday)));
    let interval = made.random.pick(&["yearly", "monthly", "once"]);
    columns.push(("repeat_interval", made.maybe_text("repeat_interval", interval)));
    columns.push(("progress", made.amount("progress", 10_000)));
    columns.push(("client_progress", made.amount("client_progress", 10_000)));
    columns.push(("fee", made.amount("fee", 90_000_000)));
    columns.extend(papers(&mut made));
    columns.push(("clerks_can_approve", made.maybe_flag("clerksCanApprove", 20)));
    let feedback = map([("rating", 4.into()), ("comment", made.random.pick(words::SENTENCES).into())]);
    columns.push(("feedback", made.maybe_json("feedback", feedback)));
    let (review, previous) = (world.review_of(index), made.random.below(world.size.reviews));
    let review = review.filter(|_| made.random.percent(50));
    columns.push(("review_id", review.map_or(Json::Null, |review| row(&world.review_path(review)))));
    if let Some(review) = review {
        made.put("review_link", world.id(world::REVIEW, review));
    }
    let has_previous = made.random.percent(20);
    columns.push(("previous_review_id", if has_previous { row(&world.review_path(previous)) } else { Json::Null }));
    if has_previous {
        made.put("previous_year_review_link", Value::Reference(world.review_path(previous)));
    }
    made.put("rfis_linked", Vec::<Value>::new());
    columns.push(("created_at", made.maybe_time("createdTime", &[Form::Timestamp, Form::Millis, Form::Seconds])));

    let count = made.random.below(8);
    let users = friday::mixed(&mut made, System::Friday, count);
    let values: Vec<Value> = users.iter().map(|person| made.user_value(*person)).collect();
    made.put("users", values);
    let mut rows = vec![("engagements", columns)];
    rows.extend(out.links("engagement_users", ("engagement_id", row(&path)), &users));
    out.document(made, rows)?;
    Ok((path, client))
}

/// The client: by id, as a map or a reference, in a field of another name, or by nothing but its name.
fn client_of(out: &mut Written<'_>, made: &mut Made<'_>, client: usize) -> io::Result<Row> {
    let world = out.world;
    let (path, name) = (world.client_path(client), world.client_name(client));
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    let is_linked = match made.random.below(100) {
        0..60 => {
            let value = made.record_value(&path, &name);
            made.put("client", value);
            true
        }
        60..80 => {
            made.put("client_id", id);
            true
        }
        80..90 => {
            made.put("client", Value::Null);
            made.put("client_id", Value::Reference(path.clone()));
            true
        }
        _ => false,
    };
    let has_name = !is_linked || made.random.percent(40);
    if has_name {
        made.put("client_name", name.as_str());
    }
    if !is_linked {
        let same: Vec<String> =
            world.clients_named_as(client).into_iter().map(|client| world.client_path(client)).collect();
        out.expected.by_name(&made.path, &name, &same)?;
    }
    Ok(vec![
        ("client_id", if is_linked { row(&path) } else { Json::Null }),
        ("client_name", if has_name { name.into() } else { Json::Null }),
    ])
}

/// The states of the papers of an engagement, each a map of two.
fn papers(made: &mut Made<'_>) -> Row {
    const PAPERS: &[(&str, &str, &str)] = &[
        ("engagement_letter", "letter_client_status", "letter_auditor_status"),
        ("post_rfi", "post_rfi_client_status", "post_rfi_auditor_status"),
        ("post_rfi_journal", "post_rfi_journal_client_status", "post_rfi_journal_auditor_status"),
    ];
    let mut columns = Row::new();
    for (field, client_column, auditor_column) in PAPERS {
        let client = made.random.pick(&["not_started", "sent", "signed"]);
        let auditor = made.random.pick(&["not_started", "drafted", "complete"]);
        // One of both may be missing within the map.
        let (value, auditor) = if made.random.percent(20) {
            (map([("client", client.into())]), Json::Null)
        } else {
            (map([("client", client.into()), ("auditor", auditor.into())]), auditor.into())
        };
        let is_there = made.maybe(field, value);
        columns.push((client_column, if is_there { client.into() } else { Json::Null }));
        columns.push((auditor_column, if is_there { auditor } else { Json::Null }));
    }
    columns
}

fn rfi_section(out: &mut Written<'_>, engagement: &str, index: usize) -> io::Result<()> {
    let path = format!("{engagement}/sections/{}", out.world.id(world::SECTION, index));
    let mut made = Made::new(out.world, world::SECTION, index, path.clone());
    let mut columns = vec![("legacy_path", path.into()), ("engagement_id", row(engagement))];
    columns.push(("name", made.text("name", format!("Section {}", index % 20))));
    columns.push(("key", made.maybe_text("key", format!("S{}", index % 20))));
    columns.push(("position", made.integer("order", 20)));
    out.document(made, vec![("rfi_sections", columns)])
}

fn engagement_activity(out: &mut Written<'_>, engagement: &str, index: usize) -> io::Result<()> {
    let path = format!("{engagement}/activity/{}", out.world.id(world::ACTIVITY, index));
    let mut made = Made::new(out.world, world::ACTIVITY, index, path.clone()).with_dirt(
        world::ACTIVITY,
        index,
        &[Dirt::BadDate, Dirt::Dangling],
    );
    let mut columns = vec![("legacy_path", path.into()), ("engagement_id", row(engagement))];
    columns.extend([("rfi_id", Json::Null), ("review_id", Json::Null)]);
    columns.push(("user_id", made.maybe_user("user", System::Friday)));
    let message = made.random.pick(words::SENTENCES);
    columns.push(("message", made.text("message", message)));
    columns.push(("user_email", Json::Null));
    columns.push(("occurred_at", made.required_time("timestamp", &[Form::Timestamp, Form::Seconds])));
    out.document(made, vec![("activity_logs", columns)])
}

/// A message in the chat of an engagement or a review.
pub(super) fn message(
    out: &mut Written<'_>,
    tag: u64,
    system: System,
    parent: &str,
    column: &'static str,
    index: usize,
) -> io::Result<()> {
    let path = format!("{parent}/chat/{}", out.world.id(tag, index));
    let dirt = [Dirt::Dangling, Dirt::Missing, Dirt::BadDate];
    let mut made = Made::new(out.world, tag, index, path.clone()).with_dirt(tag, index, &dirt);
    let other = if column == "review_id" { "engagement_id" } else { "review_id" };
    let mut columns = vec![("legacy_path", path.into()), (column, row(parent)), (other, Json::Null)];
    columns.push(("author_id", made.maybe_user("user", system)));
    let body = made.random.pick(words::SENTENCES);
    // The field was renamed.
    let field = if made.random.percent(80) { "message" } else { "text" };
    columns.push(("body", made.required_text(field, body)));
    columns.push(("sent_at", made.required_time("dateTime", &[Form::Timestamp, Form::Millis, Form::Local])));
    let reactions = map([("👍", 2.into()), ("seen", true.into())]);
    columns.push(("reactions", made.maybe_json("reactions", reactions)));
    let mentions: Vec<Value> = (0..made.random.below(3))
        .map(|_| {
            let person: Person = made.world.people.some(system, &mut made.random);
            made.world.people.email(person).unwrap_or_default().into()
        })
        .collect();
    columns.push(("mentions", made.maybe_json("mentions", mentions.into())));
    out.document(made, vec![("messages", columns)])
}
