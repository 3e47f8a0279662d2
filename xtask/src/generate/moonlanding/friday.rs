//! Friday's collections: users, clients, teams, templates and e-mails; its engagements are in `engagements`.

use std::io;

use serde_json::Value as Json;

use super::Dirt;
use super::engagements;
use super::expected;
use super::made::Made;
use super::moment;
use super::moment::Form;
use super::people::Person;
use super::people::Profile;
use super::people::ROLES;
use super::people::System;
use super::size;
use super::value::Value;
use super::value::map;
use super::words;
use super::world;
use super::written::Written;
use super::written::row;
use crate::generate::random::Random;

/// Writes all of it, each collection in one piece.
pub(super) fn write(out: &mut Written<'_>) -> io::Result<()> {
    let size = out.world.size;
    for (role, name) in ROLES.iter().enumerate() {
        let path = format!("friday/roles/list/{}", System::Friday.role_id(role));
        unmapped(out, path, role, &[("name", (*name).into())])?;
    }
    for index in 0..size::ENGAGEMENT_TYPES {
        engagements::engagement_type(out, index)?;
    }
    for index in 0..size::ENTITY_TYPES {
        let path = format!("friday/entity_types/list/entity-type-{index}");
        unmapped(out, path, index, &[("name", format!("Entity type {index}").into())])?;
    }
    (0..size.users).try_for_each(|index| user(out, Person { system: System::Friday, index }))?;
    for index in 0..size::FRIDAY_PERMISSIONS {
        let path = format!("friday/users/permissions/permission-{index}");
        let roles = Value::Map(
            (0..ROLES.len())
                .map(|role| (System::Friday.role_id(role).into(), Value::Bool(role <= index % 5)))
                .collect(),
        );
        unmapped(out, path, index, &[("key", format!("permission_{index}").into()), ("roles", roles)])?;
    }
    (0..size.teams).try_for_each(|index| team(out, System::Friday, index))?;
    (0..size.clients).try_for_each(|index| client(out, index))?;
    (0..size::FRIDAY_TEMPLATES).try_for_each(|index| template(out, System::Friday, index))?;
    engagements::write(out)?;
    for index in 0..size.recreation_logs {
        let path = format!("friday/recreationLogs/list/{}", out.world.id(world::UNMAPPED, index));
        unmapped(out, path, index, &[("message", "engagement recreated".into()), ("count", 3.into())])?;
    }
    for index in 0..size.logs {
        let path = format!("friday/logs/list/{}", out.world.id(world::UNMAPPED, size.recreation_logs + index));
        unmapped(out, path, index, &[("level", "info".into()), ("message", "signed in".into())])?;
    }
    for index in 0..size::FRIDAY_SETTINGS {
        unmapped(out, format!("friday/settings/list/setting-{index}"), index, &[("theme", "dark".into())])?;
    }
    (0..size.emails).try_for_each(|index| email(out, System::Friday, index))
}

