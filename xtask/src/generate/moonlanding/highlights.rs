//! The highlights in a review's document: places in a PDF, whose coordinates must come out bit for bit, with what was said
//! about them.

use serde_json::Value as Json;

use super::expected;
use super::expected::Row;
use super::made::Made;
use super::moment::Form;
use super::people::System;
use super::value::Value;
use super::value::map;
use super::words;
use super::world;
use super::written::row;
use crate::generate::random::Random;

/// At most so many in one review, so that each has a number of its own.
const PER_REVIEW_MAX: usize = 40;
const RESPONSES_MAX: usize = 4;
/// Columns of a rectangle, in the order of its fields.
const EDGES: [&str; 6] = ["x1", "y1", "x2", "y2", "width", "height"];

/// Puts a review's highlights into its document: most have few, some have many.
pub(super) fn of_review(made: &mut Made<'_>, review: &str, index: usize) -> Vec<(&'static str, Row)> {
    let count = match made.random.below(10) {
        0..=6 => made.random.below(3),
        7 | 8 => 3 + made.random.below(5),
        _ => 8 + made.random.below(PER_REVIEW_MAX - 8),
    };
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for position in 0..count {
        let (value, of_highlight) = highlight(made, review, index * PER_REVIEW_MAX + position, position);
        values.push(value);
        rows.extend(of_highlight);
    }
    made.put("highlights", values);
    rows
}

fn highlight(review: &Made<'_>, review_path: &str, index: usize, position: usize) -> (Value, Vec<(&'static str, Row)>) {
    let world = review.world;
    let mut made = Made::new(world, world::HIGHLIGHT, index, String::new());
    let id = format!("h{}", &world.id(world::HIGHLIGHT, index)[..10]);
    let mut columns = vec![("review_id", row(review_path)), ("position", position.into())];
    columns.push(("legacy_id", made.text("id", id.as_str())));
    columns.extend(place(&mut made));
    columns.extend(content(&mut made));
    let comment = made.random.pick(words::SENTENCES);
    made.put("comment", map([("text", comment.into()), ("emoji", "💬".into())]));
    columns.extend([("comment", comment.into()), ("emoji", "💬".into())]);
    columns.push(("author_email", made.maybe_text("email", format!("author{}@example.co.za", index % 70))));
    columns.push(("is_resolved", made.maybe_flag("resolved", 50)));
    columns.push(("resolved_by", made.maybe_user("resolvedBy", System::Mwr)));
    columns.push(("resolved_at", made.maybe_time("resolvedDate", &[Form::Timestamp, Form::Local])));
    columns.push(("is_partially_resolved", made.maybe_flag("partialResolved", 20)));
    columns.push(("partially_resolved_by", made.maybe_user("partialResolvedBy", System::Mwr)));
    columns.push(("partially_resolved_at", made.maybe_time("partialResolvedDate", &[Form::Millis, Form::Offset])));
    columns.push(("is_manager_resolved", made.maybe_flag("managerResolved", 20)));
    columns.push(("is_partner_resolved", made.maybe_flag("partnerResolved", 20)));
    let color = made.random.pick(words::COLORS);
    columns.push(("color", made.maybe_text("color", color)));
    let file =
        if made.random.percent(10) { "general".to_owned() } else { format!("1{}", world.id(world::REVIEW, index)) };
    columns.push(("file_id", made.maybe_text("fileId", file)));
    let mut rows = vec![("highlights", columns)];
    rows.extend(responses(&mut made, review_path, &id, index));
    (Value::Map(made.fields), rows)
}

/// Where it is: scaled to the page from 0 to 1, or in pixels of the viewport.
fn place(made: &mut Made<'_>) -> Row {
    let page = i64::try_from(1 + made.random.below(40)).unwrap_or(1);
    let is_scaled = made.random.percent(60);
    let (bounds, bounding_rect) = rect(&mut made.random, is_scaled, page);
    let rects: Vec<Value> = (0..1 + made.random.below(3)).map(|_| rect(&mut made.random, is_scaled, page).1).collect();
    let rects = Value::from(rects);
    let mut columns = vec![("page_number", page.into()), ("uses_pdf_coordinates", i64::from(is_scaled).into())];
    // SQLite keeps whole numbers of such a column as integers, which have no -0: adding 0 makes it 0.
    columns.extend(EDGES.into_iter().zip(bounds.map(|edge| expected::double(edge + 0.0))));
    columns.push(("bounding_rect", expected::json_text(&bounding_rect)));
    columns.push(("rects", expected::json_text(&rects)));
    made.put(
        "position",
        map([
            ("boundingRect", bounding_rect),
            ("rects", rects),
            ("pageNumber", page.into()),
            ("usePdfCoordinates", is_scaled.into()),
        ]),
    );
    columns
}

