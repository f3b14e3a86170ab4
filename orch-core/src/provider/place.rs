/// Where a request carries the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPlace {
    /// In the header of this name, as it is.
    Header(&'static str),
    /// In the header of this name, in quotes: a string of RFC 9651 §3.3.3, which the draft of
    /// `Idempotency-Key` asks for.
    QuotedHeader(&'static str),
    /// In the field of this name in the request's body. Fields inside others are joined by dots.
    BodyField(&'static str),
    /// In the parameter of this name in the URL's query.
    Query(&'static str),
    /// Written into the text of the request: a mutation of GraphQL, a path.
    Text,
    /// Nowhere: the command holds the reference, because the provider or the browser has made it. A
    /// server confirms an order that its customer has authorised. There is no key of ours.
    Command,
}
