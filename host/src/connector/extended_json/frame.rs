//! Finds where one JSON value ends, without reading what is in it: by its brackets and strings.

/// A search for the end of an object or array, continued as more bytes come.
#[derive(Default)]
pub(super) struct Frame {
    at: usize,
    /// The closing brackets that are still due.
    due: Vec<u8>,
    is_in_string: bool,
}

/// What a search has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framed {
    /// The value ends before this byte.
    Complete(usize),
    /// This byte cannot stand here.
    Broken(usize),
    /// More bytes are needed.
    Open,
}

impl Frame {
    /// Goes on with the value that `bytes` begin with. With `is_one_line` a line's end breaks the value; within a
    /// string it always does.
    pub(super) fn advance(&mut self, bytes: &[u8], is_one_line: bool) -> Framed {
        while let Some(byte) = bytes.get(self.at).copied() {
            if self.is_in_string {
                match byte {
                    b'"' => self.is_in_string = false,
                    // The escaped character is stepped over, once it is there.
                    b'\\' if self.at + 1 == bytes.len() => return Framed::Open,
                    b'\\' if bytes[self.at + 1] != b'\n' => self.at += 1,
                    b'\n' => return Framed::Broken(self.at),
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.is_in_string = true,
                    b'{' => self.due.push(b'}'),
                    b'[' => self.due.push(b']'),
                    b'}' | b']' if self.due.pop() != Some(byte) => return Framed::Broken(self.at),
                    b'\n' if is_one_line => return Framed::Broken(self.at),
                    _ => {}
                }
            }
            self.at += 1;
            if self.due.is_empty() && !self.is_in_string {
                return Framed::Complete(self.at);
            }
        }
        Framed::Open
    }
}
