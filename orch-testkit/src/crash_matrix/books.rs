use std::sync::Arc;

/// What a fake of the provider has seen and done. [`ScriptedProvider`](crate::ScriptedProvider)
/// has it; for a fake of your own it is two lines.
///
/// ```
/// # use std::sync::Mutex;
/// # use orch_testkit::ProviderBooks;
/// struct FakeGateway {
///     calls: Mutex<Vec<String>>,
///     charges: Mutex<usize>,
/// }
///
/// impl ProviderBooks for FakeGateway {
///     fn keys(&self) -> Vec<String> {
///         self.calls.lock().unwrap().clone()
///     }
///
///     fn effects(&self) -> usize {
///         *self.charges.lock().unwrap()
///     }
/// }
/// ```
///
/// Write a call down when it arrives, and let its answer take its time
/// (`tokio::task::yield_now().await` is enough): that is where a process can die after the
/// provider has acted.
pub trait ProviderBooks: Send + Sync + 'static {
    /// The idempotency key of every call that could act, in the order of arrival; an empty text
    /// for a call without one. Questions of a reconcile do not count.
    fn keys(&self) -> Vec<String>;

    /// How often the provider has acted: charges made, files stored, messages sent.
    fn effects(&self) -> usize;
}

impl<T: ProviderBooks + ?Sized> ProviderBooks for Arc<T> {
    fn keys(&self) -> Vec<String> {
        (**self).keys()
    }

    fn effects(&self) -> usize {
        (**self).effects()
    }
}