/// Returns the edges of a rectangle, and the map that holds them: the web client stores a whole number as an integer,
/// but for -0, and other clients store it as a double.
fn rect(random: &mut Random, is_scaled: bool, page: i64) -> ([f64; 6], Value) {
    let edges = EDGES.map(|_| edge(random, is_scaled));
    let is_of_web = random.percent(50);
    let fields = EDGES.into_iter().zip(edges).map(|(name, edge)| {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of pixels")]
        let value = if is_of_web && edge.fract() == 0.0 && (edge != 0.0 || edge.is_sign_positive()) {
            Value::Integer(edge as i64)
        } else {
            Value::Double(edge)
        };
        (name.into(), value)
    });
    let fields = fields.chain([("pageNumber".into(), Value::Integer(page))]);
    (edges, Value::Map(fields.collect()))
}

fn edge(random: &mut Random, is_scaled: bool) -> f64 {
    /// Twice, for 52 bits behind the point.
    const STEPS: u32 = 1 << 26;
    let fine = f64::from(u32::try_from(random.below(1 << 26)).unwrap_or(0));
    let coarse = f64::from(u32::try_from(random.below(1 << 26)).unwrap_or(0));
    let from_0_to_1 = (coarse + fine / f64::from(STEPS)) / f64::from(STEPS);
    match (random.below(20), is_scaled) {
        (0, _) => 0.0,
        (1, _) => -0.0,
        (2, _) => 1.0,
        (3, _) => 0.1 + 0.2,
        (4, true) => f64::from_bits(random.number() >> 12),
        (5, true) => from_0_to_1 * 1e-9,
        (_, true) => from_0_to_1,
        (4..=8, false) => (from_0_to_1 * 1_200.0).round(),
        (_, false) => from_0_to_1 * 1_200.0,
    }
}

/// What it shows: text, or a piece of the page as a picture.
fn content(made: &mut Made<'_>) -> Row {
    if made.random.percent(90) {
        let text = made.random.pick(words::SENTENCES);
        made.put("content", map([("text", text.into())]));
        return vec![("text", text.into()), ("image", Json::Null)];
    }
    // A few need more than one block of an export.
    let bytes = if made.random.percent(4) { 40_000 } else { 300 };
    let letters: String = (0..bytes).map(|_| char::from(b'A' + (made.random.number() % 26) as u8)).collect();
    let image = format!("data:image/png;base64,{letters}");
    made.put("content", map([("image", image.as_str().into())]));
    vec![("text", Json::Null), ("image", image.into())]
}

fn responses(made: &mut Made<'_>, review: &str, highlight: &str, index: usize) -> Vec<(&'static str, Row)> {
    let count = made.random.below(RESPONSES_MAX);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for position in 0..count {
        let place = index * RESPONSES_MAX + position;
        let mut element = Made::new(made.world, world::HIGHLIGHT_RESPONSE, place, String::new());
        let key = Json::from(vec![Json::from(review), highlight.into()]);
        let mut columns = vec![("highlight_id", expected::row(key)), ("position", position.into())];
        columns.push(("legacy_id", element.text("id", format!("{highlight}-{position}"))));
        columns.push(("user_id", element.maybe_user("user", System::Mwr)));
        let text = element.random.pick(words::SENTENCES);
        columns.push(("text", element.text("text", text)));
        columns.push(("created_at", element.maybe_time("date", &[Form::Timestamp, Form::Local, Form::Seconds])));
        values.push(Value::Map(element.fields));
        rows.push(("highlight_responses", columns));
    }
    made.put("responses", values);
    rows
}
