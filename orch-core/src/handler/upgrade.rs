//! What the code that `upgrade = …` emits calls.

use std::fmt;

use super::TypedCommand;
use crate::provider::Message;
use crate::words::{CannotRead, Payload, Reading, storable};

/// The upgrade of a command behind its types. The bound of [`upgrade`] is the only one on the
/// function; what the methods need of it is kept here.
pub struct Upgrade<C, F> {
    from: u32,
    function: F,
    read: fn(F, &Payload, Reading) -> Result<C, CannotRead>,
}

/// The upgrade to a command by this function.
#[must_use]
pub const fn upgrade<C: TypedCommand, Old, Form, F>(function: F) -> Upgrade<C, F>
where
    F: UpgradeFn<Old, C, Form>,
{
    Upgrade { from: F::FROM, function, read: F::read }
}

impl<C, F: Copy> Upgrade<C, F> {
    /// Reads a command that is stored in an earlier version.
    ///
    /// # Errors
    /// [`CannotRead`].
    pub fn read(&self, stored: &Payload, reading: Reading) -> Result<C, CannotRead> {
        (self.read)(self.function, stored, reading)
    }

    /// Stops the build unless the function takes an earlier version than this one. Only called while
    /// constants are evaluated.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub const fn leads_to(&self, version: u32) {
        if self.from >= version {
            let message = Message::EMPTY
                .with("`upgrade` takes a command of version ")
                .with_number(self.from as u128)
                .with(", and this is version ")
                .with_number(version as u128)
                .with("\nnote: an upgrade makes a later version of an earlier one")
                .with(
                    "\nhelp: give this command a larger `version`, or name a function that takes ",
                )
                .with("the type of an earlier one");
            panic!("{}", message.as_str());
        }
    }
}

impl<C, F> fmt::Debug for Upgrade<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("from", &self.from).finish_non_exhaustive()
    }
}

/// An `upgrade` function: takes the command as an earlier version of it, and returns the present
/// one, or an error where there is none for it.
#[diagnostic::on_unimplemented(
    message = "this function cannot be the upgrade to `{New}`",
    label = "not the signature of an upgrade",
    note = "what an earlier version has stored is read as the type that it had then, and the upgrade makes a `{New}` of it",
    note = "usage:\n\n    fn name(before: Before) -> {New}\n\nwhere `Before` is the earlier type and still derives `Command`; `Result<{New}, E>` with `E: Display` may be returned as well, and it is no `async fn`"
)]
pub trait UpgradeFn<Old, New, Form>: Copy + Send + 'static {
    /// The version that it takes.
    const FROM: u32;

    /// Reads a command that is stored in the version that it takes, or in an earlier one.
    ///
    /// # Errors
    /// [`CannotRead`].
    fn read(self, stored: &Payload, reading: Reading) -> Result<New, CannotRead>;
}

/// The form of an upgrade that always succeeds.
///
/// The forms differ in their type, so that either may be written; and with two of them rustc reports
/// a mistake in the words of [`UpgradeFn`].
#[derive(Debug, Clone, Copy)]
pub enum Infallible {}

/// The form of an upgrade that may return an error.
#[derive(Debug, Clone, Copy)]
pub enum Fallible {}

#[diagnostic::do_not_recommend]
impl<F, Old, New> UpgradeFn<Old, New, Infallible> for F
where
    F: Fn(Old) -> New + Copy + Send + 'static,
    Old: TypedCommand,
    New: TypedCommand,
{
    const FROM: u32 = Old::VERSION;

    fn read(self, stored: &Payload, reading: Reading) -> Result<New, CannotRead> {
        earlier::<Old, New>(stored, reading).map(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F, Old, New, E> UpgradeFn<Old, New, (Fallible, E)> for F
where
    F: Fn(Old) -> Result<New, E> + Copy + Send + 'static,
    Old: TypedCommand,
    New: TypedCommand,
    E: fmt::Display,
{
    const FROM: u32 = Old::VERSION;

    fn read(self, stored: &Payload, reading: Reading) -> Result<New, CannotRead> {
        let refused = |error: E| CannotRead::Refused {
            from: Old::VERSION,
            reason: storable(&error.to_string()),
        };
        self(earlier::<Old, New>(stored, reading)?).map_err(refused)
    }
}

/// The command as the type from which the upgrade leads.
fn earlier<Old: TypedCommand, New: TypedCommand>(
    stored: &Payload,
    reading: Reading,
) -> Result<Old, CannotRead> {
    Old::read(stored, reading).map_err(|why| match why {
        // It lies between the two: the fault is the upgrade's, not the program's age.
        CannotRead::Newer { found, .. } => CannotRead::NoUpgrade { found, known: New::VERSION },
        why => why,
    })
}
