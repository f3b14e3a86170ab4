//! The rules of the signature, each with its own message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{
    FnArg, GenericArgument, Lifetime, PathArguments, PathSegment, ReturnType, Safety, Signature,
    Type, TypeImplTrait, TypeReference,
};

use crate::errors::{Errors, Rule};

/// What the signature says: the types that the run is made of.
pub(super) struct Types<'a> {
    pub(super) command: &'a Type,
    pub(super) arguments: Vec<&'a Type>,
    pub(super) result: &'a Type,
}

impl Types<'_> {
    /// The output type. In `Result<T, …>` it is `T` as it was written, which is where its
    /// mistakes belong; behind an alias it is what the alias says.
    pub(super) fn output(&self) -> TokenStream {
        let result = self.result;
        let written = last_segment(result).filter(|last| last.ident == "Result");
        if let Some(PathArguments::AngleBracketed(arguments)) = written.map(|last| &last.arguments)
            && let Some(GenericArgument::Type(output)) = arguments.args.first()
        {
            return quote!(#output);
        }
        quote_spanned!(result.span()=> <#result as __orch::HandlerResult>::Output)
    }
}

/// Reads the types, and reports everything in the signature that a run cannot have.
pub(super) fn types<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<Types<'a>> {
    let before = errors.count();
    receiver(signature, errors)?;
    qualifiers(signature, errors);
    generics(signature, errors)?;
    let inputs: Vec<&Type> = signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        })
        .collect();
    let command = command(signature, &inputs, errors);
    arguments(inputs.get(1..).unwrap_or_default(), errors);
    let result = result(signature, errors);
    (errors.count() == before).then_some(())?;
    Some(Types { command: command?, arguments: inputs[1..].to_vec(), result: result? })
}

fn receiver(signature: &Signature, errors: &mut Errors) -> Option<()> {
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else { return Some(()) };
    Rule {
        rule: "an orchestrated function has no `self`",
        reason: "orch calls it from any process that is linked with it, where no such value exists",
        remedy: "move it out of the `impl`, and take what it needs as `thing: State<Thing>`",
    }
    .at(receiver, errors);
    None
}

/// What rustc itself refuses (`const async`, variadic) is left to it.
fn qualifiers(signature: &Signature, errors: &mut Errors) {
    let mut plain = |there: Option<TokenStream>, what: &str| {
        let Some(tokens) = there else { return };
        Rule {
            rule: &format!("an orchestrated function is not `{what}`"),
            reason: "orch calls it as a plain safe async function",
            remedy: &format!("remove `{what}`, and call the other function from a plain one"),
        }
        .at(tokens, errors);
    };
    plain(signature.abi.as_ref().map(ToTokens::to_token_stream), "extern");
    if let Safety::Unsafe(token) = &signature.safety {
        plain(Some(token.to_token_stream()), "unsafe");
    }
    if signature.asyncness.is_some() {
        return;
    }
    if let Some(token) = &signature.constness {
        return plain(Some(token.to_token_stream()), "const");
    }
    Rule {
        rule: "an orchestrated function is `async`",
        reason: "orch ends an attempt by dropping its future when the time is over; a blocking call cannot be ended",
        remedy: "write `async fn`, and run blocking code inside it with `tokio::task::spawn_blocking`",
    }
    .at(signature.fn_token, errors);
}

/// `None` if there are parameters, whose use in the types is part of the same mistake.
fn generics(signature: &Signature, errors: &mut Errors) -> Option<()> {
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        Rule {
            rule: "an orchestrated function has no generics",
            reason: "it is registered once, for one command type, and no caller could choose the types",
            remedy: "name the types, and call a generic function from it",
        }
        .at(generics, errors);
        return None;
    }
    if let Some(clause) = &generics.where_clause {
        Rule {
            rule: "an orchestrated function has no `where` clause",
            reason: "it is registered once, with types that are known",
            remedy: "remove the clause",
        }
        .at(clause, errors);
    }
    Some(())
}

fn command<'a>(
    signature: &Signature,
    inputs: &[&'a Type],
    errors: &mut Errors,
) -> Option<&'a Type> {
    let Some(first) = inputs.first() else {
        Rule {
            rule: "an orchestrated function takes its command",
            reason: "the command is what orch stores and hands to each attempt",
            remedy: "add it as the first argument: `cmd: YourCommand`, whose type derives `orch::Command`",
        }
        .at(&signature.ident, errors);
        return None;
    };
    let Parts { borrow, opaque } = Parts::of(first);
    if let Some(name @ ("Context" | "State")) = last_name(first).as_deref() {
        let rule = format!("the command comes before `{name}`");
        Rule {
            rule: &rule,
            reason: "the first argument says which command this handler takes",
            remedy: "order them as `(cmd: YourCommand, ctx: Context, thing: State<Thing>)`",
        }
        .at(first, errors);
    } else if let Some(borrow) = borrow {
        Rule {
            rule: "the command is taken by value and borrows nothing",
            reason: "each attempt decodes it from the store again, so there is nothing to borrow from",
            remedy: "take `cmd: YourCommand`, with fields that own their data, such as `String`",
        }
        .at(borrow, errors);
    } else if let Some(opaque) = opaque {
        Rule {
            rule: "the command is one type, not `impl Trait`",
            reason: "it is registered once, for one command type, and no caller could choose the type",
            remedy: "name the type that derives `orch::Command`",
        }
        .at(opaque, errors);
    }
    Some(first)
}

