//! MyWorkReview's collections: users, teams, templates, checklists, e-mails, permissions and logs; its reviews are in
//! `reviews`.

use std::io;

use serde_json::Value as Json;

use super::Dirt;
use super::friday;
use super::friday::unmapped;
use super::made::Made;
use super::moment::Form;
use super::people::Person;
use super::people::ROLES;
use super::people::System;
use super::reviews;
use super::size;
use super::value::Value;
use super::value::map;
use super::words;
use super::world;
use super::written::Written;
use super::written::row;

/// Writes all of it, each collection in one piece.
pub(super) fn write(out: &mut Written<'_>) -> io::Result<()> {
    let size = out.world.size;
    for (role, name) in ROLES.iter().enumerate() {
        let path = format!("myworkreview/roles/list/{}", System::Mwr.role_id(role));
        unmapped(out, path, role, &[("name", (*name).into())])?;
    }
    (0..size.mwr_users).try_for_each(|index| friday::user(out, Person { system: System::Mwr, index }))?;
    for index in 0..size.user_groups {
        unmapped(out, format!("myworkreview/userGroups/list/group-{index}"), index, &[("name", "Group".into())])?;
    }
    (0..size.mwr_teams).try_for_each(|index| friday::team(out, System::Mwr, index))?;
    (0..size::MWR_TEMPLATES).try_for_each(|index| friday::template(out, System::Mwr, index))?;
    (0..size.reviews).try_for_each(|index| reviews::write(out, index))?;
    (0..size.reviews).try_for_each(|index| reviews::removed(out, index))?;
    (0..size.checklists).try_for_each(|index| checklist(out, index))?;
    (0..size.permissions).try_for_each(|index| permission(out, index))?;
    (0..size.mwr_logs).try_for_each(|index| log(out, index))?;
    for index in 0..size::MWR_SETTINGS {
        unmapped(out, format!("myworkreview/settings/list/setting-{index}"), index, &[("value", 1.5.into())])?;
    }
    for index in 0..size::MWR_APIS {
        unmapped(out, format!("myworkreview/apis/list/api-{index}"), index, &[("enabled", true.into())])?;
    }
    (0..size.mwr_emails).try_for_each(|index| friday::email(out, System::Mwr, index))
}

/// A checklist with its items; some are of no review.
fn checklist(out: &mut Written<'_>, index: usize) -> io::Result<()> {
    let world = out.world;
    let path = format!("myworkreview/checklists/list/{}", world.id(world::CHECKLIST, index));
    let mut made = Made::new(world, world::CHECKLIST, index, path.clone());
    let mut columns = vec![("legacy_path", path.as_str().into())];
    columns.push(("name", made.text("name", format!("Checklist {}", index % 23))));
    let review = world.review_path(made.random.below(world.size.reviews));
    let value = made.record_value(&review, "review");
    columns.push(("review_id", if made.maybe("review", value) { row(&review) } else { Json::Null }));
    columns.push(("type", made.maybe_text("type", "standard")));
    columns.push(("is_mandatory", made.maybe_flag("mandatory", 30)));
    columns.push(("assigned_to", made.maybe_user("assigned_to", System::Mwr)));
    columns.push(("approved_by", made.maybe_user("approvedBy", System::Mwr)));
    columns.push(("approved_at", made.maybe_time("approvedDate", &[Form::Timestamp, Form::Offset])));
    columns.push(("created_by", made.maybe_user("user", System::Mwr)));
    columns.push(("created_at", made.maybe_time("created", &[Form::Timestamp, Form::Millis])));
    let mut rows = vec![("checklists", columns)];
    let mut items = Vec::new();
    for position in 0..1 + made.random.below(8) {
        let id = format!("item-{position}");
        let question = made.random.pick(words::SENTENCES);
        let (person, user) = made.some_user(System::Mwr);
        let responses: Vec<Value> =
            (0..made.random.below(3)).map(|_| made.random.pick(&["yes", "n/a"]).into()).collect();
        let is_done = made.random.percent(50);
        rows.push((
            "checklist_items",
            vec![
                ("checklist_id", row(&path)),
                ("legacy_id", id.as_str().into()),
                ("position", position.into()),
                ("question", question.into()),
                ("responses", super::expected::json_text(&responses.clone().into())),
                ("is_done", i64::from(is_done).into()),
                ("updated_by", world.people.reference(person)),
            ],
        ));
        items.push(map([
            ("id", id.into()),
            ("question", question.into()),
            ("responses", responses.into()),
            ("resolved", is_done.into()),
            ("updatedBy", user),
        ]));
    }
    made.put("section_items", items);
    out.document(made, rows)
}

/// A change of somebody's permissions by somebody else.
fn permission(out: &mut Written<'_>, index: usize) -> io::Result<()> {
    let path = format!("myworkreview/permissions/list/{}", out.world.id(world::PERMISSION, index));
    let mut made = Made::new(out.world, world::PERMISSION, index, path.clone()).with_dirt(
        world::PERMISSION,
        index,
        &[Dirt::Missing, Dirt::Dangling, Dirt::Orphan],
    );
    let mut columns = vec![("legacy_path", path.into())];
    columns.push(("user_id", made.required_user("user", System::Mwr)));
    columns.push(("affected_user_id", made.maybe_user("affected", System::Mwr)));
    columns.push(("entity_type", made.text("entity_type", "review")));
    let review = made.world.id(world::REVIEW, made.random.below(made.world.size.reviews));
    columns.push(("entity_id", made.text("entity_id", review)));
    let action = made.random.pick(&["grant", "revoke", "modify", "role_change", "template_applied"]);
    columns.push(("action", made.required_text("action", action)));
    for (field, column) in [("old", "old_permissions"), ("new", "new_permissions")] {
        let value = map([("read", true.into()), ("write", made.random.percent(50).into()), ("until", Value::Null)]);
        columns.push((column, made.maybe_json(field, value)));
    }
    let reason = made.random.pick(words::SENTENCES);
    columns.push(("reason", made.maybe_text("reason", reason)));
    columns.push(("occurred_at", made.time("timestamp", &[Form::Timestamp, Form::Seconds, Form::Offset])));
    out.document(made, vec![("permission_audit", columns)])
}

fn log(out: &mut Written<'_>, index: usize) -> io::Result<()> {
    let world = out.world;
    let path = format!("myworkreview/logs/list/{}", world.id(world::MWR_LOG, index));
    let dirt = [Dirt::BadDate, Dirt::Missing];
    let mut made = Made::new(world, world::MWR_LOG, index, path.clone()).with_dirt(world::MWR_LOG, index, &dirt);
    let mut columns = vec![("legacy_path", path.into()), ("engagement_id", Json::Null), ("rfi_id", Json::Null)];
    let review = world.review_path(made.random.below(world.size.reviews));
    let value = made.record_value(&review, "review");
    columns.push(("review_id", if made.maybe("review", value) { row(&review) } else { Json::Null }));
    columns.push(("user_id", made.maybe_user("user", System::Mwr)));
    let message = made.random.pick(words::SENTENCES);
    columns.push(("message", made.required_text("message", message)));
    columns.push(("user_email", Json::Null));
    columns.push(("occurred_at", made.required_time("timestamp", &[Form::Timestamp, Form::Millis])));
    out.document(made, vec![("activity_logs", columns)])
}
