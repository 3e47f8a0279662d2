//! JSON text: whether it is valid, and one form for all its spellings.
//!
//! Numbers are compared by their decimal value, so no spelling loses a digit on the way.

use super::decimal::Decimal;

/// Deepest nesting of JSON that is taken.
pub const NESTING_MAX: usize = 256;

/// What is wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// The byte at which it shows.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
    /// The name of a field that is there again, with only what must be escaped escaped.
    pub repeated: Option<String>,
}

/// Checks that the text is one JSON value (RFC 8259).
///
/// `binary` asks for what a column needs that does not keep the text: no NUL, no lone surrogates, numbers that are
/// within the limits of a decimal, and in each object each field once, as only the last of equal ones would stay.
pub fn check(text: &str, binary: bool) -> Result<(), JsonFault> {
    Scanner { text, at: 0, binary }.document().map(|_| ())
}

/// Returns one text for all spellings of the same JSON value, or `None` where it is not valid: fields sorted by
/// name and the last of equal ones kept, as a column does that does not keep the text.
pub fn canonical(text: &str) -> Option<String> {
    let node = Scanner { text, at: 0, binary: false }.document().ok()?;
    let mut out = String::with_capacity(text.len());
    node.write(&mut out);
    Some(out)
}

enum Node {
    /// A literal, or a number or string in its one form.
    Scalar(String),
    Array(Vec<Node>),
    /// Names in their one form, sorted, without repetition.
    Object(std::collections::BTreeMap<String, Node>),
}

impl Node {
    fn write(&self, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    binary: bool,
}

impl Scanner<'_> {
    fn document(mut self) -> Result<Node, JsonFault> {
        let node = self.value(1)?;
        self.skip_blanks();
        if self.at == self.text.len() { Ok(node) } else { Err(self.fault("the end of the text")) }
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonFault> {
        if depth > NESTING_MAX {
            return Err(self.fault("at most 256 levels of nesting"));
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Node::Scalar),
            Some(b'-' | b'0'..=b'9') => self.number().map(Node::Scalar),
            _ => {
                for word in ["true", "false", "null"] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(Node::Scalar(word.to_owned()));
                    }
                }
                Err(self.fault("a JSON value"))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, JsonFault> {
        self.at += 1;
        let mut fields = std::collections::BTreeMap::new();
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(Node::Object(fields));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.fault("a field name in double quotes"));
            }
            let start = self.at;
            let name = self.string()?;
            if self.binary && fields.contains_key(&name) {
                return Err(repeated(start, &name));
            }
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self.fault("`:`"));
            }
            let value = self.value(depth + 1)?;
            fields.insert(name, value);
            self.skip_blanks();
            if self.take(b'}') {
                return Ok(Node::Object(fields));
            }
            if !self.take(b',') {
                return Err(self.fault("`,` or `}`"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Node, JsonFault> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take(b']') {
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.take(b']') {
                return Ok(Node::Array(items));
            }
            if !self.take(b',') {
                return Err(self.fault("`,` or `]`"));
            }
        }
    }

    /// Returns the string with only what must be escaped escaped, in its quotes.
    fn string(&mut self) -> Result<String, JsonFault> {
        self.at += 1;
        let mut out = String::from('"');
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|letter: char| letter == '"' || letter == '\\' || letter < ' ').unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    out.push('"');
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(_) => return Err(self.fault("no control character in a string")),
                None => return Err(self.fault("the end of the string")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonFault> {
        let plain = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(out),
            _ => return Err(self.fault("an escape sequence")),
        };
        self.at += 2;
        push_escaped(out, plain);
        Ok(())
    }

    fn unicode_escape(&mut self, out: &mut String) -> Result<(), JsonFault> {
        let unit = self.hex(self.at + 2)?;
        let is_high = (0xD800..0xDC00).contains(&unit);
        if is_high && self.text[self.at + 6..].starts_with("\\u") {
            let low = self.hex(self.at + 8)?;
            if (0xDC00..0xE000).contains(&low) {
                let letter = char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
                push_escaped(out, letter.unwrap_or(char::REPLACEMENT_CHARACTER));
                self.at += 12;
                return Ok(());
            }
        }
        if self.binary && unit == 0 {
            return Err(self.fault("no NUL character"));
        }
        match char::from_u32(unit) {
            Some(letter) => push_escaped(out, letter),
            None if self.binary => return Err(self.fault("no lone surrogate")),
            None => out.push_str(&format!("\\u{unit:04x}")),
        }
        self.at += 6;
        Ok(())
    }

    fn hex(&self, at: usize) -> Result<u32, JsonFault> {
        let digits = self.text.get(at..at + 4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.fault("four hexadecimal digits"))
    }

    fn number(&mut self) -> Result<String, JsonFault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        match Decimal::parse(text) {
            Some(number) => Ok(spell(&number)),
            None if self.binary => {
                Err(JsonFault { offset: start, expected: "a number within the limits of a decimal", repeated: None })
            }
            None => Ok(text.to_owned()),
        }
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault("a digit")) } else { Ok(()) }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn fault(&self, expected: &'static str) -> JsonFault {
        JsonFault { offset: self.at, expected, repeated: None }
    }
}

