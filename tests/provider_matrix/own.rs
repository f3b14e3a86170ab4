//! Contracts of no provider: what the ready ones do not have.

use std::time::Duration;

use orch::{Keeps, KeyLifetime, KeyPlace, Provider, Repeat, Says, Word};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// It keeps what has acted, says that it is at work, and compares bodies.
pub enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "a bank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR);
    const WORDS: &'static [Word] = &[
        Word::of(409, "in_use", Says::StillRunning),
        Word::of(422, "key_reused", Says::OtherBody),
    ];
}

/// It keeps everything for an hour, errors too, and has no word for anything.
pub enum DoubtfulBank {}

impl Provider for DoubtfulBank {
    const NAME: &'static str = "a bank without words";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR);
}

/// It refuses a reference that it has seen, with a success by its status.
pub enum Register {}

impl Provider for Register {
    const NAME: &'static str = "a register";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const WORDS: &'static [Word] = &[Word::of(200, "1172", Says::Done)];
}

/// The same, and its refusal is no word.
pub enum SilentRegister {}

impl Provider for SilentRegister {
    const NAME: &'static str = "a register without words";
    const REPEAT: Repeat = Repeat::Refuses;
}

/// The order is authorised in the browser, under the reference in the command.
pub enum CheckoutPage {}

impl Provider for CheckoutPage {
    const NAME: &'static str = "a checkout page";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[
        Word::of_code("ALREADY_PROCESSED_PAYMENT", Says::Done),
        Word::of_code("PROCESSING", Says::StillRunning),
    ];
}

/// Its keys are kept, and one of its words is *done already*.
pub enum Biller {}

impl Provider for Biller {
    const NAME: &'static str = "a biller";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR);
    const WORDS: &'static [Word] = &[Word::of_status(410, Says::Done)];
}
