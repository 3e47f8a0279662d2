//! Which rows of a table are read: a condition in the source's own SQL, with one word of ours in it.

/// What a filter calls the instant that the migration has pinned.
const NOW: &str = ":now";

/// A condition on the rows of a table, in the database's own words; `:now` stands for one instant, but not in what is quoted
/// or a comment.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The condition.
    pub text: String,
    /// Microseconds since 1970.
    pub now_us: i64,
}

impl Filter {
    /// Returns whether the condition names the instant.
    pub fn has_now(&self) -> bool {
        self.at("") != self.text
    }

    /// Puts the instant in its place.
    pub(super) fn at(&self, moment: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        while at < self.text.len() {
            let (before, rest) = self.text.split_at(at);
            let length = if is_now(before, rest) { NOW.len() } else { part(before, rest) };
            out.push_str(if is_now(before, rest) { moment } else { &rest[..length] });
            at += length;
        }
        out
    }
}

/// Returns whether the word for the instant comes next: no cast to a type, and no longer name.
fn is_now(before: &str, rest: &str) -> bool {
    !before.ends_with(':') && rest.strip_prefix(NOW).is_some_and(|behind| !behind.starts_with(is_of_name))
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Returns how many bytes the next part has: something quoted or a comment, to its end, or one character.
fn part(before: &str, rest: &str) -> usize {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let behind_name = before.ends_with(|last: char| is_of_name(last) || last == '$');
    let until = |start: usize, end: &str| rest[start..].find(end).map_or(rest.len(), |found| start + found + end.len());
    match rest.as_bytes() {
        [b'\'', ..] => quoted(rest, '\'', has_escapes(before)),
        // A quote is doubled inside: what follows it is one more of these.
        [quote @ (b'"' | b'`'), ..] => quoted(rest, char::from(*quote), false),
        [b'-', b'-', ..] => until(0, "\n"),
        // Comments end at the first end, as in SQLite. Where they may be nested, nothing is lost: what is left is a comment too.
        [b'/', b'*', ..] => until(2, "*/"),
        [b'$', ..] if !behind_name => match rest[1..].find('$').map(|end| &rest[..end + 2]) {
            Some(tag) if tag[1..tag.len() - 1].chars().all(is_of_name) => until(tag.len(), tag),
            _ => first,
        },
        _ => first,
    }
}

/// Returns whether a text that begins here has backslashes that escape: `E'…'`.
fn has_escapes(before: &str) -> bool {
    let prefix = before.strip_suffix(['e', 'E']);
    prefix.is_some_and(|before| !before.ends_with(is_of_name))
}

/// Returns how many bytes there are to the end of what is quoted.
fn quoted(rest: &str, quote: char, has_escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' && has_escapes {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn only_the_word_itself_stands_for_the_instant() {
        for (text, expected) in [
            ("a > :now", "a > NOW"),
            (":now<b AND c>:now", "NOW<b AND c>NOW"),
            ("a::now = :nowhere", "a::now = :nowhere"),
            ("a > 1", "a > 1"),
            ("a = ':now' AND b > :now", "a = ':now' AND b > NOW"),
            ("a = 'it''s :now' OR a = '' OR b > :now", "a = 'it''s :now' OR a = '' OR b > NOW"),
            ("a = E'\\':now' AND b > :now", "a = E'\\':now' AND b > NOW"),
            ("a = 'c:\\' AND b > :now", "a = 'c:\\' AND b > NOW"),
            ("\":now\" > :now AND `:now` > :now", "\":now\" > NOW AND `:now` > NOW"),
            ("a > :now -- not :now, it's\nAND b > :now", "a > NOW -- not :now, it's\nAND b > NOW"),
            ("/* :now */ a > :now -- :now", "/* :now */ a > NOW -- :now"),
            ("a = $$:now'$$ OR a = $x$:now$y$$x$ OR a$1 > :now", "a = $$:now'$$ OR a = $x$:now$y$$x$ OR a$1 > NOW"),
            ("a = 'ž😀' AND b > :now AND c = ':now", "a = 'ž😀' AND b > NOW AND c = ':now"),
        ] {
            let filter = Filter { text: text.to_owned(), now_us: 0 };
            assert_eq!(filter.at("NOW"), expected);
            assert_eq!(filter.has_now(), text != expected, "{text}");
        }
    }
}
