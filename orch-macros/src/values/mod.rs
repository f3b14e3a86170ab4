//! The small grammars inside quotes, decided when the macro expands.

mod code;
mod duration;
mod name;
mod template;

pub(crate) use code::code;
pub(crate) use duration::Millis;
pub(crate) use name::{corrected, name};
pub(crate) use template::{Piece, template};
