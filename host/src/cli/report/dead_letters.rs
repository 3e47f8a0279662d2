//! How dead letters are shown: by reason, and one by one.

use std::fmt::Write as _;

use bson::RawDocument;

use super::json;
use super::print;
use super::reasons;
use super::table::table_with_notes;
use crate::connector::extended_json;
use crate::run::bookkeeping::StoredAttempt;
use crate::run::bookkeeping::StoredLetter;
use crate::run::report::Reason;

/// Prints dead letters by reason, and some of them.
pub fn dead_letters(
    reasons_found: &[(bool, Reason)],
    discarded: &[Reason],
    letters: &[StoredLetter],
    state: &str,
    as_json: bool,
) {
    let total: u64 = reasons_found.iter().map(|(_, reason)| reason.count).sum();
    if as_json {
        let reasons: Vec<_> = reasons_found
            .iter()
            .map(|(provisional, reason)| {
                let mut value = json!(reason);
                value["provisional"] = json!(provisional);
                value
            })
            .collect();
        let letters: Vec<_> = letters.iter().map(letter_json).collect();
        return json(&json!({ "reasons": reasons, "discarded": discarded, "total": total, "dead_letters": letters }));
    }
    let mut text = String::new();
    if reasons_found.is_empty() && discarded.is_empty() {
        let _ = match state {
            "dead" => writeln!(text, "there are no dead letters"),
            state => writeln!(text, "there are no records in the state `{state}`"),
        };
        return print(&text);
    }
    let of = |wanted: bool| -> Vec<Reason> {
        reasons_found
            .iter()
            .filter(|(provisional, _)| *provisional == wanted)
            .map(|(_, reason)| reason.clone())
            .collect()
    };
    let is_permanent = |reason: &Reason| reason.stage == "read";
    let (permanent, retryable): (Vec<Reason>, Vec<Reason>) = of(false).into_iter().partition(is_permanent);
    reasons(&mut text, "by reason", &retryable);
    reasons(&mut text, "permanent (the source is at fault, no component can make them fit)", &permanent);
    reasons(&mut text, "provisional (their batch was rolled back and will be read again)", &of(true));
    reasons(&mut text, "discarded", discarded);
    if !letters.is_empty() {
        let _ = writeln!(text);
        let rows = letters.iter().map(|stored| {
            let letter = &stored.letter;
            let key = letter.key.clone().unwrap_or_else(|| "-".to_owned());
            let row = vec![stored.id.to_string(), stored.entity.clone(), letter.code.clone(), key];
            (row, vec![format!("{}: {}", letter.position, letter.message)])
        });
        table_with_notes(&mut text, &["number", "entity", "code", "key"], rows.collect());
        let more = total.saturating_sub(letters.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "and {more} more, which a larger `--limit` shows");
        }
        let _ = writeln!(text, "\n`whimbrel dead-letter show <manifest> <number>` shows one in full");
    }
    print(text.trim_start_matches('\n'));
}

/// Prints one dead letter in full.
pub fn dead_letter(stored: &StoredLetter, attempts: &[StoredAttempt], as_json: bool) {
    if as_json {
        let mut value = letter_json(stored);
        value["history"] = json!(attempts);
        return json(&value);
    }
    let letter = &stored.letter;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut text = format!("dead letter {} of `{}`\n", stored.id, stored.entity);
    if stored.is_provisional {
        let _ = writeln!(text, "  provisional: its batch was rolled back and will be read again");
    }
    for (name, value) in [
        ("position", letter.position.clone()),
        ("document", letter.document.to_string()),
        ("key", or_none(&letter.key)),
        ("stage", stored.stage.clone()),
        ("code", letter.code.clone()),
        ("field", or_none(&letter.field)),
        ("message", letter.message.clone()),
        ("plugin", or_none(&letter.plugin)),
        ("digest", or_none(&letter.digest)),
        ("state", stored.state.clone()),
        ("discarded", or_none(&stored.reason)),
        ("attempts", stored.attempts.to_string()),
        ("run", stored.run.clone()),
        ("at", stored.at.clone()),
    ] {
        let _ = writeln!(text, "  {name:<9} {value}");
    }
    for attempt in attempts {
        let by = attempt.digest.as_deref().map_or("-", |digest| digest.get(..12).unwrap_or(digest));
        let code = attempt.code.as_deref().unwrap_or_default();
        let (number, at, fate) = (attempt.attempt, &attempt.at, &attempt.fate);
        let _ = writeln!(text, "  {:<9} {at} by {by}: {fate} {code}", format!("try {number}"));
    }
    let _ = writeln!(text, "  original\n{}", original(stored));
    print(&text);
}

fn letter_json(stored: &StoredLetter) -> serde_json::Value {
    let letter = &stored.letter;
    json!({
        "number": stored.id,
        "entity": stored.entity,
        "provisional": stored.is_provisional,
        "document": letter.document,
        "position": letter.position,
        "key": letter.key,
        "stage": stored.stage,
        "code": letter.code,
        "field": letter.field,
        "message": letter.message,
        "plugin": letter.plugin,
        "digest": letter.digest,
        "attempts": stored.attempts,
        "state": stored.state,
        "discarded": stored.reason,
        "permanent": stored.is_permanent(),
        "run": stored.run,
        "at": stored.at,
        "original": original(stored),
    })
}

/// The record as it was read: Extended JSON, or its text, or hexadecimal digits where it is neither.
fn original(stored: &StoredLetter) -> String {
    let letter = &stored.letter;
    let from_bson =
        || RawDocument::from_bytes(&letter.original).ok().and_then(|raw| extended_json::to_canonical(raw).ok());
    let from_text = || String::from_utf8(letter.original.clone()).ok();
    let shown = if letter.is_bson { from_bson() } else { from_text() };
    shown.unwrap_or_else(|| {
        letter.original.iter().fold(String::from("hex "), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    })
}