fn arguments(inputs: &[&Type], errors: &mut Errors) {
    for (at, input) in inputs.iter().enumerate() {
        let Parts { borrow, opaque } = Parts::of(input);
        if let Some(borrow) = borrow {
            Rule {
                rule: "arguments are taken by value",
                reason: "an attempt may move between threads and outlives its caller",
                remedy: "take `ctx: Context` and `thing: State<Thing>`; a `State` is a cheap shared handle",
            }
            .at(borrow, errors);
        } else if let Some(opaque) = opaque {
            Rule {
                rule: "an argument is one type, not `impl Trait`",
                reason: "orch finds each argument by its type",
                remedy: "take `thing: State<Thing>`, and give the thing to the runtime with `.state(thing)`",
            }
            .at(opaque, errors);
        } else if let Some(object) = state_of_a_trait(input) {
            let object = object.to_token_stream().to_string();
            Rule {
                rule: &format!("a `State` holds a type with a size, and `{object}` has none"),
                reason: "orch finds a state by the type of the value that is given with `.state(value)`",
                remedy: &format!(
                    "take `State<Arc<{object}>>`, and give `.state(thing)` where `thing` is an `Arc<{object}>`; the trait needs `Send + Sync`"
                ),
            }
            .at(input, errors);
        } else if at > 0 && last_name(input).as_deref() == Some("Context") {
            Rule {
                rule: "`Context` comes right after the command, once",
                reason: "one order for all handlers makes them readable at a glance",
                remedy: "order them as `(cmd: YourCommand, ctx: Context, thing: State<Thing>)`",
            }
            .at(input, errors);
        }
    }
}

fn result<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<&'a Type> {
    let ReturnType::Type(_, result) = &signature.output else {
        Rule {
            rule: "an orchestrated function returns `Result<T, E>`",
            reason: "the error says how an attempt ends: retry, fail or in doubt",
            remedy: "write `-> Result<(), YourError>` where `YourError` derives `orch::Outcome`",
        }
        .at(&signature.ident, errors);
        return None;
    };
    if !last_name(result).is_some_and(|name| name.ends_with("Result")) {
        Rule {
            rule: "an orchestrated function returns a `Result`, and says so by that name",
            reason: "the error says how an attempt ends: retry, fail or in doubt",
            remedy: "write `-> Result<T, YourError>` where `YourError` derives `orch::Outcome`; an alias must have a name that ends in `Result`",
        }
        .at(result, errors);
    } else if let Some(opaque) = Parts::of(result).opaque {
        Rule {
            rule: "the result is one type, not `impl Trait`",
            reason: "it is stored, and the caller that waits gets it back as this type",
            remedy: "name the type",
        }
        .at(opaque, errors);
    }
    Some(result)
}

/// The `dyn Trait` of `State<dyn Trait>`.
fn state_of_a_trait(ty: &Type) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) =
        &last_segment(ty).filter(|last| last.ident == "State")?.arguments
    else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(object @ Type::TraitObject(_)) => Some(object),
        _ => None,
    }
}

/// `Context` of `orch::Context`.
fn last_name(ty: &Type) -> Option<String> {
    last_segment(ty).map(|last| last.ident.to_string())
}

/// The last segment of a path, also where a `macro_rules!` has passed it on as a fragment.
fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        _ => None,
    }
}

/// What a type must not have inside.
#[derive(Default)]
struct Parts {
    /// The first reference or named lifetime.
    borrow: Option<TokenStream>,
    /// The first `impl Trait`.
    opaque: Option<TokenStream>,
}

impl Parts {
    fn of(ty: &Type) -> Self {
        let mut parts = Self::default();
        parts.visit_type_mut(&mut ty.clone());
        parts
    }
}

impl VisitMut for Parts {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") {
            self.borrow.get_or_insert_with(|| quote!(#reference));
        }
        syn::visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" {
            self.borrow.get_or_insert_with(|| quote!(#lifetime));
        }
    }

    fn visit_type_impl_trait_mut(&mut self, opaque: &mut TypeImplTrait) {
        self.opaque.get_or_insert_with(|| quote!(#opaque));
    }
}
