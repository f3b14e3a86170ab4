use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Ident, LitInt, LitStr, Path, Type};

use super::keys::{self, BizKey, Form};
use super::parse::{Field, Struct};
use super::versions::{self, Versioned};
use crate::errors::{Errors, Rule};
use crate::options::{Entry, Given, Options, Table, Value, options};
use crate::shared::{krate, name, require_names, time_budget};
use crate::values::Millis;

options! {
    /// What `#[command(…)]` says on the struct.
    OnStruct {
        [biz_key = "ORDER-{order_id}"]   biz_key: Entry,       Given::entry;
        [unique = "biz_key"]             unique: (),           by_biz_key;
        [identity = 2]                   identity: LitInt,     Given::number;
        [earlier = "ORDER-{order_id}"]   earlier: Entry,       Given::entry;
        [domain = "PAYMENT"]             domain: LitStr,       name;
        [event = "CHARGE"]               event: LitStr,        name;
        [output = Receipt]               output: Type,         Given::ty;
        [time_budget = "5m"]             time_budget: Millis,  time_budget;
        [version = 2]                    version: LitInt,      Given::number;
        [upgrade = from_before]          upgrade: Path,        Given::path;
        [crate = path::to::orch]         krate: Path,          Given::path;
    }
}

options! {
    /// What `#[command(…)]` says on a field.
    OnField {
        [idem_key]      idem_key: Ident,     Given::word;
        [idem_ignore]   idem_ignore: Ident,  Given::word;
        [set]           set: Ident,          Given::word;
    }
}

/// A command that has passed every rule that can be decided without types.
pub(super) struct Command<'a> {
    pub(super) krate: Path,
    pub(super) ident: &'a Ident,
    pub(super) biz_key: BizKey<'a>,
    pub(super) form: Form<'a>,
    pub(super) unique: bool,
    pub(super) idem_key: Option<Member<'a>>,
    /// Names as the JSON spells them.
    pub(super) idem_ignore: Vec<String>,
    /// Names as the JSON spells them.
    pub(super) sets: Vec<String>,
    pub(super) versioned: Option<Versioned>,
    pub(super) binding: Option<Binding>,
}

/// A part of the biz key.
pub(super) enum Part<'a> {
    Text(String),
    Field(Member<'a>),
}

/// A field that becomes part of a key.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) ident: &'a Ident,
    pub(super) ty: &'a Type,
}

/// What `HandledCommand` says, where the command itself does.
pub(super) struct Binding {
    pub(super) domain: LitStr,
    pub(super) event: LitStr,
    pub(super) output: Type,
    pub(super) time_budget: Option<Millis>,
}

impl<'a> Command<'a> {
    /// Applies every rule. With mistakes, the path of orch is what is left.
    pub(super) fn new(raw: Struct<'a>, errors: &mut Errors) -> Result<Self, Path> {
        let members: Vec<Member<'a>> =
            raw.fields.iter().map(|field| Member { ident: field.ident, ty: field.ty }).collect();
        let mut options = raw.options;
        misplaced(&mut options, &raw.fields, errors);
        let mut said: OnStruct = options.read(errors);
        let krate = krate(said.krate.take());
        let unique = said.unique.is_some();
        let biz_key = keys::biz_key(said.biz_key.take(), &options, &members, errors);
        let form = keys::form(&mut said, &options, &members, errors);
        let versioned = versions::versioned(&mut said, &options, raw.ident, errors);
        versions::no_field_of_that_name(raw.attributes, &raw.fields, errors);
        let binding = binding(said, &options, errors);
        let Fields { idem_key, idem_ignore, sets } =
            field_options(raw.fields, raw.attributes, errors);
        match biz_key {
            Some(biz_key) if errors.is_empty() => {
                let ident = raw.ident;
                Ok(Self {
                    krate,
                    ident,
                    biz_key,
                    form,
                    unique,
                    idem_key,
                    idem_ignore,
                    sets,
                    versioned,
                    binding,
                })
            }
            _ => Err(krate),
        }
    }
}

/// The one value of `unique`.
fn by_biz_key(given: &mut Given<'_>) -> Option<()> {
    let text = given.text()?;
    if text.value() == "biz_key" {
        return Some(());
    }
    Rule {
        rule: &format!("`unique` is by \"biz_key\", not by {:?}", text.value()),
        reason: "operations are told apart by owner, kind and biz key before anything else",
        remedy: "write `unique = \"biz_key\"`, and put into the biz key what there may be one operation for",
    }
    .at(text, given.errors);
    None
}

