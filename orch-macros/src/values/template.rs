/// A part of a `biz_key` template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it is.
    Text(String),
    /// `{field}`
    Field(String),
}

/// Reads literal text and `{field}`; `{{` and `}}` stand for braces.
pub(crate) fn template(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' if rest.peek() == Some(&c) => {
                rest.next();
                literal.push(c);
            }
            '{' => {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Field(field(&mut rest)?));
            }
            '}' => return Err("a `}` closes nothing; write `}}` for a brace".to_owned()),
            _ => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

fn field(rest: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut name = String::new();
    loop {
        match rest.next() {
            Some('}') if name.is_empty() => return Err("`{}` names no field".to_owned()),
            Some('}') => return Ok(name),
            Some(c) if c == '_' || c.is_alphanumeric() => name.push(c),
            Some(':') => {
                return Err(format!("`{{{name}:…}}`: format specifications are not supported"));
            }
            Some(c) => return Err(format!("`{c}` cannot be part of a field's name")),
            None => return Err("a `{` is never closed; write `{{` for a brace".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    fn field(name: &str) -> Piece {
        Piece::Field(name.into())
    }

    #[test]
    fn text_and_fields_alternate() {
        assert_eq!(template("ORDER-{id}"), Ok(vec![text("ORDER-"), field("id")]));
        assert_eq!(template("{a}{b}/x"), Ok(vec![field("a"), field("b"), text("/x")]));
        assert_eq!(template(""), Ok(vec![]));
    }

    #[test]
    fn doubled_braces_are_braces() {
        assert_eq!(template("{{{id}}}"), Ok(vec![text("{"), field("id"), text("}")]));
    }

    #[test]
    fn a_slip_is_named() {
        for (wrong, part) in [
            ("{id", "never closed"),
            ("id}", "closes nothing"),
            ("{}", "names no field"),
            ("{id:04}", "not supported"),
            ("{a.b}", "`.` cannot"),
        ] {
            let message = template(wrong).unwrap_err();
            assert!(message.contains(part), "{wrong}: {message}");
        }
    }
}
