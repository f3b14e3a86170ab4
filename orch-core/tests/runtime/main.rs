//! The runtime over the memory store: what a program sees, with handlers registered by hand.

mod accepting;
mod doubt;

mod hooks;

mod people;
mod running;
mod shutdown;
mod starting;
mod world;