/// Reports an option of a field that is on the struct.
fn misplaced(options: &mut Options, fields: &[Field<'_>], errors: &mut Errors) {
    for name in OnField::NAMES {
        let Some(key) = options.take(name) else { continue };
        let example = fields.first().map_or("field".to_owned(), |field| field.ident.to_string());
        Rule {
            rule: &format!("`{key}` belongs on a field, not on the struct"),
            reason: "it says something about that one field",
            remedy: &format!("write `#[command({key})]` above a field such as `{example}`"),
        }
        .at(&key, errors);
    }
}

/// Domain, event and output: all of them, or none.
fn binding(said: OnStruct, options: &Options, errors: &mut Errors) -> Option<Binding> {
    if !["domain", "event", "output"].iter().any(|name| options.has(name)) {
        if let Some(budget) = options.key("time_budget") {
            Rule {
                rule: "`time_budget` is given without `domain`, `event` and `output`",
                reason: "the handler binds this command, and says how long its operations may take",
                remedy: "write `time_budget` in `#[orchestrated(…)]`, or add the three here",
            }
            .at(budget, errors);
        }
        return None;
    }
    require_names(options, errors);
    options.require(
        "output",
        &Rule {
            rule: "`output` is missing",
            reason: "domain, event and output bind a command to its handler; the caller that accepts it gets the output as a type",
            remedy: "add `output = Receipt`, or leave all three to the handler",
        },
        errors,
    );
    Some(Binding {
        domain: said.domain?,
        event: said.event?,
        output: said.output?,
        time_budget: said.time_budget,
    })
}

/// What the fields say.
#[derive(Default)]
struct Fields<'a> {
    idem_key: Option<Member<'a>>,
    idem_ignore: Vec<String>,
    sets: Vec<String>,
}

fn field_options<'a>(
    fields: Vec<Field<'a>>,
    attributes: &[Attribute],
    errors: &mut Errors,
) -> Fields<'a> {
    let mut all = Fields::default();
    for field in fields {
        let mut options = field.options;
        let said: OnField = options.read(errors);
        let member = Member { ident: field.ident, ty: field.ty };
        if let Some(word) = said.idem_key {
            match all.idem_key {
                Some(first) => second_key(&word, first.ident, errors),
                None => all.idem_key = Some(owned_key(member, errors)),
            }
        }
        let mut name = |word| json_name(word, field.ident, field.attributes, attributes, errors);
        if let Some(word) = said.idem_ignore {
            all.idem_ignore
                .extend(name(Named { what: "`idem_ignore`", at: word.into_token_stream() }));
        }
        if let Some(word) = said.set {
            all.sets.extend(name(Named { what: "`set`", at: word.into_token_stream() }));
        } else if is_hash_set(field.ty) {
            all.sets.extend(name(Named { what: "a `HashSet`", at: field.ty.to_token_stream() }));
        }
    }
    all
}

/// A type that has another order in every process.
fn is_hash_set(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "HashSet")
}

/// What asks for the name of a field.
struct Named {
    what: &'static str,
    at: TokenStream,
}

fn second_key(word: &Ident, first: &Ident, errors: &mut Errors) {
    Rule {
        rule: "a command has one `idem_key`",
        reason: &format!("the field `{first}` is the key already; one request has one key"),
        remedy: "mark one field, and put a key of several parts together in it",
    }
    .at(word, errors);
}

fn owned_key<'a>(member: Member<'a>, errors: &mut Errors) -> Member<'a> {
    let Type::Path(path) = member.ty else { return member };
    if path.path.segments.last().is_some_and(|last| last.ident == "Option") {
        Rule {
            rule: "an `idem_key` is always there, so it is no `Option`",
            reason: "without a key, a repeated request could act twice",
            remedy: "make the field a `String`, or leave the key to the caller: `.idem_key(…)?` on accept",
        }
        .at(member.ty, errors);
    }
    member
}

/// The name of a field in the JSON that the fingerprint is made of.
fn json_name(
    Named { what, at }: Named,
    field: &Ident,
    on_field: &[Attribute],
    on_struct: &[Attribute],
    errors: &mut Errors,
) -> Option<String> {
    let unclear = serde(on_struct, &["rename_all", "transparent", "into"])
        .or_else(|| serde(on_field, &["flatten"]));
    let renamed = serde(on_field, &["rename"]);
    match (unclear, renamed) {
        (None, None) => Some(field.to_string().trim_start_matches("r#").to_owned()),
        (None | Some(("rename_all", _)), Some((_, Some(name)))) => Some(name),
        (clash, _) => {
            let clash = clash.map_or("rename", |(option, _)| option);
            Rule {
                rule: &format!("{what} does not go together with serde's `{clash}` here"),
                reason: "the fingerprint knows fields by their names in the JSON, and this macro cannot tell the name",
                remedy: "say the name on the field: `#[serde(rename = \"…\")]`",
            }
            .at(at, errors);
            None
        }
    }
}

/// The first of these options in the `#[serde(…)]` attributes, with its text if it has one.
fn serde<'n>(attributes: &[Attribute], names: &[&'n str]) -> Option<(&'n str, Option<String>)> {
    let (nowhere, mut ignored) = (Span::call_site(), Errors::default());
    let options = Options::of_attributes("serde", attributes, nowhere, &mut ignored);
    let (name, entry) = names.iter().find_map(|name| Some((*name, options.get(name)?)))?;
    match &entry.value {
        Value::Text(text) => Some((name, Some(text.value()))),
        _ => Some((name, None)),
    }
}