/// A document that goes nowhere.
pub(super) fn unmapped(
    out: &mut Written<'_>,
    path: String,
    index: usize,
    fields: &[(&'static str, Value)],
) -> io::Result<()> {
    let mut made = Made::new(out.world, world::UNMAPPED, index, path);
    for (name, value) in fields {
        made.put(name, value.clone());
    }
    out.document(made, Vec::new())
}

/// A user of either system; the survivor's row is what is left of all of the group.
pub(super) fn user(out: &mut Written<'_>, person: Person) -> io::Result<()> {
    let people = out.world.people;
    let (tag, is_friday) = match person.system {
        System::Friday => (world::FRIDAY_USER, true),
        System::Mwr => (world::MWR_USER, false),
    };
    let profile = people.profile(person);
    let mut made = Made::new(out.world, tag, person.index, people.path(person));
    let maybe = |made: &mut Made<'_>, field: &'static str, value: Option<Value>| match value {
        Some(value) => made.put(field, value),
        None if made.random.percent(50) => made.put(field, Value::Null),
        None => {}
    };
    maybe(&mut made, "name", profile.name.clone().map(Value::from));
    let email = people.email(person).map(|email| spelled(&email, &mut made.random));
    maybe(&mut made, "email", email.map(Value::from));
    let role = profile.role.map(|role| {
        let id = person.system.role_id(role);
        let is_reference = !is_friday && made.random.percent(70);
        if is_reference { Value::Reference(format!("myworkreview/roles/list/{id}")) } else { id.into() }
    });
    maybe(&mut made, "role", role);
    if is_friday {
        maybe(&mut made, "role_name", profile.role.map(|role| ROLES[role].into()));
        maybe(&mut made, "type", profile.kind.map(Value::from));
        let cv = profile.cv.as_ref().map(|cv| format!("{}/{cv}", person.system.project()).into());
        maybe(&mut made, "cv_url", cv);
        // Those of the client say the same, and say it of all of them.
        let size = out.world.size;
        let clients = (person.index..size.clients).step_by(size.users).map(|client| {
            let (path, name) = (out.world.client_path(client), out.world.client_name(client));
            let id = path.rsplit('/').next().unwrap_or_default().into();
            map([("cloud_id", id), ("name", name.into()), ("role", "user".into()), ("status", "active".into())])
        });
        made.put("clients", clients.collect::<Vec<_>>());
    } else {
        let starred: Vec<Value> =
            profile.priority_reviews.iter().map(|review| out.world.id(world::REVIEW, *review).into()).collect();
        maybe(&mut made, "priorityReviews", (!starred.is_empty()).then_some(starred.into()));
        made.put("teams", Vec::<Value>::new());
    }
    let status = profile.status.map(|status| match status {
        "active" if made.random.percent(10) => true.into(),
        "inactive" if made.random.percent(30) => false.into(),
        other => other.into(),
    });
    maybe(&mut made, "status", status);
    made.put("uid", people.id(person));
    maybe(&mut made, "authProvider", profile.provider.map(Value::from));
    maybe(&mut made, "photo", profile.photo.clone().map(Value::from));
    maybe(&mut made, "created", profile.created.map(|(micros, form)| moment::stored(micros, form)));

    let path = made.path.clone();
    if people.is_duplicate(person) {
        out.plant(Dirt::DuplicateEmail, &path, "email")?;
    }
    let mut rows = Vec::new();
    if people.survivor(person) == person {
        rows.push(("users", merged(out, person)?));
    } else {
        out.summary.merged += 1;
    }
    out.document(made, rows)
}

/// What a merge makes of all who are the same person.
fn merged(out: &mut Written<'_>, survivor: Person) -> io::Result<expected::Row> {
    let (world, people) = (out.world, out.world.people);
    let group = people.group(survivor);
    let email = people.email(survivor);
    if let (Some(email), true) = (&email, group.len() > 1) {
        let members: Vec<String> = group.iter().map(|member| people.path(*member)).collect();
        out.expected.merge(email, &members)?;
        out.summary.groups += 1;
    }
    let profiles: Vec<Profile> = group.iter().map(|member| people.profile(*member)).collect();
    let first = |of: &dyn Fn(&Profile) -> Option<Json>| profiles.iter().find_map(of).unwrap_or(Json::Null);
    Ok(vec![
        ("legacy_path", people.path(survivor).into()),
        ("email", email.map_or(Json::Null, |email| serde_json::json!({ "email": email }))),
        ("name", first(&|profile| profile.name.clone().map(Json::from))),
        ("role", first(&|profile| profile.role.map(|role| ROLES[role].into()))),
        ("type", first(&|profile| profile.kind.map(Json::from))),
        ("status", first(&|profile| profile.status.map(Json::from))),
        ("photo_url", first(&|profile| profile.photo.clone().map(Json::from))),
        ("cv_path", first(&|profile| profile.cv.as_ref().map(|cv| format!("moonlanding/{cv}").into()))),
        ("auth_provider", first(&|profile| profile.provider.map(Json::from))),
        (
            "priority_reviews",
            first(&|profile| {
                let ids: Vec<Value> =
                    profile.priority_reviews.iter().map(|review| world.id(world::REVIEW, *review).into()).collect();
                (!ids.is_empty()).then(|| expected::json_text(&ids.into()))
            }),
        ),
        ("created_at", first(&|profile| profile.created.map(|(micros, _)| expected::instant(micros)))),
    ])
}

/// An address as people type it.
fn spelled(email: &str, random: &mut Random) -> String {
    match random.below(10) {
        0 => email.to_uppercase(),
        1 => format!(" {email}"),
        2 => format!("{email} "),
        3 => format!("{}{}", email[..1].to_uppercase(), &email[1..]),
        _ => email.to_owned(),
    }
}

/// A team of either system; one of MyWorkReview lists some of its people by their ids in Friday.
pub(super) fn team(out: &mut Written<'_>, system: System, index: usize) -> io::Result<()> {
    let (tag, context) = match system {
        System::Friday => (world::TEAM, "engagement_team"),
        System::Mwr => (world::MWR_TEAM, "review_team"),
    };
    let mut made = Made::new(out.world, tag, index, out.world.team_path(system, index));
    let name = made.text("name", format!("Team {index} {}", words::CITIES[index % words::CITIES.len()]));
    let count = 3 + made.random.below(22);
    let members = mixed(&mut made, system, count);
    let partners = mixed(&mut made, system, 1 + index % 2);
    for (field, people) in [("users", &members), ("partners", &partners)] {
        let values: Vec<Value> = people.iter().map(|person| made.user_value(*person)).collect();
        made.put(field, values);
    }
    let created = made.maybe_time("created", &[Form::Timestamp, Form::Millis]);
    let path = made.path.clone();
    let mut rows = vec![(
        "teams",
        vec![
            ("legacy_path", path.as_str().into()),
            ("name", name),
            ("context", context.into()),
            ("created_at", created),
        ],
    )];
    rows.extend(out.links("team_members", ("team_id", row(&path)), &members));
    rows.extend(out.links("team_partners", ("team_id", row(&path)), &partners));
    out.document(made, rows)
}

/// Returns different users, in MyWorkReview some by their ids in Friday: also of people who are listed already.
pub(super) fn mixed(made: &mut Made<'_>, system: System, count: usize) -> Vec<Person> {
    let people = made.world.people;
    let mut list: Vec<Person> = Vec::new();
    for _ in 0..count {
        let person = match list.last().and_then(|last| people.twin(*last)) {
            Some(twin) if system == System::Mwr && made.random.percent(20) => twin,
            _ => people.some(system, &mut made.random),
        };
        if !list.contains(&person) {
            list.push(person);
        }
    }
    list
}

/// A client, with those of its own people who may sign in; some of these were created by MyWorkReview.
fn client(out: &mut Written<'_>, index: usize) -> io::Result<()> {
    let world = out.world;
    let mut made = Made::new(world, world::CLIENT, index, world.client_path(index));
    let mut row_ = vec![("legacy_path", made.path.as_str().into())];
    row_.push(("name", made.text("name", world.client_name(index))));
    row_.push(("code", made.maybe_text("client_code", format!("C{index:05}"))));
    let entity_type = made.random.pick(&["Company", "Close corporation", "Trust", "Partnership"]);
    row_.push(("entity_type", made.maybe_text("entity_type", entity_type)));
    let is_active = made.random.percent(85);
    let status = if is_active { "active" } else { "inactive" };
    let stored = if made.random.percent(15) { Value::Bool(is_active) } else { status.into() };
    row_.push(("status", if made.maybe("status", stored) { status.into() } else { Json::Null }));
    row_.push(("email", made.maybe_text("email", format!("office{index}@example.com"))));
    let masters: Vec<Value> = (0..made.random.below(3)).map(|of| format!("m{of}.{index}@example.com").into()).collect();
    row_.push(("master_emails", made.maybe_json("master_emails", masters.into())));
    let (street, city) = (made.random.pick(words::STREETS), made.random.pick(words::CITIES));
    let address = if made.random.percent(60) {
        format!("{} {street}, {city}", 1 + index % 400).into()
    } else {
        map([("street", street.into()), ("number", 7.into()), ("city", city.into()), ("unit", Value::Null)])
    };
    row_.push(("address", made.maybe_json("address", address)));
    let (latitude, longitude) = (-26.0 - degrees(&mut made.random), 28.0 + degrees(&mut made.random));
    let is_placed = made.maybe("location", Value::Point(latitude, longitude));
    for (column, value) in [("latitude", latitude), ("longitude", longitude)] {
        row_.push((column, if is_placed { expected::double(value) } else { Json::Null }));
    }
    row_.push(("created_by", made.maybe_user("created_by", System::Friday)));
    row_.push(("created_at", made.maybe_time("created_at", &[Form::Timestamp, Form::Millis, Form::Seconds])));

    let mut users = vec![Person { system: System::Friday, index: index % world.size.users }];
    for _ in 0..made.random.below(4) {
        let by_mwr = match users.last().and_then(|last| world.people.twin(*last)) {
            Some(twin) if made.random.percent(50) => twin,
            _ if made.random.percent(20) => world.people.some(System::Mwr, &mut made.random),
            _ => world.people.some(System::Friday, &mut made.random),
        };
        if !users.contains(&by_mwr) {
            users.push(by_mwr);
        }
    }
    let values: Vec<Value> = users.iter().map(|person| made.user_value(*person)).collect();
    made.put("users", values);
    made.put("engagements", Vec::<Value>::new());
    let path = made.path.clone();
    let mut rows = vec![("clients", row_)];
    rows.extend(out.links("client_users", ("client_id", row(&path)), &users));
    out.document(made, rows)
}

fn degrees(random: &mut Random) -> f64 {
    f64::from(u32::try_from(random.below(1_000_000)).unwrap_or(0)) / 1e6
}

/// A template of either system, with its sections in their order.
pub(super) fn template(out: &mut Written<'_>, system: System, index: usize) -> io::Result<()> {
    let (tag, kinds): (_, &[&str]) = match system {
        System::Friday => (world::TEMPLATE, &["friday"]),
        System::Mwr => (world::MWR_TEMPLATE, &["standard", "tender", "friday"]),
    };
    let path = format!("{}/templates/list/{}", system.root(), out.world.id(tag, index));
    let mut made = Made::new(out.world, tag, index, path.clone());
    let name = made.text("name", format!("Template {index}"));
    let kind = if system == System::Mwr {
        let kind = made.random.pick(kinds);
        made.text("template_type", kind)
    } else {
        Json::Null
    };
    let mut rows = Vec::new();
    let mut sections = Vec::new();
    for position in 0..2 + made.random.below(6) {
        let title = format!("Section {position}");
        sections.push(map([
            ("name", title.as_str().into()),
            ("key", format!("s{position}").into()),
            ("order", i64::try_from(position).unwrap_or(0).into()),
        ]));
        rows.push((
            "template_sections",
            vec![("template_id", row(&path)), ("position", position.into()), ("name", title.into())],
        ));
    }
    made.put("sections", sections);
    let created_by = made.maybe_user("created_by", system);
    rows.insert(
        0,
        (
            "review_templates",
            vec![
                ("legacy_path", path.as_str().into()),
                ("name", name),
                ("template_type", kind),
                ("created_by", created_by),
            ],
        ),
    );
    out.document(made, rows)
}

/// An e-mail of either system.
pub(super) fn email(out: &mut Written<'_>, system: System, index: usize) -> io::Result<()> {
    let tag = if system == System::Friday { world::EMAIL } else { world::MWR_EMAIL };
    let path = format!("emails/{}", out.world.id(tag, index));
    let mut made = Made::new(out.world, tag, index, path).with_dirt(tag, index, &[Dirt::Missing, Dirt::BadDate]);
    let mut email = vec![("legacy_path", made.path.as_str().into()), ("system", system.root().into())];
    let subject = format!("{} ({index})", made.random.pick(words::SENTENCES));
    email.push(("subject", made.required_text("subject", subject)));
    email.push(("sender_email", made.text("from", format!("sender{}@example.com", index % 300))));
    email.push(("recipient_email", made.maybe_text("to", format!("audit{}@example.co.za", index % 9))));
    email.push(("cc", made.maybe_text("cc", "team@example.co.za")));
    email.push(("bcc", made.maybe_text("bcc", "")));
    let body = made.random.pick(words::SENTENCES).repeat(1 + index % 40);
    email.push(("body", made.maybe_text("body", body)));
    email.push(("received_at", made.required_time("date", &[Form::Timestamp, Form::Offset, Form::Local])));
    let urls: Vec<Value> =
        (0..made.random.below(3)).map(|of| format!("https://files.example.org/{index}/{of}").into()).collect();
    email.push(("attachments", made.maybe_json("attachmentUrls", urls.into())));
    email.push(("allocated", made.maybe_flag("allocated", 40)));
    out.document(made, vec![("emails", email)])
}
