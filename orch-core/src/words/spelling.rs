//! What several words have in common, written once.

/// A checked text: a newtype over `String` with the conversions that serde, callers and stores
/// need. `$check` is its rule, and gets the name of the field for its error.
macro_rules! checked_text {
    ($name:ident, $field:literal, $check:expr) => {
        impl $name {
            /// Takes the text as it is: nothing is trimmed or folded.
            ///
            /// # Errors
            /// [`Invalid`], naming the field and the rule that it breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                $check($field, &text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Invalid;
            fn try_from(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.0
            }
        }
    };
}

/// The one spelling of each variant in columns, logs and docs, and the way back.
macro_rules! spelled {
    ($name:ident, $what:literal, $($variant:ident => $text:literal),+) => {
        impl $name {
            /// Every variant.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The variant as columns, logs and docs spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            /// # Errors
            /// A sentence with the spellings that there are, without the one given.
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL
                    .into_iter()
                    .find(|variant| variant.as_str() == text)
                    .ok_or_else(|| concat!($what, " is none of", $(" ", $text),+).to_owned())
            }
        }
    };
}

pub(crate) use {checked_text, spelled};
