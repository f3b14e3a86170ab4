//! Where a handler panicked. A caught panic carries its message but not its place, so a panic
//! hook notes the place on the panicking thread, and then does what the earlier hook did.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Once;

use crate::store::panic_text;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Chains the panic hook; once per process. An application that replaces the hook later loses
/// the place in its records, nothing else.
pub(in crate::flow) fn remember_panic_places() {
    static CHAINED: Once = Once::new();
    CHAINED.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PLACE.set(panic.location().map(ToString::to_string));
            earlier(panic);
        }));
    });
}

/// `panicked at src/pay.rs:12:5: message`. To be called on the thread that caught the panic.
pub(super) fn describe(panic: &(dyn Any + Send)) -> String {
    let message = panic_text(panic);
    match PLACE.take() {
        Some(place) => format!("panicked at {place}: {message}"),
        None => format!("panicked: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_and_the_message_are_kept() {
        remember_panic_places();
        let caught = std::panic::catch_unwind(|| panic!("out of paper")).unwrap_err();
        let text = describe(&*caught);
        assert!(text.starts_with("panicked at ") && text.ends_with(": out of paper"), "{text}");
        assert!(text.contains("panics.rs:"), "{text}");
        assert_eq!(describe(&5_u8), "panicked: (the panic's value is no text)");
    }
}
