use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::options::Options;

/// The options that one attribute takes, and the values that were given for them.
pub(crate) trait Table: Sized {
    /// What they are called.
    const NAMES: &'static [&'static str];

    /// An example of each, as the reference page has it.
    #[cfg(test)]
    const WRITTEN: &'static [&'static str];

    /// Reads the values. What is wrong is reported and left out.
    fn read(options: &Options, errors: &mut Errors) -> Self;

    /// What the values say about the handler: fields of its descriptor, `field: value, …`.
    fn descriptor(&self) -> TokenStream;
}

/// Declares the options of an attribute, a row each:
///
/// ```text
/// [as it is written] field_of_the_model: Type, how_it_is_read => field_of_the_descriptor;
/// ```
///
/// How it is read is a `fn(&mut Given) -> Option<Type>`. Where the descriptor has a field for it, the
/// type writes itself as a constant of core.
macro_rules! options {
    (
        $(#[$about:meta])*
        $Table:ident {
            $([$($written:tt)+] $field:ident: $Type:ty, $read:expr $(=> $descriptor:ident)?;)*
        }
    ) => {
        $(#[$about])*
        pub(crate) struct $Table {
            $(pub(crate) $field: Option<$Type>,)*
        }

        impl crate::options::Table for $Table {
            const NAMES: &'static [&'static str] = &[$(crate::options::name_of!($($written)+)),*];

            #[cfg(test)]
            const WRITTEN: &'static [&'static str] = &[$(stringify!($($written)+)),*];

            fn read(options: &crate::options::Options, errors: &mut crate::errors::Errors) -> Self {
                Self { $(
                    $field: options.get(crate::options::name_of!($($written)+)).and_then(|entry| {
                        let example = stringify!($($written)+);
                        $read(&mut crate::options::Given { entry, example, errors })
                    }),
                )* }
            }

            fn descriptor(&self) -> proc_macro2::TokenStream {
                let said: &[Option<proc_macro2::TokenStream>] = &[$($(
                    self.$field.as_ref().map(|value| quote::quote!($descriptor: #value,)),
                )?)*];
                said.iter().flatten().cloned().collect()
            }
        }
    };
}

/// `backoff` of `backoff(base = "1s")`.
macro_rules! name_of {
    ($name:ident $($value:tt)*) => {
        stringify!($name)
    };
}

pub(crate) use {name_of, options};