/// Says that a field is there again; `name` is in its quotes.
fn repeated(offset: usize, name: &str) -> JsonFault {
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    JsonFault { offset, expected: "each field once", repeated: Some(name.to_owned()) }
}

/// Short for every number: `1e100000` must not become a hundred thousand digits.
fn spell(number: &Decimal) -> String {
    if number.exponent().unsigned_abs() <= 40 {
        return number.to_string();
    }
    let sign = if number.is_negative() { "-" } else { "" };
    format!("{sign}0.{}e{}", number.digits(), number.exponent())
}

fn push_escaped(out: &mut String, letter: char) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
        letter => out.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_have_one_form() {
        for (one, other) in [
            (r#"{"a":1,"b":2}"#, r#" { "b" : 2.0 , "a" : 10e-1 } "#),
            (r#""\u00e9\/\ud83d\ude00""#, "\"é/😀\""),
            ("1e300", "10e299"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("[-0]", "[0]"),
            (r#""\n""#, r#""\u000a""#),
        ] {
            assert!(canonical(one).is_some(), "{one}");
            assert_eq!(canonical(one), canonical(other), "{one} {other}");
        }
        assert_ne!(canonical("12345678901234567890.1"), canonical("12345678901234567890.2"));
        assert_ne!(canonical("[1,2]"), canonical("[2,1]"));
    }

    #[test]
    fn invalid_texts_are_refused() {
        let deep = "[".repeat(300) + &"]".repeat(300);
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "1.",
            "+1",
            "nul",
            "\"\t\"",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "1 2",
            "{a:1}",
            "NaN",
            "'a'",
            &deep,
        ] {
            assert!(check(text, false).is_err(), "{text}");
        }
        for text in [r#""\u0000""#, r#""\ud800""#, r#""\ude00\ud83d""#, "1e999999"] {
            assert!(check(text, false).is_ok() && check(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn a_repeated_field_is_refused_where_the_text_is_not_kept() {
        for (text, offset, name) in [
            (r#"{"a":1,"a":2}"#, 7, "a"),
            (r#"[0,{"b":{"a":1,"é\"":1, "\u00e9\"" :1}}]"#, 25, r#"é\""#),
            (r#"{"":0,"":0}"#, 6, ""),
        ] {
            assert_eq!(check(text, false), Ok(()), "{text}");
            let fault = check(text, true).expect_err(text);
            assert_eq!((fault.offset, fault.repeated.as_deref()), (offset, Some(name)), "{text}");
        }
        for text in [r#"{"a":{"a":1},"b":{"a":1}}"#, r#"[{"a":1},{"a":1}]"#, r#"{"a":1,"A":1}"#] {
            assert_eq!(check(text, true), Ok(()), "{text}");
        }
    }
}
