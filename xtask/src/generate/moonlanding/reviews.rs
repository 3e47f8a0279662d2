//! MyWorkReview's reviews with what lies below them and in them, and the highlights that were removed from them.

use std::io;

use serde_json::Value as Json;

use super::Dirt;
use super::engagements;
use super::expected;
use super::expected::Row;
use super::friday;
use super::highlights;
use super::made::Made;
use super::moment::Form;
use super::people::System;
use super::size;
use super::size::children;
use super::value::Value;
use super::value::map;
use super::words;
use super::world;
use super::written::Written;
use super::written::row;

const SERVER: &[Form] = &[Form::Timestamp, Form::Millis];

/// Writes a review and its chat.
pub(super) fn write(out: &mut Written<'_>, index: usize) -> io::Result<()> {
    let size = out.world.size;
    let path = review(out, index)?;
    for chat in children(size.review_chat, size.reviews, index) {
        engagements::message(out, world::REVIEW_CHAT, System::Mwr, &path, "review_id", chat)?;
    }
    Ok(())
}

fn review(out: &mut Written<'_>, index: usize) -> io::Result<String> {
    let world = out.world;
    let path = world.review_path(index);
    let mut made = Made::new(world, world::REVIEW, index, path.clone());
    let mut columns = vec![("legacy_path", path.as_str().into())];
    let name = format!("{} {}", world.client_name(index % world.size.clients), 2019 + index % 6);
    columns.push(("name", made.text("groupName", name)));
    columns.push(("financial_year", made.maybe_text("financialYear", format!("{}", 2019 + index % 6))));
    columns.push(("engagement_id", engagement_of(&mut made, index)));
    let team = made.random.below(world.size.mwr_teams);
    let team_path = world.team_path(System::Mwr, team);
    let team_value = made.record_value(&team_path, "team");
    columns.push(("team_id", if made.maybe("team", team_value) { row(&team_path) } else { Json::Null }));
    let template = made.random.below(size::MWR_TEMPLATES);
    let template_path = format!("myworkreview/templates/list/{}", world.id(world::MWR_TEMPLATE, template));
    let template_id = template_path.rsplit('/').next().unwrap_or_default();
    let value = map([("cloud_id", template_id.into()), ("name", format!("Template {template}").into())]);
    columns.push(("template_id", if made.maybe("template", value) { row(&template_path) } else { Json::Null }));
    let is_open = made.random.percent(70);
    let status = if is_open { "open" } else { "closed" };
    let stored = if made.random.percent(50) { Value::Bool(is_open) } else { status.into() };
    made.put("status", stored);
    columns.push(("status", status.into()));
    columns.push(("drive_file_id", made.maybe_text("fileUrl", format!("1{}", world.id(world::HIGHLIGHT, index)))));
    columns.push(("is_private", made.maybe_flag("private", 5)));
    columns.push(("is_published", made.maybe_flag("published", 60)));
    columns.push(("published_at", made.maybe_time("published_date", &[Form::Timestamp, Form::Local])));
    columns.push(("closed_at", made.maybe_time("closed_date", &[Form::Timestamp, Form::Offset])));
    columns.push(("deadline_at", made.maybe_time("deadline_date", &[Form::Local, Form::Offset])));
    columns.push(("updated_at", made.maybe_time("lastUpdated", SERVER)));
    let stage = made.random.pick(&["planning", "fieldwork", "review", "signed"]);
    columns.push(("stage", made.maybe_text("stage", stage)));
    columns.push(("email", made.maybe_text("email", format!("review{index}@example.co.za"))));
    columns.push(("created_by", made.maybe_user("user", System::Mwr)));
    columns.push(("first_manager_id", made.maybe_user("firstManager", System::Mwr)));
    let tags: Vec<Value> = (0..made.random.below(3)).map(|tag| format!("tag {tag}").into()).collect();
    columns.push(("tags", made.maybe_json("tags", tags.into())));
    columns.extend(tender(&mut made, index));
    made.put("sections", Vec::<Value>::new());
    made.put("attachments", Vec::<Value>::new());

    let mut rows = vec![("reviews", columns)];
    rows.extend(flags(&mut made, &path));
    rows.extend(collaborators(&mut made, &path));
    let count = made.random.below(5);
    let users = friday::mixed(&mut made, System::Mwr, count);
    let ids: Vec<Value> = users.iter().map(|person| world.people.id(*person).into()).collect();
    made.put("collaboratorCloudIds", ids);
    rows.extend(out.links("review_users", ("review_id", row(&path)), &users));
    rows.extend(highlights::of_review(&mut made, &path, index));
    out.document(made, rows)?;
    Ok(path)
}

