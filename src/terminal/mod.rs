//! Terminals: what words look like on one, how much room they take, and the whole of it as a screen.
//!
//! Owns ink, measuring and raw mode; must not know what is shown. The commands and the tour share it, so that a colour,
//! a refusal or a cut-off line looks the same wherever an operator meets it, and so that there is one way back out of
//! raw mode. The commoner design, strings with escape sequences in them, cannot be measured, and lets text of others
//! give orders to the terminal.

mod ink;
mod key;
mod line;
mod screen;
mod wrap;

pub use self::{
    ink::{Ink, obedient},
    key::Key,
    line::{Line, Size, fitted, width},
    screen::Screen,
    wrap::wrapped,
};
