//! The language in which rooms are looked for: conditions joined by spaces or `AND`.
//!
//! `roomId:"exact"`, `roomId^"prefix"` and `metadata["key"]:"value"`, with single or double quotes.

use crate::record::Record;

/// Conditions, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<Condition>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Id(String),
    IdPrefix(String),
    Metadata(String, String),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// Says where it breaks off, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, rest: text.trim_start() };
        let mut conditions = Vec::new();
        while !parser.rest.is_empty() {
            if !conditions.is_empty() && parser.takes("AND") && parser.rest.is_empty() {
                return Err(parser.expected("a condition after AND"));
            }
            conditions.push(parser.condition()?);
        }
        Ok(Self(conditions))
    }

    /// Adds the conditions of another query.
    pub fn and(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds the condition that a value of metadata is this one.
    pub fn and_metadata(&mut self, key: &str, value: &str) {
        self.0.push(Condition::Metadata(key.to_owned(), value.to_owned()));
    }

    /// Whether a room is looked for.
    pub fn matches(&self, record: &Record) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Id(id) => record.id == *id,
            Condition::IdPrefix(prefix) => record.id.starts_with(prefix),
            Condition::Metadata(key, word) => {
                record.metadata.get(key).is_some_and(|note| note.is(word))
            }
        })
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    /// Goes past a token and the space behind it, if it is there.
    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        if let Some(rest) = rest {
            self.rest = rest.trim_start();
        }
        rest.is_some()
    }

    fn condition(&mut self) -> Result<Condition, String> {
        if self.takes("roomId") {
            if self.takes("^") {
                return self.quoted().map(Condition::IdPrefix);
            }
            self.needs(":")?;
            return self.quoted().map(Condition::Id);
        }
        if self.takes("metadata") {
            self.needs("[")?;
            let key = self.quoted()?;
            self.needs("]")?;
            self.needs(":")?;
            return Ok(Condition::Metadata(key, self.quoted()?));
        }
        Err(self.expected("roomId or metadata"))
    }

    fn needs(&mut self, token: &str) -> Result<(), String> {
        if self.takes(token) { Ok(()) } else { Err(self.expected(token)) }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = ['"', '\''].into_iter().find(|quote| self.rest.starts_with(*quote));
        let body = quote.and_then(|quote| self.rest.strip_prefix(quote)?.split_once(quote));
        let Some((word, rest)) = body else { return Err(self.expected("a word in quotes")) };
        let word = word.to_owned();
        self.rest = rest.trim_start();
        Ok(word)
    }

    fn expected(&self, what: &str) -> String {
        let at = self.text.len() - self.rest.len();
        format!("The query breaks off at byte {at}: expected {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::Scopes;

    fn found(query: &str) -> bool {
        let mut record = Record::new("team-1", Scopes::default());
        let update = r#"{"metadata":{"color":"blue","tags":["a","b c"]}}"#;
        record.update(serde_json::from_str(update).unwrap());
        Query::parse(query).unwrap().matches(&record)
    }

    #[test]
    fn all_conditions_must_hold() {
        assert!(found(""));
        assert!(found(r#"roomId^"team-""#));
        assert!(found("roomId : 'team-1'AND metadata['color']:'blue'"));
        assert!(found(r#"  metadata["tags"]:"b c"  roomId^'t' "#));
        assert!(!found(r#"roomId:"team""#));
        assert!(!found(r#"roomId^"team" AND metadata["color"]:"red""#));
        assert!(!found(r#"metadata["size"]:"1""#));
    }

    #[test]
    fn errors_say_where() {
        let error = |query| Query::parse(query).unwrap_err();
        assert_eq!(error("((("), "The query breaks off at byte 0: expected roomId or metadata");
        assert_eq!(error("roomId=1"), "The query breaks off at byte 6: expected :");
        assert_eq!(error("roomId^'a"), "The query breaks off at byte 7: expected a word in quotes");
        assert!(error("roomId:'a' AND").contains("after AND"));
        assert!(error("AND roomId:'a'").contains("expected roomId"));
        assert!(error("roomId:'a' OR roomId:'b'").contains("byte 11"));
    }
}