/// The engagement where the review says it: as an id or a reference. What does not say it is of none, whatever an engagement
/// says of it.
fn engagement_of(made: &mut Made<'_>, index: usize) -> Json {
    if !made.random.percent(60) {
        return Json::Null;
    }
    let path = made.world.engagement_path(made.world.engagement_of(index));
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    let value = if made.random.percent(80) { id.into() } else { Value::Reference(path.clone()) };
    made.put("friday_link", value);
    row(&path)
}

/// What only a tender has, in a map.
fn tender(made: &mut Made<'_>, index: usize) -> Row {
    let mut details = Made::new(made.world, world::TENDER, index, String::new());
    let mut columns = vec![("tender_deadline", details.maybe_time("deadline_date", &[Form::Local, Form::Timestamp]))];
    columns.push(("tender_announced_at", details.maybe_time("announcement_date", &[Form::Local])));
    columns.push(("tender_contact", details.maybe_text("contact_person", "Ms Naidoo")));
    columns.push(("tender_price", details.amount("price", 900_000_000)));
    columns.push(("tender_winning_price", details.amount("winning_price", 900_000_000)));
    if made.random.percent(15) {
        made.put("tender_details", Value::Map(details.fields));
        return columns;
    }
    columns.into_iter().map(|(column, _)| (column, Json::Null)).collect()
}

fn flags(made: &mut Made<'_>, review: &str) -> Vec<(&'static str, Row)> {
    let count = made.random.below(3);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for position in 0..count {
        let kind = made.random.pick(&["urgent", "query", "partner"]);
        let (person, user) = made.some_user(System::Mwr);
        let form = if made.random.percent(50) { Form::Timestamp } else { Form::Local };
        let applied = super::moment::some(&mut made.random, form);
        values.push(map([("type", kind.into()), ("user", user), ("date", super::moment::stored(applied, form))]));
        rows.push((
            "flags",
            vec![
                ("review_id", row(review)),
                ("position", position.into()),
                ("flag_type", kind.into()),
                ("applied_by", made.world.people.reference(person)),
                ("applied_at", expected::instant(applied)),
            ],
        ));
    }
    made.put("flags", values);
    rows
}

/// Who was asked to look on, known by an address only.
fn collaborators(made: &mut Made<'_>, review: &str) -> Vec<(&'static str, Row)> {
    let count = made.random.below(3);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for position in 0..count {
        let email = format!("guest{}@example.org", made.random.below(900));
        let is_permanent = made.random.percent(70);
        let kind = if is_permanent { "permanent" } else { "temporary" };
        let expires = super::moment::some(&mut made.random, Form::Local);
        let mut columns = vec![
            ("review_id", row(review)),
            ("position", position.into()),
            ("email", email.as_str().into()),
            ("access_type", kind.into()),
        ];
        if is_permanent {
            values.push(map([("email", email.into()), ("type", kind.into()), ("expiry", Value::Null)]));
            columns.push(("expires_at", Json::Null));
        } else {
            let expiry = super::moment::stored(expires, Form::Local);
            values.push(map([("email", email.into()), ("type", kind.into()), ("expiry", expiry)]));
            columns.push(("expires_at", expected::instant(expires)));
        }
        rows.push(("collaborators", columns));
    }
    made.put("collaborators", values);
    rows
}

/// Writes the highlights that were removed from a review; the document above them was never there.
pub(super) fn removed(out: &mut Written<'_>, review: usize) -> io::Result<()> {
    let world = out.world;
    for index in children(world.size.removed_highlights, world.size.reviews, review) {
        let above = format!("myworkreview/removedHighlights/list/{}/highlights", world.id(world::REVIEW, review));
        let path = format!("{above}/{}", world.id(world::REMOVED, index));
        let dirt = [Dirt::Orphan, Dirt::BadDate];
        let mut made = Made::new(world, world::REMOVED, index, path.clone()).with_dirt(world::REMOVED, index, &dirt);
        let mut columns = vec![("legacy_path", path.into()), ("review_id", row(&world.review_path(review)))];
        columns.push(("original_id", made.text("id", format!("h{index}"))));
        columns.push(("deleted_at", made.required_time("deletedAt", &[Form::Timestamp, Form::Millis, Form::Offset])));
        columns.push(("deleted_by", made.required_user("deletedBy", System::Mwr)));
        columns.push(("archived_by", made.maybe_user("archivedBy", System::Mwr)));
        let note = made.random.pick(words::SENTENCES);
        columns.push(("resolution_notes", made.maybe_text("note", note)));
        let color = made.random.pick(words::COLORS);
        columns.push(("color", made.maybe_text("color", color)));
        out.document(made, vec![("removed_highlights", columns)])?;
    }
    Ok(())
}
